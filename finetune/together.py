"""Several trainings in one process, step by step in turn; their passes go through the base together where that pays.

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
from finetune.joint import JointBase, Pass, can_join, share

# tokens of a pass at most: 4 domains of 256 gained 3 % on 2 cores, of 128 28 %, of 32 48 %
MOST_TOKENS = 1024


class Together:
    """Runs trainings in turn; a training calls `step` for each of its passes."""

    def __init__(self, base: PreTrainedModel, progress: Progress) -> None:
        self._base = base
        self._progress = progress
        self._joint: JointBase | None = None
        self._models: dict[int, PeftModel] = {}  # that share passes
        self._apart: set[int] = set()  # models whose passes go one by one
        self._hub: greenlet | None = None

    def run(self, trainings: Sequence[Callable[[], None]]) -> None:
        """Run all to their ends. What one raises ends all; it is the training's own to catch what concerns it alone."""
        self._hub = greenlet.getcurrent()
        before = _Global.now()
        try:
            waiting = [_Training(greenlet(one)) for one in trainings]
            for one in waiting:
                one.go_on()
            while waiting := [one for one in waiting if not one.thread.dead]:
                for group in self._groups(waiting):
                    for one, loss in zip(group, self._losses(group), strict=True):
                        one.go_on(loss)
        finally:
            before.put()
            self._hub = None

    def model(self) -> PreTrainedModel:
        """Return a model for one training, whose base is everyone's."""
        return share(self._base)

    def step(self, one: Pass | None) -> Tensor | None:
        """Wait for this training's turn.

        Args:
            one: the pass to be done; None if it cannot go with others.

        Returns:
            The loss of the pass, whose gradients are taken; None if the training has to do it itself.
        """
        if self._hub is None or greenlet.getcurrent() is self._hub:
            return None
        loss: Tensor | None = self._hub.switch(one)
        return loss

    def _groups(self, waiting: Sequence["_Training"]) -> list[list["_Training"]]:
        """Return the trainings in groups whose passes are done together; each of a group of one does its own."""
        self._meet([one.due for one in waiting if one.due is not None])
        sharing = [one for one in waiting if one.due and id(one.due.model) in self._models]
        groups = [[one] for one in waiting if one not in sharing]
        room = 0
        for one in sorted(sharing, key=lambda t: t.tokens):
            room -= one.tokens
            if room < 0:
                groups.append([])
                room = MOST_TOKENS - one.tokens
            groups[-1].append(one)
        return groups

    def _meet(self, passes: Sequence[Pass]) -> None:
        """Take in models that come with their first pass, if on this machine sharing comes to the same as one by one."""
        new = [one for one in passes if id(one.model) not in {*self._models, *self._apart}]
        if not new or len(passes) < 2:
            return
        able = [one for one in new if can_join(one.model)]
        if len(able) < len(new):
            self._apart |= {id(one.model) for one in new} - {id(one.model) for one in able}
            self._say("this base or an adapter is of a kind that cannot share a pass")
        tried = [one for one in passes if id(one.model) in self._models] + able
        if not able or len(tried) < 2:
            return
        joint = JointBase(self._base, [*self._models.values(), *(one.model for one in able)])
        if joint.agrees(tried):
            self._joint = joint
            self._models |= {id(one.model): one.model for one in able}
        else:
            self._apart |= {id(one.model) for one in able}
            self._say("sharing a pass would round otherwise on this machine")

    def _say(self, why: str) -> None:
        self._progress(ProgressEvent("prepare", detail=f"passes go one by one: {why}"))

    def _losses(self, group: Sequence["_Training"]) -> list[Tensor | None]:
        passes = [one.due for one in group if one.due is not None]
        if self._joint is None or len(passes) < 2:
            return [None] * len(group)
        losses = self._joint.losses(passes)
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
