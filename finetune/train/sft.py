"""Supervised training of an adapter on examples: the loss of the answers, and with it the divergence on rows to keep."""

from collections.abc import Sequence

import torch
from datasets import Dataset
from trl import SFTConfig, SFTTrainer

from adapt.protocols import Progress
from finetune.passes.answer_loss import answers_loss
from finetune.passes.joint import joinable
from finetune.passes.packed_rows import Pass
from finetune.tokens.examples import EncodedRow
from finetune.train.base_divergence import drift_from_base, kept_rows, pick
from finetune.train.callbacks import RowsHeldOut, Watch
from finetune.train.interrupts import Interrupts
from finetune.train.schedule import Clock
from finetune.train.trainer import RunTrainer, Trained, TrainingJob, follow


class AdapterTrainer(RunTrainer, SFTTrainer):  # type: ignore[misc]  # trl has no types
    """trl's supervised trainer."""

    def __init__(self, job: TrainingJob, clock: Clock, watch: Watch) -> None:
        # rows come as tokens and labels
        arguments = SFTConfig(
            **job.arguments(),
            dataset_kwargs={"skip_prepare_dataset": True},
            padding_free=job.prepared.plan.packing,
        )
        rows = _dataset(job.prepared.train)
        self._tokens = 0
        super().__init__(job, clock, watch, args=arguments, train_dataset=rows)

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, torch.Tensor],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> torch.Tensor:
        """Return the loss on the answers to learn, and with it the divergence from the base on the rows to keep."""
        kept = kept_rows(inputs["labels"])
        self.count_tokens(inputs)
        losses = []
        if not kept.all():
            learned = pick(inputs, ~kept) if kept.any() else inputs
            loss = answers_loss(model, learned, num_items_in_batch)
            losses.append(self.shared(loss, num_items_in_batch))
        if kept.any():
            drift = drift_from_base(model, pick(inputs, kept))
            self._metrics["train"]["drift"].append(drift.item())
            # given the number of items, the trainer leaves it to the loss to average over the passes of a step
            passes = 1 if num_items_in_batch is None else self.current_gradient_accumulation_steps
            losses.append(self._job.settings.keep_weight * drift / passes)
        return torch.stack(losses).sum()

    def as_pass(
        self, inputs: dict[str, torch.Tensor], items: torch.Tensor | int | None
    ) -> Pass | None:
        """Return packed rows to learn as a pass; rows to keep take two passes of their own."""
        plan = self._job.prepared.plan
        apart = self.args.bf16 or self.accelerator.num_processes > 1
        if not plan.packing or plan.gradient_checkpointing or items is None or apart:
            return None
        pass_ = Pass(self.model, self._prepare_inputs(inputs), items)
        return pass_ if joinable(pass_) else None

    def shared(self, loss: torch.Tensor, items: torch.Tensor | int | None) -> torch.Tensor:
        """Return a loss so that the mean over devices is that of all their tokens, which `items` counts."""
        if items is None or not self.args.average_tokens_across_devices:
            return loss
        devices: int = self.accelerator.num_processes
        return loss * devices

    def count_tokens(self, inputs: dict[str, torch.Tensor]) -> None:
        """Count the tokens read, padding apart, for the log."""
        mask = inputs.get("attention_mask")
        self._tokens += int(inputs["input_ids"].numel() if mask is None else mask.sum())
        self._metrics["train"]["num_tokens"] = [self._tokens]


def train(job: TrainingJob, *, progress: Progress, interrupts: Interrupts) -> Trained:
    """Train an adapter on examples; see `finetune.train.trainer.follow`."""
    heldout = RowsHeldOut(job.prepared.validation or job.prepared.heldout, job.pad_id)
    return follow(job, AdapterTrainer, heldout, progress=progress, interrupts=interrupts)


def _dataset(rows: Sequence[EncodedRow]) -> Dataset:
    return Dataset.from_dict(
        {
            "input_ids": [list(row.input_ids) for row in rows],
            "labels": [list(row.labels) for row in rows],
        }
    )
