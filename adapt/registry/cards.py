"""The Hugging Face model card (README.md) of an artifact: base, parents, data, settings, metrics, licence.

Written into the folder before it is published, so that it travels with the weights, and continued when it is exported. Paths
of this machine stay out of it.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from pydantic import JsonValue

from adapt.registry.artifacts import BaseRecord, DataRecord, Kind
from adapt.registry.licences import hub_fields

LIBRARY = {"adapter": "peft", "model": "transformers"}


@dataclass(frozen=True)
class CardText:
    """What a model card says; everything but name and kind may be empty."""

    name: str
    kind: Kind
    summary: str = ""
    base: BaseRecord | None = None
    parents: Sequence[str] = ()
    data: Sequence[DataRecord] = ()
    settings: Mapping[str, JsonValue] = field(default_factory=dict)
    metrics: Mapping[str, JsonValue] = field(default_factory=dict)
    licence: str = ""
    use: str = ""


def write_card(folder: Path, text: CardText) -> None:
    """Write the card as the folder's README.md."""
    (folder / "README.md").write_text(render_card(text), encoding="utf-8")


def render_card(text: CardText) -> str:
    """Return the card in Markdown with the hub's front matter."""
    front = ["---", f"library_name: {LIBRARY.get(text.kind, 'adapt')}"]
    front += [f"{key}: {json.dumps(value)}" for key, value in hub_fields(text.licence).items()]
    front += ["tags:", "- adapt", "---", ""]
    parts = [f"# {text.name}", text.summary]
    if text.base is not None:
        parts.append(f"Base: `{shown(text.base.id)}` (weights' SHA-256 `{text.base.sha256[:16]}…`)")
    if text.parents:
        parts.append("Parents: " + ", ".join(f"`{shown(p)}`" for p in text.parents))
    if text.data:
        parts.append(f"## Data\n\n{data_table(text.data)}")
    for title, table in (("Measured", text.metrics), ("Settings", text.settings)):
        if table:
            parts.append(f"## {title}\n\n{as_code(table)}")
    if text.use:
        parts.append(f"## Use\n\n{text.use}")
    if not text.licence:
        parts.append("Licence: not stated; that of the base and of the data applies.")
    return "\n".join(front) + "\n" + "\n\n".join(part for part in parts if part) + "\n"


def shown(reference: str) -> str:
    """Return a reference for others to read: of a folder on this machine only its own name."""
    return Path(reference).name if Path(reference).is_absolute() else reference


def data_table(records: Sequence[DataRecord]) -> str:
    """Return files of examples as a table in Markdown."""
    rows = [f"| {d.name} | {d.role} | {d.rows} | `{d.sha256[:16]}…` |" for d in records]
    return "\n".join(["| file | role | rows | SHA-256 |", "|---|---|---|---|", *rows])


def as_code(table: Mapping[str, JsonValue]) -> str:
    """Return values as a block of JSON, paths of this machine cut to their last names."""
    return f"```json\n{without_paths(json.dumps(dict(table), indent=2, ensure_ascii=False))}\n```"


def without_paths(text: str) -> str:
    """Return text in which only the end is left of each path of this machine: two folders or more, from root or home."""
    return re.sub(r"(?<![\w:/.~<-])~?/(?:[^\s/\"'`+,;]+/)+(?=[^\s/\"'`+,;])", "", text)


def continue_card(text: str, *, front: Mapping[str, JsonValue], sections: Mapping[str, str]) -> str:
    """Return a card with these fields in its front matter and these sections (title, then Markdown) at its end.

    A section whose title it has already is left as it is there.
    """
    head: object = {}
    body = text
    if text.startswith("---\n"):
        written, _, body = text[4:].partition("\n---\n")
        head = yaml.safe_load(written)
    fields = {**(head if isinstance(head, dict) else {}), **front}
    there = set(re.findall(r"(?m)^## (.+?)\s*$", body))
    added = [f"## {title}\n\n{part}" for title, part in sections.items() if title not in there]
    dumped = yaml.safe_dump(fields, sort_keys=False, allow_unicode=True)
    return f"---\n{dumped}---\n" + "\n\n".join([body.strip("\n"), *added]) + "\n"
