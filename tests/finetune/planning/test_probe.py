"""What a run says before it starts: why, what may go wrong, how long and how large."""

from dataclasses import replace
from pathlib import Path

import pytest

from adapt.registry.registry import Registry
from adapt.workspace.folder import Workspace
from finetune.planning.probe import probe, whole_seconds
from finetune.runs.prepare import make_ready
from finetune.runs.request import list_runs
from finetune.settings import SftSettings
from tests.finetune.runs.test_run import FAST, request_of


@pytest.mark.slow
def test_a_few_steps_are_tried_and_leave_nothing(
    any_folder: Path, colours: Path, workspace: Workspace
) -> None:
    ready = make_ready(request_of(colours, any_folder), workspace=workspace)

    estimate = probe(ready.outline.base, ready.prepared, FAST)

    assert estimate.seconds > 0
    assert estimate.tokens_per_second > 0
    assert 0 < estimate.peak_bytes < estimate.total_bytes
    assert "of training at" in estimate.line
    assert estimate.as_json()["peak_bytes"] == estimate.peak_bytes
    assert Registry(workspace).list() == []
    assert list_runs(workspace) == []


def test_the_time_counts_every_epoch_and_the_looks_at_held_out_rows(
    tiny_folder: Path, colours: Path, workspace: Workspace
) -> None:
    prepared = make_ready(request_of(colours, tiny_folder), workspace=workspace).prepared
    train = sum(len(row.input_ids) for row in prepared.train)
    read = sum(len(row.input_ids) for row in prepared.heldout)

    def seconds(epochs: float, limit: float | None = None) -> float:
        plan = replace(prepared.plan, epochs=epochs, max_minutes=limit)
        return whole_seconds(plan, prepared, SftSettings(evaluations=3), rate=10)

    assert seconds(2) == pytest.approx((2 * train + read) / 10)
    assert seconds(4) - seconds(2) == pytest.approx(2 * train / 10)
    assert seconds(4, limit=0.1) == pytest.approx(6)


def test_the_plan_says_why_and_warns_of_a_rank_that_the_data_cannot_fill(
    tiny_folder: Path, colours: Path, workspace: Workspace
) -> None:
    wide = FAST.model_copy(update={"rank": 512, "epochs": 0.1})

    plan = make_ready(request_of(colours, tiny_folder, wide), workspace=workspace).plan
    set_by_hand = FAST.model_copy(update={"learning_rate": 1e-3, "batch_size": 4})
    set_plan = make_ready(request_of(colours, tiny_folder, set_by_hand), workspace=workspace).plan

    because = [line for line in plan.lines() if line.startswith("because: ")]
    assert len(because) == 2
    assert "since the base is 32 wide" in because[0]
    assert "since there are 36 rows" in because[1]
    assert any(
        "rank 512 trains" in warning and "try --rank" in warning for warning in plan.warnings
    )
    assert set_plan.reasons == ()
    assert not any("rank" in warning for warning in set_plan.warnings)
