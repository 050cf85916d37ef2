"""What an artifact is: its card (base, parents, settings, data, metrics, files) and its folder.

Not here: how artifacts are published and found (`adapt.registry.registry`), and the readable model card
(`adapt.registry.cards`).
"""

import hashlib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, JsonValue

Kind = Literal["base", "adapter", "model", "collection", "preferences"]
CARD = "card.json"


class FileRecord(BaseModel):
    """What a file held when it was published."""

    model_config = ConfigDict(frozen=True)
    sha256: str
    bytes: int


class BaseRecord(BaseModel):
    """The base model that an artifact belongs to: how it was named, and the fingerprint of its weights."""

    model_config = ConfigDict(frozen=True)
    id: str
    sha256: str


class DataRecord(BaseModel):
    """A file of examples that went into an artifact.

    Attributes:
        role: train, test, validation or keep (the base is kept there).
        licence: what its rows or its dataset's card name, joined by AND; empty where a row has none.
    """

    model_config = ConfigDict(frozen=True)
    name: str
    sha256: str
    rows: int
    role: str = "train"
    licence: str = ""


class Card(BaseModel):
    """All that is known of an artifact; enough to repeat the run that made it."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    format: int = 1
    name: str
    version: int
    kind: Kind
    base: BaseRecord | None = None
    parents: tuple[str, ...] = ()
    settings: dict[str, JsonValue] = {}
    data: tuple[DataRecord, ...] = ()
    metrics: dict[str, JsonValue] = {}
    licence: str = ""
    summary: str = ""
    created_at: str
    files: dict[str, FileRecord]

    @property
    def worse_than_base(self) -> tuple[str, ...]:
        """Return the domains on which it was measured to be worse than its base; such a version is no production one."""
        domains = self.metrics.get("worse_than_base")
        return tuple(map(str, domains)) if isinstance(domains, list) else ()


class Artifact:
    """A published version: its card and its folder."""

    def __init__(self, path: Path, card: Card) -> None:
        self.path = path
        self.card = card

    @property
    def reference(self) -> str:
        """Return `name@version`."""
        return f"{self.card.name}@{self.card.version}"

    def __repr__(self) -> str:
        """Return kind and reference."""
        return f"<{self.card.kind} {self.reference}>"


def sha256_file(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Aliases(BaseModel):
    """Where a name's aliases point; `history` are earlier production versions, `highest` the last number given."""

    names: dict[str, int] = {}
    history: list[int] = []
    highest: int = 0


def file_faults(artifact: Artifact) -> list[str]:
    """Return what of an artifact's files is not as its card has it, one sentence each; every file is hashed again."""
    files, where = artifact.card.files, artifact.reference
    paths = (path for path in artifact.path.rglob("*") if path.is_file())
    present = {path.relative_to(artifact.path).as_posix() for path in paths} - {CARD}
    faults = [f"{where}: {name} is missing" for name in sorted(files.keys() - present)]
    faults += [f"{where}: {name} is not in its card" for name in sorted(present - files.keys())]
    changed = (
        name
        for name in sorted(present & files.keys())
        if sha256_file(artifact.path / name) != files[name].sha256
    )
    return faults + [
        f"{where}: {name} was changed after publication (SHA-256 differs)" for name in changed
    ]
