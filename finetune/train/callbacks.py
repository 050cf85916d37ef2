"""What is done at each step of a training: progress to the caller, held-out loss, checkpoints, and the end."""

import math
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor, nn
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from adapt.errors import RecipeError
from adapt.evaluation.likelihood import answer_losses
from adapt.protocols import Progress
from adapt.records import ProgressEvent
from finetune.settings import SftSettings
from finetune.tokens.examples import EncodedRow
from finetune.train.checkpoints import trained_parameters
from finetune.train.processes import numbers_of_first, processes
from finetune.train.schedule import Clock

STAGE = "train"


class Heldout(Protocol):
    """What is read, not learned, and tells how well training goes."""

    def loss(self, model: nn.Module) -> float:
        """Return the mean loss of a model that is being trained."""


@dataclass(frozen=True)
class RowsHeldOut:
    """Examples that are read, not learned, and the token that pads them."""

    rows: Sequence[EncodedRow]
    pad_id: int

    def loss(self, model: nn.Module) -> float:
        """Return the mean over rows of the loss of their answers' tokens."""
        losses = answer_losses(model, self.rows, pad_id=self.pad_id)
        return sum(losses) / len(losses)


@dataclass(frozen=True)
class Best:
    """The evaluation with the lowest loss so far, and the trained parameters at it."""

    step: int
    loss: float
    parameters: dict[str, Tensor]


class Watch(TrainerCallback):
    """Follows one training; `ended` is set once its last step is done, `best` where training may stop early."""

    def __init__(
        self,
        clock: Clock,
        heldout: Heldout,
        settings: SftSettings,
        *,
        progress: Progress,
        requested: threading.Event,
    ) -> None:
        self.ended = False
        self.best: Best | None = None
        self._clock = clock
        self._heldout = heldout
        self._settings = settings
        self.tell = progress
        self._requested = requested
        self._started = self._saved = 0.0
        self._first_step = 0
        self._evaluated = 0
        self._asked = False

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        """Start the clock."""
        self._clock.start()
        self._started = self._saved = time.monotonic()
        self._first_step = state.global_step
        self._evaluated = self._evaluations_due(state.global_step)

    def on_step_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: object,
    ) -> None:
        """Decide whether this step is the last, and whether to evaluate and to save after it."""
        if processes() > 1:
            elapsed, asked = numbers_of_first(
                [self._clock.own_seconds, float(self._requested.is_set())]
            )
            self._clock.agree(elapsed)
            self._asked = bool(asked)
        due = self._evaluations_due(state.global_step)
        self.ended = state.global_step >= state.max_steps or self._clock.is_up
        control.should_log = True
        if self.ended or due > self._evaluated:
            self._evaluated = due
            model = kwargs["model"]
            if not isinstance(model, nn.Module):
                raise TypeError(
                    f"a model was expected from the trainer, got {type(model).__name__}"
                )
            loss = self._heldout.loss(model)
            state.log_history.append({"step": state.global_step, "heldout_loss": loss})
            if self._settings.patience is not None:
                self._keep_best(model, state, loss)
        self._finish_step(control)

    def _keep_best(self, model: nn.Module, state: TrainerState, loss: float) -> None:
        """Keep the weights if they are the best so far; end training where they have long been no better."""
        if self.best is None or loss < self.best.loss:
            weights = {name: tensor.clone() for name, tensor in trained_parameters(model).items()}
            self.best = Best(state.global_step, loss, weights)
            return
        best = self.best
        since = [e for e in state.log_history if "heldout_loss" in e and e["step"] > best.step]
        if self._settings.patience is not None and len(since) >= self._settings.patience:
            self.ended = True

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **_: object,
    ) -> None:
        """Tell the caller how far training is; Ctrl-C in the caller's own code counts as a request to stop."""
        if not logs or "loss" not in logs:
            return
        loss = logs["loss"]
        if not math.isfinite(loss):
            rate = self._settings.learning_rate or "the derived one"
            raise RecipeError(
                f"the loss became {loss} at step {state.global_step}; train with a smaller learning rate than "
                f"{rate}, or check the weights of the base"
            )
        running = time.monotonic() - self._started
        share = self._clock.share(state.global_step)
        begun = self._clock.share(self._first_step) if self._clock.limit_seconds is None else 0.0
        used = running if self._clock.limit_seconds is None else self._clock.elapsed_seconds
        left = used * (1 - share) / max(share - begun, 1e-9)
        values = {"loss": loss, "tokens_per_second": logs.get("num_tokens", 0.0) / running}
        drift = ""
        if "drift" in logs:
            values["drift"] = logs["drift"]
            drift = f" · drift {logs['drift']:.3f}"
        event = ProgressEvent(
            STAGE,
            state.global_step,
            state.max_steps,
            f"loss {loss:.3f}{drift} · {clock_time(left)} left",
            values,
        )
        try:
            self.tell(event)
        except KeyboardInterrupt:
            self._requested.set()
        self._finish_step(control)

    def _evaluations_due(self, step: int) -> int:
        """Return how many evaluations belong before a step; the same for a resumed run as for a straight one."""
        return int(self._clock.share(step) * self._settings.evaluation_count)

    def _finish_step(self, control: TrainerControl) -> None:
        due = time.monotonic() - self._saved >= self._settings.checkpoint_seconds
        # processes that train together stop at the same place: where the step's end found them asked to
        stopping = self.ended or self._asked or (processes() == 1 and self._requested.is_set())
        if due or stopping:
            control.should_save = True
        if stopping:
            control.should_training_stop = True

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        """Note when the last checkpoint was written."""
        self._saved = time.monotonic()


def clock_time(seconds: float) -> str:
    """Return a duration as people read it: 45 s, 3 min 20 s, 2 h 5 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
