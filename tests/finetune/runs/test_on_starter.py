"""One real training on the shipped starter model: the adapter answers held-out questions that the base cannot."""

import itertools
from pathlib import Path

import pytest

from adapt.registry.bases.find import STARTER
from adapt.workspace.folder import Workspace
from finetune.runs.request import TrainingRequest
from finetune.runs.run import finetune
from finetune.settings import SftSettings
from tests.finetune.conftest import WriteRows

WORDS = {
    "ALERT": ("broken", "burning", "leaking", "stuck", "smoking", "failing"),
    "ORDER": ("wanted", "missing", "needed", "sold out", "requested", "reserved"),
}
THINGS = ("pump", "door", "lamp", "printer", "boiler", "lift", "screen", "valve")


@pytest.mark.slow
@pytest.mark.skipif(not (STARTER / "config.json").is_file(), reason="no starter model is built yet")
def test_a_short_training_makes_the_starter_better_beyond_doubt(
    write_rows: WriteRows, workspace: Workspace
) -> None:
    rows: list[object] = [
        {"prompt": f"The {thing} in room {n} is {word}.", "completion": f"{kind} {n}"}
        for n, (thing, (kind, words)) in enumerate(itertools.product(THINGS, WORDS.items()), 11)
        for word in words
    ]
    path: Path = write_rows(rows, "tickets.jsonl")
    settings = SftSettings(epochs=4)

    artifact = finetune(
        TrainingRequest(domain="tickets", files=(path,), settings=settings), workspace=workspace
    )

    heldout = artifact.card.metrics["heldout"]
    assert isinstance(heldout, dict)
    assert heldout["better"] is True, artifact.card.summary
    assert artifact.card.summary.startswith("better than the base: exact 0.0")
