"""The loss curve: where each point, tick and word of the plot stands, computed by hand, and the thinned JSON."""

import re
from xml.etree import ElementTree

import pytest

from finetune.train.curve import Curve

CURVE = Curve(training=((1, 2.0), (2, 1.0)), heldout=((0, 4.0), (2, 3.0)))
SVG = "{http://www.w3.org/2000/svg}"


def drawn(curve: Curve, title: str = "t") -> ElementTree.Element:
    return ElementTree.fromstring(curve.svg(title))  # noqa: S314  our own text


def test_each_point_stands_where_its_step_and_loss_say() -> None:
    # the field is 572 wide from 56 on and 256 high from 28 on; the largest step is 2, the largest loss 4
    training, heldout = drawn(CURVE).findall(f"{SVG}polyline")

    assert training.attrib == {
        "points": "342.0,156.0 628.0,220.0", "fill": "none", "stroke": "#4477aa", "stroke-width": "1",
    }  # fmt: skip
    assert heldout.attrib == {
        "points": "56.0,28.0 628.0,92.0", "fill": "none", "stroke": "#cc6633", "stroke-width": "2.5",
    }  # fmt: skip


def test_losses_are_marked_in_quarters_and_steps_at_both_ends_and_halfway() -> None:
    texts = {
        (text.get("x"), text.get("y"), text.get("text-anchor")): "".join(text.itertext())
        for text in drawn(CURVE, "a < b").findall(f"{SVG}text")
    }

    assert texts == {
        ("50", "288.0", "end"): "0.00",
        ("50", "224.0", "end"): "1.00",
        ("50", "160.0", "end"): "2.00",
        ("50", "96.0", "end"): "3.00",
        ("50", "32.0", "end"): "4.00",
        ("56.0", "304", "middle"): "0",
        ("342.0", "304", "middle"): "1",
        ("628.0", "304", "middle"): "2",
        ("56", "16", None): "a < b",
        ("628", "16", "end"): "training loss · held-out loss",
        ("320.0", "317", "middle"): "step",
    }


def test_the_plot_has_two_axes_and_no_other_text() -> None:
    plot = drawn(CURVE)
    (axis,) = plot.findall(f"{SVG}path")

    assert axis.attrib == {"d": "M56 28V284H628", "fill": "none", "stroke": "#888"}
    assert plot.attrib == {
        "viewBox": "0 0 640 320", "font-family": "sans-serif", "font-size": "12", "fill": "#777",
    }  # fmt: skip
    assert [span.get("fill") for span in plot.iter(f"{SVG}tspan")] == ["#4477aa", "#cc6633"]
    assert plot.text is None
    assert not any(child.tail for child in plot)
    assert re.fullmatch(r"<svg .*</svg>\n", CURVE.svg("t"))


@pytest.mark.parametrize("curve", [Curve((), ()), Curve(((0, 0.0),), ())])
def test_nothing_and_a_loss_of_zero_are_drawn_on_a_scale_to_one(curve: Curve) -> None:
    texts = ["".join(text.itertext()) for text in drawn(curve).findall(f"{SVG}text")]

    assert texts[:5] == ["0.00", "0.25", "0.50", "0.75", "1.00"]


def test_losses_are_taken_from_a_history_and_rounded_and_thinned_for_a_card() -> None:
    history = [
        {"step": 1, "loss": 2.0},
        {"step": 1, "heldout_loss": 1.123456},
        {"step": 2, "loss": 1.987654},
        {"step": 2, "drift": 0.1},
        {"step": 3, "loss": 1.0},
    ]

    curve = Curve.of(history)

    assert curve == Curve(((1, 2.0), (2, 1.987654), (3, 1.0)), ((1, 1.123456),))
    assert curve.as_json() == {
        "training": [[1, 2.0], [2, 1.98765], [3, 1.0]],
        "heldout": [[1, 1.12346]],
    }
    assert curve.as_json(most=2)["training"] == [[1, 2.0], [3, 1.0]]
    assert curve.as_json(most=3)["training"] == [[1, 2.0], [2, 1.98765], [3, 1.0]]
    assert Curve((), ()).as_json(most=2) == {"training": [], "heldout": []}
