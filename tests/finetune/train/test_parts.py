"""The small parts: clock, curve, checkpoints, verdict, row losses."""

from pathlib import Path
from xml.etree import ElementTree

import pytest
import torch
from torch.optim.lr_scheduler import LambdaLR
from transformers import AutoModelForCausalLM, LlamaConfig, TrainerState

from adapt.errors import AdaptError, WorkspaceError
from adapt.evaluation.likelihood import answer_losses, most_tokens
from adapt.evaluation.tasks import Scores
from adapt.workspace.folder import Workspace
from finetune.planning.derive import derive_learning_rate
from finetune.proof.proof import Proof
from finetune.runs.request import own_run
from finetune.tokens.examples import EncodedRow
from finetune.train.callbacks import clock_time
from finetune.train.checkpoints import (
    TrainingProgress,
    TrainingState,
    find_checkpoint,
    load_optimizer,
    load_parameters,
    save_checkpoint,
)
from finetune.train.curve import Curve
from finetune.train.schedule import Clock
from tests.tiny import SHAPE


def state_of(seed: int = 0) -> TrainingState:
    torch.manual_seed(seed)
    model = torch.nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
    scheduler = LambdaLR(optimizer, Clock(steps=10, warmup_steps=2).factor)
    model(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    scheduler.step()
    return TrainingState(model, optimizer, scheduler, TrainerState(global_step=seed))


def test_a_checkpoint_brings_back_weights_moments_and_schedule(tmp_path: Path) -> None:
    saved, other = state_of(1), state_of(2)
    folder = save_checkpoint(tmp_path, saved, TrainingProgress(1.5, ended=False))

    load_parameters(folder, other.model)
    load_optimizer(folder, other.optimizer, other.scheduler)

    assert torch.equal(other.model.weight, saved.model.weight)  # type: ignore[arg-type]
    mine, theirs = saved.optimizer.state_dict(), other.optimizer.state_dict()
    assert torch.equal(mine["state"][0]["exp_avg"], theirs["state"][0]["exp_avg"])
    assert saved.scheduler.get_last_lr() == other.scheduler.get_last_lr()
    assert {p.suffix for p in folder.iterdir()} == {".safetensors", ".json"}


def test_the_last_two_checkpoints_are_kept_and_a_damaged_one_is_passed_over(tmp_path: Path) -> None:
    for step in (3, 9, 10):
        save_checkpoint(tmp_path, state_of(step), TrainingProgress(1.0, ended=False))
    (tmp_path / ".staged-left-by-a-kill").mkdir()

    newest = find_checkpoint(tmp_path)
    (tmp_path / "checkpoint-10" / "adapter.safetensors").write_bytes(b"torn")
    older = find_checkpoint(tmp_path)
    (tmp_path / "checkpoint-9" / "manifest.json").unlink()

    assert newest == tmp_path / "checkpoint-10"
    assert older == tmp_path / "checkpoint-9"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["checkpoint-10", "checkpoint-9"]
    with pytest.raises(WorkspaceError, match="damaged after they were written"):
        find_checkpoint(tmp_path)


def test_a_checkpoint_of_another_shape_is_refused(tmp_path: Path) -> None:
    folder = save_checkpoint(tmp_path, state_of(), TrainingProgress(1.0, ended=False))

    with pytest.raises(WorkspaceError, match=f"{folder}: made for another base or rank"):
        load_parameters(folder, torch.nn.Linear(4, 2))


def test_a_run_belongs_to_one_process_at_a_time(workspace: Workspace) -> None:
    with (
        own_run("colours-1", workspace),
        pytest.raises(AdaptError, match="is being trained by another process"),
        own_run("colours-1", workspace),
    ):
        pass


def test_the_rate_rises_then_falls_to_nothing() -> None:
    clock = Clock(steps=100, warmup_steps=4)

    factors = [clock.factor(step) for step in range(101)]

    assert factors[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0], abs=0.01)
    assert factors[4:] == sorted(factors[4:], reverse=True)
    assert factors[100] == pytest.approx(0)


