"""Trainings in one process, one or several, step by step in turn; passes go through the base together where that pays.

Each training is a greenlet: it runs as it would alone until it has a pass to do, then waits here for the others. What is
global to a process (random numbers, accelerate's state) is put back for each, so none sees that there are others.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from accelerate.state import GradientState
from greenlet import greenlet
from peft import PeftModel
from torch import Tensor
from transformers import PreTrainedModel

from adapt.protocols import Progress
from adapt.records import ProgressEvent
from finetune.passes.joint import JointBase, can_join, keeps_rows_apart, rows_loss, share
from finetune.passes.packed_rows import Pass

# tokens of a pass at most: on 2 cores four passes of 128 are 27 % faster as one, four of 512 4 %, two of 1,024 6 %
MOST_TOKENS = 2048

# what an architecture that is made otherwise than most may raise when our layers and attention are put into it
FAULTS = (
    AttributeError,
    IndexError,
    RuntimeError,
    TypeError,
    ValueError,
)


class Together:
    """Runs trainings in turn; a training calls `step` for each of its passes."""

    def __init__(self, base: PreTrainedModel, progress: Progress) -> None:
        self._base = base
        self._progress = progress
        self._joint: JointBase | None = None
        self._models: dict[int, PeftModel] = {}  # whose passes are done here
        self._alone: set[int] = set()  # of them, those that share none
        self._apart: set[int] = set()  # models whose trainings do their passes themselves
        self._by_row: set[int] = set()  # models whose rows are read one by one
        self._hub: greenlet | None = None

    def run(self, trainings: Sequence[Callable[[], None]]) -> None:
        """Run all to their ends. What one raises ends all; it is the training's own to catch what concerns it alone."""
        self._hub = greenlet.getcurrent()
        before = _Global.now()
        try:
            waiting = [_Training(greenlet(run)) for run in trainings]
            for training in waiting:
                training.go_on()
            while waiting := [training for training in waiting if not training.thread.dead]:
                for group in self._groups(waiting):
                    losses = self._losses([training.due for training in group])
                    for training, loss in zip(group, losses, strict=True):
                        training.go_on(loss)
        finally:
            before.put()
            self._hub = None

    def model(self) -> PreTrainedModel:
        """Return a model for one training, whose base is everyone's."""
        return share(self._base)

    def step(self, pass_: Pass | None) -> Tensor | None:
        """Do a pass, where there are other trainings in turn with theirs.

        Args:
            pass_: what is to be done; None if the training has to do it itself.

        Returns:
            The loss of the pass, whose gradients are taken; None if the training has to do it itself.
        """
        if self._hub is None or greenlet.getcurrent() is self._hub:
            if pass_ is None:
                return None
            self._meet([pass_])
            return self._losses([pass_])[0]
        loss: Tensor | None = self._hub.switch(pass_)
        return loss

    def _groups(self, waiting: Sequence["_Training"]) -> list[list["_Training"]]:
        """Return the trainings in groups whose passes are done together."""
        self._meet([training.due for training in waiting if training.due is not None])
        sharing = [training for training in waiting if training.due and self._shares(training.due)]
        groups = [[training] for training in waiting if training not in sharing]
        room = 0
        for training in sorted(sharing, key=lambda t: t.tokens):
            room -= training.tokens
            if room < 0:
                groups.append([])
                room = MOST_TOKENS - training.tokens
            groups[-1].append(training)
        return groups

    def _shares(self, pass_: Pass) -> bool:
        return id(pass_.model) in self._models and id(pass_.model) not in self._alone

    def _meet(self, passes: Sequence[Pass]) -> None:
        """Take in models that come with their first pass; they share it if that comes to the same as one by one."""
        new = [
            pass_
            for pass_ in passes
            if id(pass_.model) not in {*self._models, *self._apart, *self._by_row}
        ]
        able = [pass_ for pass_ in new if can_join(pass_.model)]
        self._apart |= {id(pass_.model) for pass_ in new} - {id(pass_.model) for pass_ in able}
        if len(able) < len(new) and self._hub is not None:
            self._say(
                "passes go one by one: this base or an adapter is of a kind that cannot share a pass"
            )
        if able:
            self._take_in([pass_ for pass_ in passes if self._shares(pass_)], able)

    def _take_in(self, known: Sequence[Pass], able: Sequence[Pass]) -> None:
        good = [pass_ for pass_ in able if self._reads(pass_)]
        if not good:
            return
        self._models |= {id(pass_.model): pass_.model for pass_ in good}
        self._joint = JointBase(self._base, list(self._models.values()))
        tried = [*known, *good]
        if len(tried) > 1 and not self._joint.agrees(tried):
            self._alone |= {id(pass_.model) for pass_ in good}
            self._say("passes go one by one: sharing them would round differently on this machine")

    def _reads(self, pass_: Pass) -> bool:
        """Try out whether our layers read a model's first pass as peft's read each of its rows."""
        try:
            apart = keeps_rows_apart(JointBase(self._base, [pass_.model]), pass_)
        except FAULTS as fault:
            self._apart.add(id(pass_.model))
            self._say(f"peft's layers do the passes, ours cannot read this base ({fault})")
            return False
        if not apart:
            self._by_row.add(id(pass_.model))
            self._say(
                "rows are read one by one: this base has layers that would mix the rows of a pass; "
                "padding them (packing = false under [finetune]) is faster"
            )
        return apart

    def _say(self, why: str) -> None:
        self._progress(ProgressEvent("prepare", detail=why))

    def _losses(self, passes: Sequence[Pass | None]) -> list[Tensor | None]:
        """Return the losses of passes that are done as one, whose gradients are taken; None for one not done here."""
        wanted = [pass_ for pass_ in passes if pass_ is not None]
        known = all(id(pass_.model) in self._models for pass_ in wanted)
        if wanted and self._joint is not None and known:
            losses = self._joint.losses(wanted)
        elif wanted and id(wanted[0].model) in self._by_row:
            losses = [rows_loss(pass_) for pass_ in wanted]
        else:
            return [None] * len(passes)
        torch.stack(losses).sum().backward()  # type: ignore[no-untyped-call]  # torch's
        return [loss.detach() for loss in losses]


class _Training:
    """A training that waits for its turn, with the pass that it wants done."""

    def __init__(self, thread: greenlet) -> None:
        self.thread = thread
        self.due: Pass | None = None
        self._own = _Global.now()

    @property
    def tokens(self) -> int:
        return 0 if self.due is None else self.due.tokens

    def go_on(self, loss: Tensor | None = None) -> None:
        """Let it run until its next pass or its end."""
        self._own.put()
        self.due = None
        # what it is first switched to with is what it is called with
        self.due = self.thread.switch(loss) if self.thread else self.thread.switch()
        self._own = _Global.now()


@dataclass(frozen=True)
class _Global:
    """What a training uses of the process and another must not see."""

    cpu: Tensor
    devices: list[Tensor]
    python: Any
    numpy: Any
    gradients: dict[str, Any]

    @classmethod
    def now(cls) -> "_Global":
        return cls(
            torch.get_rng_state(),
            torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
            random.getstate(),
            np.random.get_state(),  # noqa: NPY002  what transformers seeds
            dict(vars(GradientState())),
        )

    def put(self) -> None:
        torch.set_rng_state(self.cpu)
        if self.devices:
            torch.cuda.set_rng_state_all(self.devices)
        random.setstate(self.python)
        np.random.set_state(self.numpy)  # noqa: NPY002
        shared = vars(GradientState())  # of all its objects
        shared.clear()
        shared.update(self.gradients)
