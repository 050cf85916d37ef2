"""Supervised training of an adapter: trl's trainer and peft's LoRA, with checkpoints of ours.

Owns one training from a loaded base to trained weights in memory. Not here: what is trained on (`finetune.datasets`,
`finetune.encoding`), and what becomes of the result (`finetune.run`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from datasets import Dataset
from peft import LoraConfig, PeftModel
from torch.optim.lr_scheduler import LambdaLR, LRScheduler
from torch.optim.optimizer import Optimizer
from transformers import PreTrainedModel, PreTrainedTokenizerBase, PrinterCallback
from trl import SFTConfig, SFTTrainer

from adapt.protocols import Progress
from adapt.records import ProgressEvent
from finetune.checkpoints import (
    TrainingProgress,
    TrainingState,
    load_best,
    load_generators,
    load_optimizer,
    load_parameters,
    put_parameters,
    read_progress,
    read_trainer_state,
    save_checkpoint,
)
from finetune.clock import Clock
from finetune.curve import Curve
from finetune.encoding import EncodedRow
from finetune.interrupts import Interrupts
from finetune.keep import drift_from_base, kept_rows, last_drift, pick
from finetune.lora import lora_config
from finetune.plan import Prepared
from finetune.settings import SftSettings
from finetune.watch import Best, Heldout, Watch


@dataclass(frozen=True)
class SftJob:
    """One training: the loaded base, what is learned, and where its checkpoints go."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    prepared: Prepared
    settings: SftSettings
    run: Path
    checkpoint: Path | None = None  # to resume from
    start: Path | None = None  # the adapter whose weights training begins with


@dataclass(frozen=True)
class Trained:
    """What a training came to; `ended` is False where the user stopped it."""

    model: PeftModel
    curve: Curve
    steps: int
    seconds: float
    ended: bool
    # from the base on rows to keep, at the end of training; None where there were none
    drift: float | None = None
    best_step: int | None = None  # whose weights these are, where training may stop early


class AdapterTrainer(SFTTrainer):  # type: ignore[misc]  # trl has no types
    """trl's trainer with a schedule that knows the time, and with checkpoints that survive a kill."""

    def __init__(self, job: SftJob, clock: Clock, watch: Watch) -> None:
        self._job = job
        self._clock = clock
        self._watch = watch
        model: PreTrainedModel | PeftModel = job.model
        config: LoraConfig | None = lora_config(job.settings)
        if job.start is not None:
            model = PeftModel.from_pretrained(
                job.model, str(job.start), is_trainable=True, config=config
            )
            config = None
        super().__init__(
            model=model,
            args=_arguments(job),
            train_dataset=_dataset(job.prepared.train),
            processing_class=job.tokenizer,
            peft_config=config,
            callbacks=[watch],
        )
        self.remove_callback(PrinterCallback)

    def _send_telemetry(self) -> None:
        """Send nothing; trl would report the trainer, the model's family and the hardware."""

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, torch.Tensor],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> torch.Tensor:
        """Return the loss on the answers to learn, and with it the divergence from the base on the rows to keep."""
        kept = kept_rows(inputs["labels"])
        losses = []
        if not kept.all():
            learned = pick(inputs, ~kept) if kept.any() else inputs
            losses.append(super().compute_loss(model, learned, False, num_items_in_batch))
        if kept.any():
            drift = drift_from_base(model, pick(inputs, kept))
            self._metrics["train"]["drift"].append(drift.item())
            # given the number of items, the trainer leaves it to the loss to average over the passes of a step
            passes = 1 if num_items_in_batch is None else self.current_gradient_accumulation_steps
            losses.append(self._job.settings.keep_weight * drift / passes)
        return torch.stack(losses).sum()

    def create_scheduler(
        self, num_training_steps: int, optimizer: Optimizer | None = None
    ) -> LRScheduler:
        """Return the schedule of the run's clock."""
        scheduler = LambdaLR(optimizer or self.optimizer, self._clock.factor)
        self.lr_scheduler = scheduler
        self._created_lr_scheduler = True
        return scheduler

    def _save_checkpoint(self, model: torch.nn.Module, trial: object) -> None:
        best = self._watch.best.parameters if self._watch.best else None
        state = TrainingState(self.model, self.optimizer, self.lr_scheduler, self.state, best)
        progress = TrainingProgress(self._clock.elapsed_seconds, self._watch.ended)
        save_checkpoint(self._job.run, state, progress)

    def _load_from_checkpoint(
        self, resume_from_checkpoint: str, model: torch.nn.Module | None = None
    ) -> None:
        load_parameters(Path(resume_from_checkpoint), model or self.model)

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        if checkpoint is not None:
            load_optimizer(Path(checkpoint), self.optimizer, self.lr_scheduler)

    def _load_rng_state(self, checkpoint: str | None) -> None:
        if checkpoint is not None:
            load_generators(Path(checkpoint))


