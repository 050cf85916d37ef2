"""The scoreboard of a demo: models against tasks with their 95 % intervals, as a table and as a chart per task."""

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st
from pydantic import JsonValue, TypeAdapter

from adapt.jobs.jobs import Job
from ui.components.safe import plain, show_table
from ui.display.printable import printable_line

ROW_HEIGHT, AXIS_HEIGHT = 34, 90  # pixels


@dataclass(frozen=True)
class Gain:
    """How much better than the base; `low` and `high` bound 95 % (paired bootstrap)."""

    difference: float
    low: float
    high: float
    better: bool


@dataclass(frozen=True)
class Cell:
    """One model's score on one task."""

    mean: float
    low: float
    high: float
    n: int
    gain: Gain

    def text(self, *, base: bool) -> str:
        """Return the score with its interval and, except for the base, its gain."""
        score = f"{self.mean:.2f} ({self.low:.2f} to {self.high:.2f})"
        if base:
            return score
        return f"{score}  {self.gain.difference:+.2f}{' ✓' if self.gain.better else ''}"


Board = dict[str, dict[str, Cell]]
RECOVERED: TypeAdapter[dict[str, dict[str, float | None]]] = TypeAdapter(
    dict[str, dict[str, float | None]]
)
BOARD: TypeAdapter[Board] = TypeAdapter(Board)


def newest_result(jobs: Sequence[Job]) -> tuple[Job, dict[str, JsonValue]] | None:
    """Return the newest job that ended with a scoreboard, and its result; jobs come newest first."""
    for job in jobs:
        if isinstance(job.result, dict) and "scoreboard" in job.result:
            return job, job.result
    return None


def read_board(stored: JsonValue) -> Board:
    """Return a stored scoreboard (`adapt.evaluation.tasks.Scoreboard.as_metrics`): model → task → cell, the base first."""
    return BOARD.validate_python(stored)


def show_recovered(recovered: JsonValue) -> None:
    """Draw which share of each adapter's gain a merged model keeps (`ui.demo.run.DemoReport.as_json`)."""
    shares = RECOVERED.validate_python(recovered)
    if not shares:
        return
    st.markdown("**Share of the adapters' gains that each merged model keeps**")
    rows = [
        {"model": model, **{task: _percent(share) for task, share in tasks.items()}}
        for model, tasks in shares.items()
    ]
    show_table(rows)


def _percent(share: float | None) -> str:
    return "no gain to keep" if share is None else f"{100 * share:.0f} %"


def show_board(board: Board) -> None:
    """Draw the table and, for each task, a bar per model with its interval."""
    base = next(iter(board))
    rows = [
        {"model": model, **{task: cell.text(base=model == base) for task, cell in cells.items()}}
        for model, cells in board.items()
    ]
    show_table(rows)
    st.caption(
        "Held-out score (95 % interval), then the gain over the base; ✓ where the whole interval of "
        "the gain lies above zero."
    )
    for task, cell in board[base].items():
        st.markdown(f"**{plain(task)}** · {cell.n} held-out examples")
        st.vega_lite_chart(_chart(board, task), height=AXIS_HEIGHT + ROW_HEIGHT * len(board))


def _chart(board: Board, task: str) -> dict[str, object]:
    values = [
        {
            "model": printable_line(model),
            "score": cells[task].mean,
            "low": cells[task].low,
            "high": cells[task].high,
            "better": "better than the base" if cells[task].gain.better else "not shown better",
        }
        for model, cells in board.items()
    ]
    scale = {"domain": [0, 1]}
    axis = {"field": "model", "type": "nominal", "sort": None, "title": None}
    colours = {
        "domain": ["better than the base", "not shown better"],
        "range": ["#0f766e", "#9aa8a5"],
    }
    return {
        "data": {"values": values},
        "encoding": {"y": {**axis, "axis": {"labelLimit": 160, "labelOverlap": False}}},
        "layer": [
            {
                "mark": {"type": "bar", "height": {"band": 0.6}, "cornerRadiusEnd": 3},
                "encoding": {
                    "x": {"field": "score", "type": "quantitative", "scale": scale, "title": None},
                    "color": {
                        "field": "better",
                        "type": "nominal",
                        "scale": colours,
                        "legend": {"orient": "bottom", "title": None},
                    },
                },
            },
            {
                "mark": {"type": "rule", "strokeWidth": 2, "color": "#64748b"},
                "encoding": {
                    "x": {"field": "low", "type": "quantitative"},
                    "x2": {"field": "high"},
                },
            },
        ],
    }
