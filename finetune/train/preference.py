"""Training an adapter on preferences: DPO on pairs, KTO on rated answers; trl's losses, one model resident.

The reference is the same model with its adapter switched off, or, where an adapter is continued, as that adapter was.
References: Rafailov et al. 2023, DPO, arXiv:2305.18290; Ethayarajh et al. 2024, KTO, arXiv:2402.01306.
"""

import random
from collections.abc import Sequence
from typing import Any

from datasets import Dataset
from trl import DPOConfig, DPOTrainer
from trl.trainer.kto_config import KTOConfig
from trl.trainer.kto_trainer import KTOTrainer

from adapt.protocols import Progress
from finetune.tokens.preferences import EncodedPair, EncodedRating
from finetune.train.callbacks import Watch
from finetune.train.interrupts import Interrupts
from finetune.train.preference_margins import PreferencesHeldOut
from finetune.train.schedule import Clock
from finetune.train.trainer import RunTrainer, Trained, TrainingJob, follow


class PairTrainer(RunTrainer, DPOTrainer):  # type: ignore[misc]  # trl has no types
    """trl's DPO trainer on rows that are tokens already."""

    def __init__(self, job: TrainingJob, clock: Clock, watch: Watch) -> None:
        arguments = DPOConfig(**job.arguments(), beta=job.settings.beta)
        super().__init__(
            job, clock, watch, args=arguments, train_dataset=_pairs(job.prepared.train)
        )

    def _prepare_dataset(self, dataset: Dataset, *_: object) -> Dataset:
        return dataset


class RatingTrainer(RunTrainer, KTOTrainer):  # type: ignore[misc]  # trl has no types
    """trl's KTO trainer on rows that are tokens already; they are taken in the order given, so they are shuffled here."""

    def __init__(self, job: TrainingJob, clock: Clock, watch: Watch) -> None:
        weights = side_weights(job.prepared.train)
        arguments = KTOConfig(**job.arguments(), beta=job.settings.beta, **weights)
        rows = _ratings(job.prepared.train, job.prepared.plan.micro_batch_size, job.settings.seed)
        super().__init__(job, clock, watch, args=arguments, train_dataset=rows)

    def _prepare_dataset(self, dataset: Dataset, *_: object) -> Dataset:
        return dataset


def train(job: TrainingJob, *, progress: Progress, interrupts: Interrupts) -> Trained:
    """Train an adapter on preference pairs or on rated answers; see `finetune.train.trainer.follow`."""
    rows: Any = job.prepared.validation or job.prepared.heldout
    heldout = PreferencesHeldOut(rows, job.pad_id, job.settings.beta)
    pairs = isinstance(job.prepared.train[0], EncodedPair)
    trainer = PairTrainer if pairs else RatingTrainer
    return follow(job, trainer, heldout, progress=progress, interrupts=interrupts)


def side_weights(rows: Sequence[EncodedRating]) -> dict[str, float]:
    """Return KTO's weights of good and of bad answers: both sides weigh alike, whatever their number; none below 1.

    Reference: equation 8 of the paper.
    """
    good = sum(row.good for row in rows)
    bad = len(rows) - good
    more = max(bad, 1) / max(good, 1)
    return {"desirable_weight": max(more, 1.0), "undesirable_weight": max(1 / more, 1.0)}


def _pairs(rows: Sequence[EncodedPair]) -> Dataset:
    return Dataset.from_dict(
        {
            "prompt_ids": [list(row.prompt) for row in rows],
            "chosen_ids": [list(row.chosen) for row in rows],
            "rejected_ids": [list(row.rejected) for row in rows],
        }
    )


def _ratings(rows: Sequence[EncodedRating], together: int, seed: int) -> Dataset:
    """Return rows with, for each, the answer of another one of its batch: KTO takes its reference point from such pairs."""
    order = list(rows)
    random.Random(seed).shuffle(order)  # noqa: S311  a seeded draw
    others: list[EncodedRating] = []
    for start in range(0, len(order), together):
        batch = order[start : start + together]
        others += [batch[-1], *batch[:-1]]
    return Dataset.from_dict(
        {
            "prompt_ids": [list(row.prompt) for row in order],
            "completion_ids": [list(row.answer) for row in order],
            "KL_completion_ids": [list(row.answer) for row in others],
            "label": [row.good for row in order],
        }
    )
