"""What training on one domain does to the model elsewhere is measured, kept and told."""

from pathlib import Path

import pytest

from adapt.workspace.folder import Workspace
from finetune.proof.forgetting import GENERAL, Elsewhere
from finetune.runs.many import finetune_all
from finetune.runs.run import finetune
from finetune.settings import SftSettings
from tests.finetune.runs.test_many import requests_of

HARD = SftSettings(epochs=30, rank=8, alpha=32, learning_rate=5e-3, scored_examples=2)


@pytest.mark.slow
def test_an_adapter_says_what_it_has_done_to_the_base_elsewhere(
    tiny_folder: Path, three: dict[str, Path], tmp_path: Path
) -> None:
    requests = requests_of({name: three[name] for name in ("short", "many")}, tiny_folder, HARD)

    short, many = finetune_all(requests, workspace=Workspace(tmp_path / "all"))
    alone = finetune(requests[0], workspace=Workspace(tmp_path / "alone"))

    elsewhere = short.card.metrics["elsewhere"]
    assert isinstance(elsewhere, dict)
    assert set(elsewhere) == {GENERAL, "many"}
    assert set(alone.card.metrics["elsewhere"]) == {GENERAL}  # type: ignore[arg-type]
    assert set(many.card.metrics["elsewhere"]) == {GENERAL, "short"}  # type: ignore[arg-type]
    general = elsewhere[GENERAL]
    assert isinstance(general, dict)
    assert general["rows"] == 10
    assert general["adapter"] != general["base"]
    card = (short.path / "README.md").read_text(encoding="utf-8")
    assert "- general text: loss " in card
    assert f"- many: loss {elsewhere['many']['base']:.3f}" in card  # type: ignore[call-overload, index]


def test_a_rise_is_told_with_its_interval_and_only_beyond_doubt() -> None:
    worse = Elsewhere("a", (1.0, 2.0, 3.0, 2.0), (1.5, 2.5, 3.4, 2.6))
    unsure = Elsewhere("b", (1.0, 2.0, 3.0, 2.0), (0.5, 2.9, 2.4, 2.6))
    better = Elsewhere("c", worse.after, worse.before)

    assert worse.rise.difference == pytest.approx(0.5)
    assert worse.line.startswith("a: loss 2.000 → 2.500 (+0.500, 95 % +0.4")
    assert worse.line.endswith("on 4 rows, worse than the base")
    assert unsure.line.endswith("no significant difference")
    assert better.line.endswith("better than the base")
    assert better.as_metrics()["adapter"] == 2.0
