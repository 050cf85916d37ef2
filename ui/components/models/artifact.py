"""One entry of the registry: what it is, what it came from, how it measured, its loss curve, and promotion."""

import streamlit as st
from pydantic import JsonValue

from adapt.errors import AdaptError
from adapt.registry.artifacts import Artifact
from ui.components.models.merge_report import REPORT, show_merge_report
from ui.components.safe import cell, plain, show_code, show_table, show_text
from ui.context import Context
from ui.display.printable import printable_line

CURVE = "loss.svg"  # finetune stores it with every adapter


def describe(ctx: Context, artifact: Artifact) -> dict[str, str]:
    """Return an entry's row in the list."""
    card = artifact.card
    aliases = [
        a for a, version in ctx.registry.aliases(card.name).items() if version == card.version
    ]
    return {
        "reference": artifact.reference,
        "kind": card.kind,
        "alias": ", ".join(aliases),
        "base": printable_line(card.base.id) if card.base else "",
        "summary": cell(card.summary),
        "made": card.created_at.replace("T", " ")[:16],
    }


def show_artifact(ctx: Context, artifact: Artifact) -> None:
    """Draw one entry."""
    card = artifact.card
    if card.summary:
        show_text(card.summary)
    st.button(
        f"Make {plain(artifact.reference)} the production version",
        key=f"promote-{artifact.reference}",
        icon=":material/star:",
        on_click=_promote,
        args=(ctx, artifact.reference),
        help=_why_not(artifact),
        disabled=bool(card.worse_than_base)
        or ctx.registry.aliases(card.name).get("production") == card.version,
    )
    report = card.metrics.get(REPORT)
    if report is not None:
        show_merge_report(report)
    st.markdown("**Measured**")
    measures = [{"measure": key, "value": value} for key, value in flatten(_others(card.metrics))]
    if measures:
        show_table(measures)
    else:
        st.caption("Nothing measured.")
    curve = artifact.path / CURVE
    if curve.is_file():
        st.markdown("**Loss**")
        st.image(str(curve), width="stretch", alt="training and held-out loss by step")
    st.markdown("**Comes from**")
    show_code(_lineage(ctx, artifact))
    st.caption(plain(f"folder: {artifact.path}"))


def _why_not(artifact: Artifact) -> str | None:
    """Return why a version is not promoted here."""
    worse = artifact.card.worse_than_base
    if not worse:
        return None
    return plain(
        f"worse than the base on {', '.join(worse)}; 'adapt models promote {artifact.reference} --force' does it anyway"
    )


def _others(metrics: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """Return what a report of a merge does not show already."""
    return {key: value for key, value in metrics.items() if key != REPORT}


def flatten(metrics: JsonValue, prefix: str = "") -> list[tuple[str, str]]:
    """Return nested metrics as lines `task.mean` → value; lists are left out."""
    if isinstance(metrics, dict):
        return [
            line
            for key, value in metrics.items()
            for line in flatten(value, f"{prefix}.{key}" if prefix else key)
        ]
    return [] if isinstance(metrics, list) else [(prefix, str(metrics))]


def _lineage(ctx: Context, artifact: Artifact) -> str:
    lines = []
    for depth, reference, ancestor in ctx.registry.lineage(artifact.reference):
        data = (
            [f"{d.name} ({d.rows} rows, {d.role})" for d in ancestor.card.data] if ancestor else []
        )
        what = ancestor.card.kind if ancestor else "removed" if "@" in reference else "base model"
        lines.append(
            f"{'    ' * depth}{reference} · {what}{' · ' if data else ''}{', '.join(data)}"
        )
    return "\n".join(lines)


def _promote(ctx: Context, reference: str) -> None:
    try:
        ctx.registry.promote(reference)
    except AdaptError as error:
        st.toast(plain(str(error)), icon=":material/error:")
    else:
        st.toast(f"{plain(reference)} is in production", icon=":material/star:")
