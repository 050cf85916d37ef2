"""The card that goes with an export: of what it is made, by whose licences, and whether it was opened again."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from huggingface_hub import try_to_load_from_cache

from adapt.artifacts import Artifact, BaseRecord
from adapt.bases import STARTER
from adapt.cards import (
    CardText,
    as_code,
    continue_card,
    data_table,
    render_card,
    shown,
)
from adapt.licences import LicenceReport, folder_licence, hub_fields
from adapt.registry import Registry
from adapt.workspace import Workspace
from merge.golden import Verification

CARD = "README.md"


def licences_of(workspace: Workspace, artifacts: Sequence[Artifact]) -> dict[str, str]:
    """Return the parts of which artifacts are made in the end, bases and what has no parents, each with its licence.

    What was merged of others has the licences of those; it is looked at itself only where a parent was removed.
    """
    registry = Registry(workspace)
    parts: dict[str, str] = {}
    for artifact in _ancestors(registry, artifacts):
        found = [registry.find(parent) for parent in artifact.card.parents]
        if not found or None in found:
            parts[artifact.reference] = artifact.card.licence
        base = artifact.card.base
        if base is not None and registry.find(base.id) is None:
            parts[f"base {shown(base.id)}"] = _base_licence(base)
    return parts


def _ancestors(registry: Registry, artifacts: Sequence[Artifact]) -> list[Artifact]:
    """Return artifacts, their parents and their bases in the registry, each once."""
    found: dict[str, Artifact] = {}

    def walk(artifact: Artifact) -> None:
        if artifact.reference in found:
            return
        found[artifact.reference] = artifact
        base = [artifact.card.base.id] if artifact.card.base else []
        for name in [*artifact.card.parents, *base]:
            parent = registry.find(name)
            if parent is not None:
                walk(parent)

    for artifact in artifacts:
        walk(artifact)
    return list(found.values())


def _base_licence(base: BaseRecord) -> str:
    folder = STARTER if base.id == "starter" else Path(base.id)
    if folder.is_dir():
        return folder_licence(folder)
    cached = try_to_load_from_cache(base.id, CARD) if is_hub_id(base.id) else None
    return folder_licence(Path(cached).parent) if isinstance(cached, str) else ""


def is_hub_id(name: str) -> bool:
    """Return whether a base's name is that of a repository on the Hub: OWNER/NAME."""
    return bool(re.fullmatch(r"[\w.-]+/[\w.-]+", name)) and not Path(name).exists()


def export_card(
    workspace: Workspace, artifact: Artifact, licences: LicenceReport, verification: Verification
) -> str:
    """Return the card of an exported artifact: the one that it was published with, and what is known of it now."""
    registry = Registry(workspace)
    card, made_of = artifact.card, _ancestors(registry, [artifact])
    path = artifact.path / CARD
    text = path.read_text(encoding="utf-8") if path.is_file() else _fresh(artifact)
    data = list(dict.fromkeys(record for one in made_of for record in one.card.data))
    sections = {
        "Made of": _lineage(made_of),
        **({"Data": data_table(data)} if data else {}),
        **({"Measured": as_code(card.metrics)} if card.metrics else {}),
        **({"Recipe": as_code(card.settings)} if card.settings else {}),
        "Licences": _licences(licences),
        "Export": f"{artifact.reference}, taken out of its workspace by Adapt; {verification.said}.",
    }
    fields = dict(hub_fields(licences.expression))
    if card.base is not None and is_hub_id(card.base.id):
        fields["base_model"] = card.base.id
    return continue_card(text, front=fields, sections=sections)


def _fresh(artifact: Artifact) -> str:
    card = artifact.card
    return render_card(CardText(card.name, card.kind, summary=card.summary, base=card.base))


def _lineage(made_of: Sequence[Artifact]) -> str:
    rows = list(_lineage_rows(made_of))
    return "\n".join(["| what | kind | licence |", "|---|---|---|", *dict.fromkeys(rows)])


def _lineage_rows(made_of: Sequence[Artifact]) -> Iterator[str]:
    for one in made_of:
        yield f"| {one.reference} | {one.card.kind} | {one.card.licence or 'not stated'} |"
        base = one.card.base
        if base is not None:
            stated = _base_licence(base) or "not stated"
            yield f"| {shown(base.id)} (`{base.sha256[:16]}…`) | base | {stated} |"


def _licences(report: LicenceReport) -> str:
    lines = [f"- {part}: {licence or 'not stated'}" for part, licence in report.licences.items()]
    if report.expression:
        lines += ["", f"All of them together: {report.expression}."]
    for title, sentences in (
        ("In conflict, and accepted by the person who exported this", report.conflicts),
        ("Not known", report.warnings),
        ("Asked of whoever passes it on", report.asks),
    ):
        if sentences:
            lines += ["", f"{title}:", "", *(f"- {one}" for one in sentences)]
    return "\n".join(lines)
