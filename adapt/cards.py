"""The Hugging Face model card (README.md) of an artifact: base, parents, data, settings, metrics, licence.

Written into the folder before it is published, so that it travels with the weights. Paths of this machine stay out of it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import JsonValue

from adapt.artifacts import BaseRecord, DataRecord, Kind

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
    if text.licence:
        front.append(f"license: {json.dumps(text.licence)}")
    front += ["tags:", "- adapt", "---", ""]
    parts = [f"# {text.name}", text.summary]
    if text.base is not None:
        parts.append(f"Base: `{shown(text.base.id)}` (weights' SHA-256 `{text.base.sha256[:16]}…`)")
    if text.parents:
        parts.append("Parents: " + ", ".join(f"`{shown(p)}`" for p in text.parents))
    if text.data:
        rows = [f"| {d.name} | {d.role} | {d.rows} | `{d.sha256[:16]}…` |" for d in text.data]
        head = ["| file | role | rows | SHA-256 |", "|---|---|---|---|"]
        parts.append("## Data\n\n" + "\n".join([*head, *rows]))
    for title, table in (("Measured", text.metrics), ("Settings", text.settings)):
        if table:
            body = json.dumps(dict(table), indent=2, ensure_ascii=False)
            parts.append(f"## {title}\n\n```json\n{body}\n```")
    if text.use:
        parts.append(f"## Use\n\n{text.use}")
    if not text.licence:
        parts.append("Licence: not stated; that of the base and of the data applies.")
    return "\n".join(front) + "\n" + "\n\n".join(part for part in parts if part) + "\n"


def shown(reference: str) -> str:
    """Return a reference for others to read: of a folder on this machine only its own name."""
    return Path(reference).name if Path(reference).is_absolute() else reference
