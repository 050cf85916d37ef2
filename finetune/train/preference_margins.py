"""How likely a model finds answers, and from that the held-out loss and the proof of training on preferences.

For a pair the margin is log p(chosen) - log p(rejected), for a rated answer log p of it; what counts is how much that moved
from the reference, the model that training began with. References: Rafailov et al. 2023, DPO, arXiv:2305.18290; Ethayarajh
et al. 2024, KTO, arXiv:2402.01306.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from accelerate.utils import extract_model_from_parallel
from torch import nn

from adapt.evaluation.likelihood import answer_losses
from adapt.evaluation.tasks import Scores
from finetune.tokens.examples import IGNORED, EncodedRow
from finetune.tokens.preferences import EncodedPair, EncodedRating, Ids

REFERENCE = "ref"  # trl's name for the copy of an adapter that training began with
TASK = "held-out"
Rows = Sequence[EncodedPair] | Sequence[EncodedRating]


def margins(model: nn.Module, rows: Rows, *, pad_id: int) -> list[float]:
    """Return for each row log p(chosen) - log p(rejected), or log p of a rated answer, in nats."""
    answers: list[tuple[Ids, Ids]] = []
    for row in rows:
        if isinstance(row, EncodedPair):
            answers += [(row.prompt, row.chosen), (row.prompt, row.rejected)]
        else:
            answers.append((row.prompt, row.answer))
    encoded = [EncodedRow(p + a, (IGNORED,) * len(p) + a) for p, a in answers]
    losses = answer_losses(model, encoded, pad_id=pad_id)
    logs = [-loss * len(answer) for loss, (_, answer) in zip(losses, answers, strict=True)]
    if rows and isinstance(rows[0], EncodedPair):
        return [chosen - rejected for chosen, rejected in zip(logs[::2], logs[1::2], strict=True)]
    return logs


def losses_of(moved: Sequence[float], rows: Rows, *, beta: float) -> list[float]:
    """Return -log sigmoid(±beta · move) of each row; less where the margin grew, or a rated answer moved as it should."""
    signs = _signs(rows)
    return [_softplus(-beta * sign * move) for sign, move in zip(signs, moved, strict=True)]


def _signs(rows: Rows) -> list[int]:
    """Return where each row's margin should go: up, or down for a bad answer."""
    return [1 if isinstance(row, EncodedPair) or row.good else -1 for row in rows]


def _softplus(x: float) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


@contextmanager
def reference(model: nn.Module) -> Iterator[None]:
    """Make a peft model what training began with: the adapter that is continued, else the base."""
    peft: Any = extract_model_from_parallel(model)
    if REFERENCE not in peft.peft_config:
        with peft.disable_adapter():
            yield
        return
    # the weights that are trained stay so: switching adapters would freeze them
    trained = [parameter for parameter in peft.parameters() if parameter.requires_grad]
    peft.base_model.set_adapter(REFERENCE, inference_mode=True)
    try:
        yield
    finally:
        peft.base_model.set_adapter("default")
        for parameter in trained:
            parameter.requires_grad_(requires_grad=True)


@dataclass(frozen=True)
class PreferencesHeldOut:
    """Rows that are read, not learned."""

    rows: Rows
    pad_id: int
    beta: float

    def loss(self, model: nn.Module) -> float:
        """Return the mean loss against the reference; log 2 where nothing moved."""
        now = margins(model, self.rows, pad_id=self.pad_id)
        with reference(model):
            before = margins(model, self.rows, pad_id=self.pad_id)
        moved = [a - b for a, b in zip(now, before, strict=True)]
        losses = losses_of(moved, self.rows, beta=self.beta)
        return sum(losses) / len(losses)


@dataclass(frozen=True)
class Judged:
    """Held-out rows as base and adapter judge them: scores and losses, base first."""

    answers: tuple[Scores, Scores] | None  # None: answers are to be generated
    losses: tuple[tuple[float, ...], tuple[float, ...]]


def judge(model: nn.Module, rows: Rows, *, pad_id: int, beta: float) -> Judged:
    """Return what training did to held-out rows.

    Of pairs the score is 1 where the chosen answer is the likelier one. Of rated answers it is 1 where a good one became
    likelier than it was for the base, or a bad one less likely, and the base's is 0.5, what chance would give.
    """
    peft: Any = extract_model_from_parallel(model)
    now = margins(model, rows, pad_id=pad_id)
    with peft.disable_adapter():
        base = margins(model, rows, pad_id=pad_id)
    moved = [a - b for a, b in zip(now, base, strict=True)]
    losses = losses_of(moved, rows, beta=beta)
    if rows and isinstance(rows[0], EncodedPair):
        name = "chosen preferred"
        scores = [[float(margin > 0) for margin in side] for side in (base, now)]
    else:
        name = "moved the right way"
        signs = _signs(rows)
        right = [float(sign * move > 0) for sign, move in zip(signs, moved, strict=True)]
        scores = [[0.5] * len(rows), right]
    first, second = (Scores(TASK, name, tuple(values), ()) for values in scores)
    return Judged((first, second), ((math.log(2),) * len(rows), tuple(losses)))
