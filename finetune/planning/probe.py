"""What a training will take: time and memory, from a few steps of the same training, discarded afterwards."""

import resource
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil
import torch
from pydantic import JsonValue
from torch.utils.data import Sampler, SequentialSampler
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from adapt.models.loading import load_base
from adapt.protocols import no_progress
from adapt.registry.bases.find import Base
from finetune.plan import Plan, Prepared
from finetune.settings import SftSettings
from finetune.tokens.examples import EncodedRow
from finetune.tokens.preferences import EncodedRating
from finetune.train.callbacks import RowsHeldOut, Watch, clock_time
from finetune.train.preference import PairTrainer, RatingTrainer
from finetune.train.preference_margins import PreferencesHeldOut
from finetune.train.schedule import Clock
from finetune.train.sft import AdapterTrainer
from finetune.train.trainer import RunTrainer, TrainingJob

STEPS = 3  # that are timed; one before them takes the longest rows, for the memory, and warms up
FORWARD = (
    1 / 3
)  # of the time of a training step is its forward pass, about; evaluation is that alone


@dataclass(frozen=True)
class Estimate:
    """What a run takes on this machine. `seconds` are those of training; the proof comes on top."""

    seconds: float
    tokens_per_second: float
    peak_bytes: int
    total_bytes: int  # that this machine, or its accelerator, has

    @property
    def line(self) -> str:
        """Return the estimate for people."""
        share = 100 * self.peak_bytes / self.total_bytes
        memory = f"{self.peak_bytes / 2**30:.1f} GiB at most ({share:.0f} % of what there is)"
        return (
            f"about {clock_time(self.seconds)} of training at {self.tokens_per_second:,.0f} tokens/s, memory {memory}; "
            f"from {STEPS} steps tried out"
        )

    def as_json(self) -> dict[str, JsonValue]:
        """Return the estimate for scripts."""
        return {
            "seconds": round(self.seconds, 1),
            "tokens_per_second": round(self.tokens_per_second, 1),
            "peak_bytes": self.peak_bytes,
            "total_bytes": self.total_bytes,
        }


def probe(base: Base, prepared: Prepared, settings: SftSettings) -> Estimate:
    """Load the base, train a few steps in a folder that goes away, and say what the whole run would take."""
    plan = prepared.plan
    model, tokenizer = load_base(base, four_bit=settings.four_bit)
    rows = sorted(prepared.train, key=lambda row: row.length)
    longest, others = rows[-plan.batch_size :], prepared.train
    drawn = [others[place % len(others)] for place in range(STEPS * plan.batch_size)]
    arranged = (
        (*longest, *drawn)
        if len(longest) == plan.batch_size
        else (*drawn[: plan.batch_size], *drawn)
    )
    short = replace(plan, epochs=1, steps=STEPS + 1, warmup_steps=1, max_minutes=None)
    tried = replace(prepared, plan=short, train=arranged)
    watch_clock = Clock(steps=STEPS + 1, warmup_steps=1)
    pad = int(tokenizer.pad_token_id)
    few = prepared.heldout[:1]
    examples = isinstance(few[0], EncodedRow)
    heldout = RowsHeldOut(few, pad) if examples else PreferencesHeldOut(few, pad, settings.beta)
    with tempfile.TemporaryDirectory() as folder:
        job = TrainingJob(
            model, tokenizer, tried, settings.model_copy(update={"patience": None}), Path(folder)
        )
        watch = Watch(
            watch_clock, heldout, job.settings, progress=no_progress, requested=threading.Event()
        )
        trainer = _trainer(job, watch_clock, watch)
        stopwatch = _Stopwatch()
        trainer.add_callback(stopwatch)
        trainer.train()
    seconds = stopwatch.times[-1] - stopwatch.times[0]
    rate = sum(row.total for row in drawn) / max(seconds, 1e-9)
    peak, total = _memory()
    return Estimate(whole_seconds(plan, prepared, settings, rate), rate, peak, total)


def whole_seconds(plan: Plan, prepared: Prepared, settings: SftSettings, rate: float) -> float:
    """Return the seconds of the whole training from the tokens per second of a part."""
    learned: float = sum(row.total for row in prepared.train) * plan.epochs
    watched = prepared.validation or prepared.heldout
    read: float = sum(row.total for row in watched) * settings.evaluation_count
    seconds = (learned + FORWARD * read) / rate
    return min(seconds, plan.max_minutes * 60) if plan.max_minutes else seconds


def _memory() -> tuple[int, int]:
    """Return the most memory used so far and what there is, in bytes; the accelerator's where there is one."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated(), torch.cuda.get_device_properties(0).total_memory
    unit = 1 if sys.platform == "darwin" else 1024  # Linux counts in KiB
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return peak, psutil.virtual_memory().total


def _trainer(job: TrainingJob, clock: Clock, watch: Watch) -> RunTrainer:
    """Return the trainer of the job's kind of rows, which takes them as they stand."""
    first = job.prepared.train[0]
    kind: Any = AdapterTrainer if isinstance(first, EncodedRow) else PairTrainer
    if isinstance(first, EncodedRating):
        return RatingTrainer(job, clock, watch)  # takes them in an order of its own
    in_order = type("InOrder", (kind,), {"_get_train_sampler": _as_they_stand})
    return in_order(job, clock, watch)  # type: ignore[no-any-return]


def _as_they_stand(trainer: RunTrainer, train_dataset: object = None) -> Sampler[int]:
    return SequentialSampler(trainer.train_dataset)


class _Stopwatch(TrainerCallback):
    """Notes when each step ended."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        """Note the time; that of the last step holds the loss of one held-out row too."""
        self.times.append(time.perf_counter())
