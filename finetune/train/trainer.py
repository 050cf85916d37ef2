"""What every training here shares, whatever its loss: a schedule that knows the time, and checkpoints that survive a kill.

Owns one training from a loaded base to trained weights in memory. The losses are trl's (`finetune.train.sft`,
`finetune.train.preference`). Not here: what is trained on, and what becomes of the result (`finetune.runs.run`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel
from torch.optim.lr_scheduler import LambdaLR, LRScheduler
from torch.optim.optimizer import Optimizer
from transformers import PreTrainedModel, PreTrainedTokenizerBase, PrinterCallback, Trainer

from adapt.protocols import Progress
from adapt.records import ProgressEvent
from finetune.passes.joint import share
from finetune.passes.packed_rows import Pass
from finetune.passes.scheduler import Together
from finetune.plan import Prepared
from finetune.settings import SftSettings
from finetune.train.base_divergence import last_drift
from finetune.train.callbacks import Best, Heldout, Watch
from finetune.train.checkpoints import (
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
from finetune.train.curve import Curve
from finetune.train.interrupts import Interrupts
from finetune.train.lora import lora_config
from finetune.train.processes import is_first, processes
from finetune.train.schedule import Clock


@dataclass(frozen=True)
class TrainingJob:
    """One training: the loaded base, what is learned, and where its checkpoints go."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    prepared: Prepared
    settings: SftSettings
    run: Path
    checkpoint: Path | None = None  # to resume from
    start: Path | None = None  # the adapter whose weights training begins with
    together: Together | None = None  # with other trainings, if there are any

    @property
    def pad_id(self) -> int:
        """Return the token that pads rows."""
        return int(self.tokenizer.pad_token_id)

    def adapted(self) -> tuple[PreTrainedModel | PeftModel, LoraConfig | None]:
        """Return the model to train, and the adapter to put on it where it has none yet."""
        config = lora_config(self.settings)
        if self.start is None:
            return self.model, config
        begun = PeftModel.from_pretrained(
            self.model, str(self.start), is_trainable=True, config=config
        )
        return begun, None

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of transformers' trainer, the same for all losses."""
        plan, settings = self.prepared.plan, self.settings
        return {
            "output_dir": str(self.run),
            "num_train_epochs": plan.epochs,
            "per_device_train_batch_size": plan.micro_batch_size,
            "gradient_accumulation_steps": plan.accumulation // processes(),
            "learning_rate": plan.learning_rate,
            "weight_decay": settings.weight_decay,
            "max_grad_norm": settings.max_grad_norm,
            "gradient_checkpointing": plan.gradient_checkpointing,
            # measured on 2 cores: bf16 autocast gains nothing over fp32 there, and fp32 is exact
            "bf16": torch.cuda.is_available() and torch.cuda.is_bf16_supported(),
            "max_length": None,
            "dataloader_pin_memory": torch.cuda.is_available(),
            "seed": settings.seed,
            "data_seed": settings.seed,
            "logging_steps": 1,
            "logging_nan_inf_filter": False,  # it would hide a loss that is not a number
            "save_strategy": "no",  # the watch asks for checkpoints, by time
            "eval_strategy": "no",  # the watch takes the held-out loss
            "report_to": "none",
            "disable_tqdm": True,
            "push_to_hub": False,
        }


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


_Trainer: Any = Trainer  # trl's trainers, which follow it among a class's parents, have no types


class RunTrainer(_Trainer):  # type: ignore[misc]
    """Put before one of trl's trainers: follows the run's clock and writes the run's checkpoints."""

    def __init__(self, job: TrainingJob, clock: Clock, watch: Watch, **given: object) -> None:
        self._job = job
        self._clock = clock
        self._watch = watch
        # peft puts adapters into the job's own model
        self._together = job.together or Together(share(job.model), watch.tell)
        model, adapter = job.adapted()
        super().__init__(
            model=model,
            processing_class=job.tokenizer,
            peft_config=adapter,
            callbacks=[watch],
            **given,
        )
        self.remove_callback(PrinterCallback)
        self._trained = [p for p in self.model.parameters() if p.requires_grad]
        for parameter in self._trained:
            # trl puts adapters of a base in 4 bits into bf16, where steps below 1/256 of a weight are lost
            parameter.data = parameter.data.float()
        # transformers asks all modules at each step, hundreds with adapters: 3 ms under a profiler, 4 more to clip
        self.model.zero_grad = partial(_forget, self._trained)

    def _send_telemetry(self) -> None:
        """Send nothing; trl would report the trainer, the model's family and the hardware."""

    def create_scheduler(
        self, num_training_steps: int, optimizer: Optimizer | None = None
    ) -> LRScheduler:
        """Return the schedule of the run's clock."""
        scheduler = LambdaLR(optimizer or self.optimizer, self._clock.factor)
        self.lr_scheduler = scheduler
        self._created_lr_scheduler = True
        return scheduler

    def training_step(
        self,
        model: torch.nn.Module,
        inputs: dict[str, torch.Tensor],
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> torch.Tensor:
        """Return the loss of a pass whose gradients are taken, here or together with other trainings'."""
        loss = self._together.step(self.as_pass(inputs, num_items_in_batch))
        if loss is not None:
            return loss
        return super().training_step(model, inputs, num_items_in_batch)  # type: ignore[no-any-return]

    def as_pass(
        self, inputs: dict[str, torch.Tensor], items: torch.Tensor | int | None
    ) -> Pass | None:
        """Return what can be done without peft's layers, and together with others; nothing, unless a loss knows how."""
        return None

    def _clip_grad_norm(self, model: torch.nn.Module) -> torch.Tensor:
        norm: torch.Tensor = self.accelerator.clip_grad_norm_(
            self._trained, self.args.max_grad_norm
        )
        return norm

    def floating_point_ops(self, inputs: dict[str, torch.Tensor]) -> int:
        """Return nothing: nobody reads it, and it takes 4 ms of each step to count."""
        return 0

    def _save_checkpoint(self, model: torch.nn.Module, trial: object) -> None:
        if not is_first():
            return
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


def _forget(trained: Sequence[torch.nn.Parameter]) -> None:
    for parameter in trained:
        parameter.grad = None


def follow(
    job: TrainingJob,
    trainer_class: Callable[[TrainingJob, Clock, Watch], RunTrainer],
    heldout: Heldout,
    *,
    progress: Progress,
    interrupts: Interrupts,
) -> Trained:
    """Train an adapter on a base, or go on from a checkpoint to the same weights.

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
    watch = Watch(clock, heldout, job.settings, progress=progress, requested=interrupts.requested)
    progress(ProgressEvent("prepare", detail="building the adapter"))
    trainer = trainer_class(job, clock, watch)
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
    evaluations = [entry for entry in history if "heldout_loss" in entry]
    if weights is None or not evaluations:
        return None
    best = min(evaluations, key=lambda entry: entry["heldout_loss"])
    return Best(int(best["step"]), float(best["heldout_loss"]), weights)