def test_the_rate_has_fallen_when_the_time_is_up_however_few_steps_were_done() -> None:
    clock = Clock(steps=10_000, warmup_steps=1, limit_seconds=60, before_seconds=60)

    assert clock.is_up
    assert clock.factor(50) == pytest.approx(0)


def test_a_run_that_the_clock_ends_warms_up_in_a_share_of_its_time() -> None:
    clock = Clock(steps=10_000, warmup_steps=500, limit_seconds=60, before_seconds=3)

    assert clock.factor(9) == pytest.approx(0.99, abs=0.02)
    assert Clock(steps=10_000, warmup_steps=500).factor(9) == pytest.approx(0.02, abs=0.001)


def test_the_learning_rate_falls_with_the_width_within_bounds() -> None:
    rates = [derive_learning_rate(width) for width in (32, 256, 2048, 8192)]

    assert rates == pytest.approx([5e-3, 4.525e-3, 2e-4, 1e-4], rel=1e-3)


def test_the_loss_curve_is_well_formed_svg_with_both_lines() -> None:
    curve = Curve.of(
        [{"step": 1, "loss": 2.0}, {"step": 2, "loss": 1.0}, {"step": 2, "heldout_loss": 1.5}]
    )

    drawn = ElementTree.fromstring(curve.with_start(3.0).svg("a < b"))  # noqa: S314  our own text

    lines = [e for e in drawn if e.tag.endswith("polyline")]
    assert len(lines) == 2
    assert curve.with_start(3.0).as_json()["heldout"] == [[0, 3.0], [2, 1.5]]
    many = Curve(tuple((n, 1.0) for n in range(1000)), ())
    thinned = many.as_json(most=200)["training"]
    assert isinstance(thinned, list)
    assert len(thinned) == 200


def test_a_verdict_says_plainly_when_the_adapter_is_no_better() -> None:
    def scores(*values: float) -> Scores:
        return Scores("t", "exact", values, ())

    same = Proof((scores(0, 1, 0), scores(0, 1, 0)), ((1.0, 2.0, 3.0), (1.0, 2.0, 3.0)))
    lower = Proof((scores(0, 1, 0), scores(0, 1, 0)), ((1.0, 2.0, 3.0), (0.5, 1.0, 2.0)))
    better = Proof((scores(0, 0, 0), scores(1, 1, 1)), ((1.0, 2.0, 3.0), (0.5, 1.0, 2.0)))

    assert same.verdict.startswith("NOT better than the base: exact 0.333 → 0.333")
    assert same.as_metrics()["better"] is False
    assert lower.verdict.startswith("lower loss than the base, but its answers are not proven")
    assert better.verdict.startswith("better than the base: exact 0.000 → 1.000")


def test_row_losses_do_not_depend_on_what_a_row_is_batched_with(tiny_folder: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(tiny_folder)
    rows = [
        EncodedRow(tuple(range(10, 10 + n)), (-100, -100, *range(12, 10 + n))) for n in (4, 9, 30)
    ]

    together = answer_losses(model, rows, pad_id=0)
    alone = [answer_losses(model, [row], pad_id=0)[0] for row in rows]
    expected = [
        model(
            input_ids=torch.tensor([row.input_ids]), labels=torch.tensor([row.labels])
        ).loss.item()
        for row in rows
    ]

    assert together == pytest.approx(alone, abs=1e-5)
    assert together == pytest.approx(expected, abs=1e-5)


def test_durations_are_written_for_people() -> None:
    assert [clock_time(s) for s in (12.4, 200, 7500)] == ["12 s", "3 min 20 s", "2 h 5 min"]


def test_a_large_vocabulary_makes_the_passes_of_a_measurement_smaller() -> None:
    with torch.device("meta"):
        sizes = [
            most_tokens(AutoModelForCausalLM.from_config(LlamaConfig(**SHAPE, vocab_size=count)))
            for count in (4096, 262_144)
        ]

    assert sizes == [4096, 512]
