"""Which base model a name means: `starter`, a local folder, a merged model of the registry, or a hub id.

Not here: loading weights (`adapt.models.loading`). This file imports neither torch nor transformers, so that a recipe can be
checked in milliseconds.
"""

import hashlib
import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from adapt.errors import ModelError
from adapt.registry.artifacts import BaseRecord, sha256_file
from adapt.registry.bases.hub import fetch, find_local
from adapt.registry.model_files import INDEX, check_model_folder, indexed_files
from adapt.registry.registry import Registry
from adapt.workspace.folder import Workspace, write_atomic

STARTER = Path(__file__).parents[2] / "starter" / "model"
WEIGHTS = "*.safetensors"
WANTED = (WEIGHTS, "*.json", "*.model", "*.jinja", "*.txt")


@dataclass(frozen=True)
class Base:
    """A base model on this disk: how it was named, and its folder."""

    id: str
    path: Path
    workspace: Workspace = field(repr=False, compare=False)

    @cached_property
    def sha256(self) -> str:
        """Return the fingerprint of its weights and configuration, as they are when it is first asked for."""
        return self.fingerprint_now()

    def fingerprint_now(self) -> str:
        """Return the fingerprint as it is now; what was not touched since it was last read is not read again."""
        files = [self.path / "config.json", *sorted(self.path.glob(WEIGHTS))]
        return fingerprint(files, self.workspace)

    @property
    def record(self) -> BaseRecord:
        """Return what a card keeps of it."""
        return BaseRecord(id=self.id, sha256=self.sha256)


def find_base(name: str, workspace: Workspace) -> Base:
    """Return the base that a name means; a hub id that is not here is fetched unless `HF_HUB_OFFLINE` is set.

    One that is here stays the version that it is; `adapt.registry.bases.fetch` brings a newer one.

    Raises:
        ModelError: nothing of that name is here, or the folder is not a model in safetensors.
    """
    if name == "starter":
        return _describe("starter", STARTER, workspace)
    folder = Path(name).expanduser()
    if folder.is_dir():
        return _describe(str(folder.resolve()), folder.resolve(), workspace)
    artifact = Registry(workspace).find(name)
    if artifact is not None:
        if artifact.card.kind not in ("model", "base"):
            raise ModelError(
                f"{artifact.reference} is an {artifact.card.kind}, not a base model; "
                "merge it first, or name its base"
            )
        return _describe(artifact.reference, artifact.path, workspace)
    here = find_hub_folder(name)
    if here is not None:
        return _describe(name, here, workspace)
    hint = "check the id and the network, or name a local folder or a registered model"
    return _describe(name, fetch(name, WANTED, what="base", hint=hint), workspace)


def find_hub_folder(name: str) -> Path | None:
    """Return the folder of a hub id whose files are all here, or None; the hub is not asked."""
    folder = find_local(name, WANTED)
    if folder is None or not (folder / "config.json").is_file():
        return None
    if not (folder / INDEX).is_file():
        return folder if any(folder.glob(WEIGHTS)) else None
    try:
        indexed_files(folder)
    except (
        ModelError
    ):  # an interrupted download of huggingface_hub 1 leaves a folder that holds some of them
        return None
    return folder


def _describe(name: str, folder: Path, workspace: Workspace) -> Base:
    config = folder / "config.json"
    if not config.exists():
        raise ModelError(f"base '{name}': {folder} has no config.json; is it a model folder?")
    if not any(folder.glob(WEIGHTS)):
        raise ModelError(
            f"base '{name}': {folder} has no *.safetensors; convert the model to safetensors first "
            "(other weight files can run code and are not read)"
        )
    try:
        check_model_folder(folder)
    except ModelError as error:
        raise ModelError(f"base '{name}': {error}") from error
    return Base(name, folder, workspace)


def fingerprint(files: list[Path], workspace: Workspace) -> str:
    """Return one hash over the names and contents of files; remembered by path, size and time of change."""
    remembered = workspace.cache / "fingerprints.json"
    try:
        known = json.loads(remembered.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        known = {}  # a cache only: missing or damaged means hashing again
    digest = hashlib.sha256()
    changed = False
    for file in files:
        stat = file.stat()
        key = f"{file.resolve()}|{stat.st_size}|{stat.st_mtime_ns}"
        if key not in known:
            known[key] = sha256_file(file)
            changed = True
        digest.update(f"{file.name}\0{known[key]}\n".encode())
    if changed:
        write_atomic(remembered, json.dumps(known, indent=0))
    return digest.hexdigest()
