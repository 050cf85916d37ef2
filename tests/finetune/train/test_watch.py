"""What is done at each step of a training, with a clock and a held-out loss given by hand."""

import math
import threading
from collections.abc import Iterator

import pytest
from torch import nn
from transformers import TrainerControl, TrainerState, TrainingArguments

from adapt.errors import RecipeError
from adapt.records import ProgressEvent
from finetune.settings import SftSettings
from finetune.train.callbacks import Watch, clock_time
from finetune.train.schedule import Clock

ARGUMENTS = TrainingArguments(output_dir="unused", use_cpu=True)


class Losses:
    """Gives one held-out loss after another."""

    def __init__(self, *losses: float) -> None:
        self._losses: Iterator[float] = iter(losses)

    def loss(self, model: nn.Module) -> float:
        return next(self._losses)


class Time:
    """Time as a test sets it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, now: float) -> None:
        self.now = now
        monkeypatch.setattr("time.monotonic", lambda: self.now)


class Run:
    """A watched training of eight steps without a model to train."""

    def __init__(self, *losses: float, clock: Clock | None = None, **settings: object) -> None:
        self.events: list[ProgressEvent] = []
        self.requested = threading.Event()
        self.clock = clock or Clock(steps=8, warmup_steps=1)
        self.watch = Watch(
            self.clock,
            Losses(*losses),
            SftSettings.model_validate({"evaluations": 4, **settings}),
            progress=self.events.append,
            requested=self.requested,
        )
        self.state = TrainerState(max_steps=8)
        self.state.log_history = []
        self.model = nn.Linear(1, 1, bias=False)

    def begin(self, step: int = 0) -> None:
        self.state.global_step = step
        self.watch.on_train_begin(ARGUMENTS, self.state, TrainerControl())

    def step(self, weight: float = 0.0) -> TrainerControl:
        self.state.global_step += 1
        nn.init.constant_(self.model.weight, weight)
        control = TrainerControl()
        self.watch.on_step_end(ARGUMENTS, self.state, control, model=self.model)
        return control

    def log(self, **logs: float) -> TrainerControl:
        control = TrainerControl()
        self.watch.on_log(ARGUMENTS, self.state, control, logs)
        return control


def test_the_heldout_loss_is_taken_evenly_and_training_ends_with_its_steps() -> None:
    run = Run(4.0, 3.0, 2.0, 1.0)
    run.begin()

    controls = [run.step() for _ in range(8)]

    assert run.state.log_history == [
        {"step": 2, "heldout_loss": 4.0},
        {"step": 4, "heldout_loss": 3.0},
        {"step": 6, "heldout_loss": 2.0},
        {"step": 8, "heldout_loss": 1.0},
    ]
    assert [c.should_training_stop for c in controls] == [False] * 7 + [True]
    assert [c.should_save for c in controls] == [False] * 7 + [True]
    assert all(c.should_log for c in controls)
    assert run.watch.ended
    assert run.watch.best is None  # without patience no weights are kept


def test_a_resumed_run_evaluates_where_a_straight_one_does() -> None:
    run = Run(2.0, 1.0)
    run.begin(step=5)

    for _ in range(3):
        run.step()

    assert [entry["step"] for entry in run.state.log_history] == [6, 8]


def test_training_ends_when_it_has_long_been_no_better_and_keeps_the_best() -> None:
    run = Run(3.0, 2.0, 2.0, 2.5, evaluations=8, patience=2)
    run.begin()

    controls = [run.step(weight) for weight in (0.1, 0.2, 0.3, 0.4)]

    assert [c.should_training_stop for c in controls] == [False, False, False, True]
    assert run.watch.ended
    best = run.watch.best
    assert best is not None
    assert (best.step, best.loss) == (2, 2.0)
    assert best.parameters["weight"].item() == pytest.approx(0.2)  # a copy, not what came after


def test_a_run_ends_with_its_time() -> None:
    run = Run(1.0, clock=Clock(steps=8, warmup_steps=1, limit_seconds=60, before_seconds=60))
    run.begin()

    assert run.step().should_training_stop
    assert run.state.log_history == [{"step": 1, "heldout_loss": 1.0}]


def test_a_request_to_stop_saves_and_stops_but_ends_nothing() -> None:
    run = Run()
    run.begin()
    run.requested.set()

    control = run.step()

    assert (control.should_save, control.should_training_stop) == (True, True)
    assert not run.watch.ended


def test_a_checkpoint_is_due_after_so_many_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    time = Time(monkeypatch, 100.0)
    run = Run(evaluations=1, checkpoint_seconds=30)
    run.begin()

    def is_due(now: float) -> bool:
        time.now = now
        return run.step().should_save

    assert [is_due(now) for now in (129.9, 130.0, 131.0)] == [False, True, True]
    run.watch.on_save(ARGUMENTS, run.state, TrainerControl())
    assert [is_due(now) for now in (160.9, 161.0)] == [False, True]


def test_progress_tells_the_loss_the_speed_and_the_time_that_is_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    time = Time(monkeypatch, 100.0)
    run = Run()
    run.begin(step=2)
    run.state.global_step = 4
    time.now = 110.0

    # two of eight steps took ten seconds, so the other four take twenty
    run.log(loss=1.23456, num_tokens=500.0)
    run.log(loss=1.0, num_tokens=500.0, drift=0.25)
    run.log(grad_norm=1.0)

    first = {"loss": 1.23456, "tokens_per_second": 50.0}
    second = {"loss": 1.0, "tokens_per_second": 50.0, "drift": 0.25}
    assert run.events == [
        ProgressEvent("train", 4, 8, "loss 1.235 · 20 s left", first),
        ProgressEvent("train", 4, 8, "loss 1.000 · drift 0.250 · 20 s left", second),
    ]


def test_of_limited_time_the_time_that_is_left_is_what_is_not_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    time = Time(monkeypatch, 100.0)
    run = Run(clock=Clock(steps=800, warmup_steps=1, limit_seconds=200, before_seconds=40))
    run.begin(step=1)
    time.now = 110.0  # 50 of 200 seconds are used

    run.log(loss=1.0)

    assert [event.detail for event in run.events] == ["loss 1.000 · 2 min 30 s left"]
    assert run.events[0].values["tokens_per_second"] == 0.0


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_loss_that_is_no_number_ends_the_run_with_what_to_do(loss: float) -> None:
    run = Run(learning_rate=0.5)
    run.begin()

    with pytest.raises(RecipeError, match=rf"the loss became {loss} at step 0; .*smaller .* 0.5"):
        run.log(loss=loss)


def test_ctrl_c_in_the_caller_is_a_request_to_stop() -> None:
    def interrupted(_: ProgressEvent) -> None:
        raise KeyboardInterrupt

    run = Run()
    run.begin()
    run.watch.tell = interrupted

    control = run.log(loss=1.0)

    assert run.requested.is_set()
    assert (control.should_save, control.should_training_stop) == (True, True)


def test_durations_change_their_unit_at_a_minute_and_at_an_hour() -> None:
    assert [clock_time(s) for s in (0.4, 59.4, 59.6, 3599, 3600, 7260)] == [
        "0 s", "59 s", "1 min 0 s", "59 min 59 s", "1 h 0 min", "2 h 1 min",
    ]  # fmt: skip
