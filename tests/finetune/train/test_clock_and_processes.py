"""The clock of a run, its adapter's configuration, its processes and its patience."""

import pytest

from adapt.errors import RecipeError
from finetune.settings import SftSettings
from finetune.train.interrupts import Interrupts
from finetune.train.lora import lora_config
from finetune.train.processes import is_first, refuse_several
from finetune.train.schedule import Clock


def test_a_clock_goes_by_what_is_further_and_by_what_is_agreed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seconds = iter([5.0, *[35.0] * 20])
    monkeypatch.setattr("time.monotonic", lambda: next(seconds))
    clock = Clock(steps=10, warmup_steps=0, limit_seconds=100, before_seconds=20, schedule="linear")

    assert (clock.elapsed_seconds, clock.share(1)) == (20, 0.2)
    clock.start()
    assert (clock.elapsed_seconds, clock.share(1), clock.share(8), clock.share(11)) == (
        50,
        0.5,
        0.8,
        1,
    )
    assert (clock.factor(1), clock.factor(9), clock.is_up) == (0.5, pytest.approx(0.1), False)
    clock.agree(100)
    assert (clock.elapsed_seconds, clock.own_seconds, clock.is_up) == (100, 50, True)
    assert Clock(steps=10, warmup_steps=3, schedule="constant").factor(0) == 0.25


def test_an_adapter_is_configured_as_the_settings_say() -> None:
    plain = lora_config(SftSettings(rank=3, alpha=7, dropout=0.25))
    named = lora_config(SftSettings(targets=("q_proj", "v_proj"), variant="rslora"))
    decomposed = lora_config(SftSettings(variant="dora"))

    assert (plain.r, plain.lora_alpha, plain.lora_dropout, plain.bias) == (3, 7, 0.25, "none")
    assert (plain.task_type, plain.target_modules) == ("CAUSAL_LM", "all-linear")
    assert named.target_modules == {"q_proj", "v_proj"}
    assert [(c.use_rslora, c.use_dora) for c in (plain, named, decomposed)] == [
        (False, False), (True, False), (False, True),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("size", "rank", "first"), [("1", "3", True), ("2", "0", True), ("2", "1", False)]
)
def test_the_process_of_rank_zero_is_the_first(
    size: str, rank: str, first: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", size)
    monkeypatch.setenv("RANK", rank)

    assert is_first() is first


def test_a_process_without_a_rank_is_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.delenv("RANK", raising=False)

    assert is_first()


def test_several_processes_are_refused_by_what_they_cannot_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refuse_several("train many")
    monkeypatch.setenv("WORLD_SIZE", "2")

    with pytest.raises(RecipeError, match="train many without it"):
        refuse_several("train many")


def test_patience_lasts_as_long_as_its_block() -> None:
    interrupts = Interrupts()

    with interrupts.patience(), interrupts.patience():
        within = interrupts.patient
    with pytest.raises(KeyboardInterrupt), interrupts.patience():
        raise KeyboardInterrupt

    assert (within, interrupts.patient) == (2, 0)
