"""The report of a merge on the page: verdict, advice, a row per domain, what it is compared with, and a heat map."""

import streamlit as st
from pydantic import BaseModel, JsonValue

from ui.components.safe import plain, show_table
from ui.display.printable import printable_line

REPORT = "merge_report"  # the card's metric that `merge.report.report.Report.as_json` fills
CELL = 42  # pixels


class Share(BaseModel):
    """A share with its 95 % interval."""

    value: float
    low: float
    high: float

    @property
    def text(self) -> str:
        """Return it for people."""
        return f"{100 * self.value:.0f} % [{100 * self.low:.0f}, {100 * self.high:.0f}]"


class Mean(BaseModel):
    """A mean score; the rest of what is stored is not shown."""

    mean: float
    n: int


class Domain(BaseModel):
    """One domain's row."""

    adapter: str
    base: Mean
    own: Mean
    merged: Mean
    gain_recovered: Share | None


class Layer(BaseModel):
    """The geometry of one layer, matrices between the adapters."""

    layer: str
    cosines: list[list[float | None]]
    sign_conflicts: list[list[float | None]]


class Analysis(BaseModel):
    """The geometry of all layers."""

    adapters: list[str]
    layers: list[Layer]


class MergeReport(BaseModel):
    """What `merge.report.report.Report.as_json` says, as far as the page shows it."""

    verdict: str
    advice_line: str
    domains: dict[str, Domain]
    controls: dict[str, dict[str, float]] = {}
    analysis: Analysis | None = None


def show_merge_report(stored: JsonValue) -> None:
    """Draw a stored report."""
    report = MergeReport.model_validate(stored)
    worse = report.verdict.startswith("WORSE")
    (st.error if worse else st.success)(plain(report.verdict))
    st.markdown(f"**Advice:** {plain(report.advice_line)}")
    show_table([_row(name, domain) for name, domain in report.domains.items()])
    if report.controls:
        st.markdown("**Compared with**")
        show_table([{"model": name, **means} for name, means in report.controls.items()])
    if report.analysis is not None and len(report.analysis.adapters) > 1:
        st.markdown("**Geometry of the adapters**")
        st.vega_lite_chart(heat_map(report.analysis))
        st.caption(
            "Cosine of each pair's changes, layer by layer: 0 unrelated, 1 the same, -1 opposite. The number is the share "
            "of what both change that they change in opposite directions, 50 % for unrelated ones."
        )


def _row(name: str, domain: Domain) -> dict[str, str | float | int]:
    kept = domain.gain_recovered
    return {
        "domain": name,
        "base": domain.base.mean,
        "own adapter": domain.own.mean,
        "merged": domain.merged.mean,
        "gain kept": kept.text if kept else "own gain not significant",
        "rows": domain.base.n,
    }


def heat_map(analysis: Analysis) -> dict[str, object]:
    """Return a chart with a column per layer and a row per pair, coloured by cosine."""
    names = [printable_line(name) for name in analysis.adapters]
    values = [
        {
            "layer": layer.layer,
            "pair": f"{names[first]} / {names[second]}",
            "cosine": layer.cosines[first][second],
            "opposed": f"{100 * (layer.sign_conflicts[first][second] or 0):.0f}",
        }
        for layer in analysis.layers
        for first in range(len(names))
        for second in range(first + 1, len(names))
        if layer.cosines[first][second] is not None
    ]
    x = {"field": "layer", "type": "ordinal", "sort": None, "title": None}
    y = {
        "field": "pair",
        "type": "nominal",
        "sort": None,
        "title": None,
        "axis": {"labelLimit": 240},
    }
    colour = {
        "field": "cosine",
        "type": "quantitative",
        "scale": {"domain": [-1, 0, 1], "range": ["#b45309", "#f5f5f4", "#0f766e"]},
    }
    return {
        "data": {"values": values},
        "height": {"step": CELL},
        "encoding": {"x": x, "y": y},
        "layer": [
            {"mark": "rect", "encoding": {"color": colour}},
            {"mark": "text", "encoding": {"text": {"field": "opposed", "type": "nominal"}}},
        ],
    }
