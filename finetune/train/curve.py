"""The loss curve of a run: as JSON for programs, as SVG for people."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from pydantic import JsonValue

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 640, 320, 56, 36, 28
CARD_POINTS = 200  # of the training loss, in the card; loss.json has all

Point = tuple[int, float]


@dataclass(frozen=True)
class Curve:
    """Losses by step: of each training step, and of the held-out rows where it was taken."""

    training: tuple[Point, ...]
    heldout: tuple[Point, ...]

    @classmethod
    def of(cls, history: Iterable[Mapping[str, float]]) -> "Curve":
        """Take the losses out of a trainer's history."""
        entries = list(history)
        return cls(
            tuple((int(e["step"]), float(e["loss"])) for e in entries if "loss" in e),
            tuple((int(e["step"]), e["heldout_loss"]) for e in entries if "heldout_loss" in e),
        )

    def with_start(self, heldout_loss: float) -> "Curve":
        """Return the curve with the base's own held-out loss at step 0."""
        return Curve(self.training, ((0, heldout_loss), *self.heldout))

    def as_json(self, *, most: int | None = None) -> dict[str, JsonValue]:
        """Return the curve as JSON; `most` thins out the training losses evenly."""
        stride = -(-len(self.training) // most) if most else 1
        training = self.training[:: max(stride, 1)]
        return {
            "training": [[step, round(loss, 5)] for step, loss in training],
            "heldout": [[step, round(loss, 5)] for step, loss in self.heldout],
        }

    def svg(self, title: str) -> str:
        """Return a line plot, readable on a light and on a dark ground."""
        points = [*self.training, *self.heldout]
        right = max((step for step, _ in points), default=1)
        top = max((loss for _, loss in points), default=1.0) or 1.0

        def place(point: Point) -> str:
            x = LEFT + (WIDTH - LEFT - 12) * point[0] / max(right, 1)
            y = TOP + (HEIGHT - TOP - BOTTOM) * (1 - point[1] / top)
            return f"{x:.1f},{y:.1f}"

        def line(curve: Sequence[Point], colour: str, width: float) -> str:
            where = " ".join(map(place, curve))
            return (
                f'<polyline points="{where}" fill="none" stroke="{colour}" stroke-width="{width}"/>'
            )

        ticks = [
            f'<text x="{LEFT - 6}" y="{float(place((0, top * n / 4)).split(",")[1]) + 4:.1f}" '
            f'text-anchor="end">{top * n / 4:.2f}</text>'
            for n in range(5)
        ]
        steps = [
            f'<text x="{place((step, 0)).split(",")[0]}" y="{HEIGHT - 16}" text-anchor="middle">{step}</text>'
            for step in sorted({0, right // 2, right})
        ]
        axis = f'<path d="M{LEFT} {TOP}V{HEIGHT - BOTTOM}H{WIDTH - 12}" fill="none" stroke="#888"/>'
        names = (
            f'<text x="{LEFT}" y="16">{escape(title)}</text>'
            f'<text x="{WIDTH - 12}" y="16" text-anchor="end">'
            '<tspan fill="#4477aa">training loss</tspan> · <tspan fill="#cc6633">held-out loss</tspan></text>'
            f'<text x="{WIDTH / 2}" y="{HEIGHT - 3}" text-anchor="middle">step</text>'
        )
        body = [
            axis,
            *ticks,
            *steps,
            line(self.training, "#4477aa", 1),
            line(self.heldout, "#cc6633", 2.5),
            names,
        ]
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
            'font-family="sans-serif" font-size="12" fill="#777">' + "".join(body) + "</svg>\n"
        )