def train(job: SftJob, *, progress: Progress, interrupts: Interrupts) -> Trained:
    """Train an adapter on a base, or continue from a checkpoint to the same weights.

    On the CPU the same data, settings and seed give the same weights bit for bit, interrupted or not, unless minutes are
    limited.
    """
    plan = job.prepared.plan
    before = read_progress(job.checkpoint) if job.checkpoint else TrainingProgress(0.0, ended=False)
    clock = Clock(
        steps=plan.steps,
        warmup_steps=plan.warmup_steps,
        limit_seconds=plan.max_minutes * 60 if plan.max_minutes else None,
        before_seconds=before.elapsed_seconds,
        schedule=job.settings.schedule,
    )
    rows = job.prepared.validation or job.prepared.heldout
    heldout = Heldout(rows, int(job.tokenizer.pad_token_id))
    watch = Watch(clock, heldout, job.settings, progress=progress, requested=interrupts.requested)
    progress(ProgressEvent("prepare", detail="building the adapter"))
    trainer = AdapterTrainer(job, clock, watch)
    if job.checkpoint is not None:
        watch.best = _best_before(job.checkpoint)
    if job.checkpoint is not None and before.ended:  # stopped between training and publication
        load_parameters(job.checkpoint, trainer.model)
        trainer.state = read_trainer_state(job.checkpoint)
        watch.ended = True
    else:
        resumed = None if job.checkpoint is None else str(job.checkpoint)
        with interrupts.patience():
            trainer.train(resume_from_checkpoint=resumed)
    if watch.ended and watch.best is not None:
        put_parameters(watch.best.parameters, trainer.model, where=job.run)
    return Trained(
        model=trainer.accelerator.unwrap_model(trainer.model),
        curve=Curve.of(trainer.state.log_history),
        steps=int(trainer.state.global_step),
        seconds=clock.elapsed_seconds,
        ended=watch.ended,
        drift=last_drift(trainer.state.log_history),
        best_step=watch.best.step if watch.best else None,
    )


def _best_before(checkpoint: Path) -> Best | None:
    """Return the best evaluation that a checkpoint knows of."""
    weights = load_best(checkpoint)
    history = read_trainer_state(checkpoint).log_history
    found = [entry for entry in history if "heldout_loss" in entry]
    if weights is None or not found:
        return None
    best = min(found, key=lambda entry: entry["heldout_loss"])
    return Best(int(best["step"]), float(best["heldout_loss"]), weights)


def _arguments(job: SftJob) -> SFTConfig:
    plan, settings = job.prepared.plan, job.settings
    return SFTConfig(
        output_dir=str(job.run),
        num_train_epochs=plan.epochs,
        per_device_train_batch_size=plan.micro_batch_size,
        gradient_accumulation_steps=plan.accumulation,
        learning_rate=plan.learning_rate,
        weight_decay=settings.weight_decay,
        max_grad_norm=settings.max_grad_norm,
        gradient_checkpointing=plan.gradient_checkpointing,
        # measured on 2 cores: bf16 autocast gains nothing over fp32 there, and fp32 is exact
        bf16=torch.cuda.is_available() and torch.cuda.is_bf16_supported(),
        max_length=None,
        dataset_kwargs={"skip_prepare_dataset": True},  # rows come as tokens and labels
        dataloader_pin_memory=torch.cuda.is_available(),
        seed=settings.seed,
        data_seed=settings.seed,
        logging_steps=1,
        logging_nan_inf_filter=False,  # it would hide a loss that is not a number
        save_strategy="no",  # the watch asks for checkpoints, by time
        eval_strategy="no",  # the watch takes the held-out loss
        report_to="none",
        disable_tqdm=True,
        push_to_hub=False,
    )


def _dataset(rows: Sequence[EncodedRow]) -> Dataset:
    return Dataset.from_dict(
        {
            "input_ids": [list(row.input_ids) for row in rows],
            "labels": [list(row.labels) for row in rows],
        }
    )
