"""The card that goes with an export: of what it is made, by whose licences, and whether it was opened again."""

from collections.abc import Iterator, Sequence

from adapt.registry.artifacts import Artifact
from adapt.registry.cards import CardText, as_code, continue_card, data_table, render_card, shown
from adapt.registry.licences import LicenceReport, hub_fields
from adapt.registry.origins import ancestors, base_licence, is_hub_id
from adapt.registry.registry import Registry
from adapt.workspace.folder import Workspace
from merge.export.verify import Verification

CARD = "README.md"


def export_card(
    workspace: Workspace, artifact: Artifact, licences: LicenceReport, verification: Verification
) -> str:
    """Return the card of an exported artifact: the one that it was published with, and what is known of it now."""
    registry = Registry(workspace)
    card, made_of = artifact.card, ancestors(registry, [artifact])
    path = artifact.path / CARD
    text = path.read_text(encoding="utf-8") if path.is_file() else _fresh(artifact)
    data = list(dict.fromkeys(record for ancestor in made_of for record in ancestor.card.data))
    sections = {
        "Made of": _lineage(made_of),
        **({"Data": data_table(data)} if data else {}),
        **({"Measured": as_code(card.metrics)} if card.metrics else {}),
        **({"Recipe": as_code(card.settings)} if card.settings else {}),
        "Licences": _licences(licences),
        "Export": f"{artifact.reference}, taken out of its workspace by Adapt; {verification.sentence}.",
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
    for ancestor in made_of:
        yield f"| {ancestor.reference} | {ancestor.card.kind} | {ancestor.card.licence or 'not stated'} |"
        base = ancestor.card.base
        if base is not None:
            stated = base_licence(base.id) or "not stated"
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
            lines += ["", f"{title}:", "", *(f"- {sentence}" for sentence in sentences)]
    return "\n".join(lines)
