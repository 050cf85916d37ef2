"""Training speed: our trainer against a plain trl + peft script on the same rows and base, an epoch of each in turn.

Once with the same settings (no packing on either side), once on short rows of skewed lengths with the defaults of both. Both
run in one process, so that a machine whose speed swings treats them alike.
"""

import json
import random
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from datasets import Dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoTokenizer, PrinterCallback, TrainerCallback
from trl import SFTConfig, SFTTrainer

from adapt.evaluation.likelihood import answer_losses
from adapt.models.loading import load_base
from adapt.records import ProgressEvent
from adapt.registry.bases.find import STARTER
from adapt.workspace.folder import Workspace
from finetune.runs.prepare import make_ready
from finetune.runs.request import TrainingRequest
from finetune.settings import SftSettings
from finetune.tokens.examples import EncodedRow
from finetune.train.interrupts import Interrupts
from finetune.train.sft import train
from finetune.train.trainer import TrainingJob
from tests.benchmarks.report import Row
from tests.tiny import make_base

ROWS, BATCH, ROUNDS = 96, 8, 4
HELD = 16  # rows that are not trained on, whose loss is taken on both sides
Rows = list[dict[str, str]]


@dataclass(frozen=True)
class Epoch:
    """One epoch: seconds from the end of its first step to that of its last, tokens (no padding) read in them."""

    seconds: float
    tokens: int
    loss: float  # on held-out rows, after it


def run() -> list[Row]:
    """Train both in turn, `ROUNDS` times one epoch each, and compare tokens per second."""
    with tempfile.TemporaryDirectory() as folder:
        base = STARTER if (STARTER / "config.json").is_file() else make_base(Path(folder) / "llama")
        same = _compare(Path(folder) / "same", base, _tickets(ROWS + HELD), defaults=False)
        return [
            same,
            _compare(Path(folder) / "short", base, short_rows(4 * ROWS + HELD), defaults=True),
        ]


def _tickets(count: int) -> Rows:
    return [
        {
            "prompt": f"Ticket {n}: the lamp of room {n * 7 % 90} has been dark since {n % 12 + 1} o'clock. "
            * (1 + n % 4),
            "completion": f"room {n * 7 % 90}, {n % 12 + 1}:00",
        }
        for n in range(count)
    ]


def short_rows(count: int) -> Rows:
    """Return short questions whose lengths are skewed about as those of banking77 are."""
    draw = random.Random(0)
    words = "card account transfer cash money top pending refund fee rate passport".split()  # noqa: SIM905
    rows = []
    for n in range(count):
        length = min(max(int(draw.lognormvariate(2.3, 0.55)), 3), 60)
        asked = " ".join(draw.choice(words) for _ in range(length))
        rows.append(
            {"prompt": f"{asked}?", "completion": f"{words[n % len(words)]}_{words[n % 5]}"}
        )
    return rows


def _compare(folder: Path, base: Path, rows: Rows, *, defaults: bool) -> Row:
    folder.mkdir()
    ours: list[Epoch] = []
    theirs: list[Epoch] = []
    for number in range(ROUNDS + 1):
        early = (
            _peer(folder / f"early{number}", base, rows, defaults=defaults) if number % 2 else None
        )
        mine = _ours(folder / f"ours{number}", base, rows, defaults=defaults)
        peer = early or _peer(folder / f"peer{number}", base, rows, defaults=defaults)
        if number:  # the first round pays for loading and warming up
            ours.append(mine)
            theirs.append(peer)
    rates = [[epoch.tokens / epoch.seconds for epoch in side] for side in (ours, theirs)]
    ratios = [a / b for a, b in zip(*rates, strict=True)]
    settings = "the defaults of both" if defaults else "the same settings"
    model = base.parent.name if base == STARTER else "a tiny Llama"
    return Row(
        what=f"training, LoRA r=16 on {model}{', short rows' if defaults else ''}",
        ours=f"{statistics.median(rates[0]):,.0f} tokens/s",
        peer=f"{statistics.median(rates[1]):,.0f} tokens/s (trl + peft)",
        ratio=round(statistics.median(ratios), 3),
        note=f"{settings}; median of {ROUNDS} pairs ({min(ratios):.2f} … {max(ratios):.2f}), {len(rows) - HELD} rows, "
        f"{ours[-1].tokens:,} tokens without padding; held-out loss {ours[-1].loss:.3f} and {theirs[-1].loss:.3f}; "
        "ours takes held-out loss, progress and checkpoints besides",
    )


def _ours(folder: Path, base: Path, rows: Rows, *, defaults: bool) -> Epoch:
    folder.mkdir()
    file = folder / "rows.json"
    file.write_text(json.dumps(rows[:-HELD]))
    heldout = folder / "held.json"
    heldout.write_text(json.dumps(rows[-HELD:]))
    same = {"micro_batch_size": BATCH, "packing": False} if not defaults else {}
    settings = SftSettings(epochs=1, batch_size=BATCH, learning_rate=1e-3, evaluations=1, **same)
    request = TrainingRequest(
        domain="bench", files=(file,), test=heldout, base=str(base), settings=settings
    )
    ready = make_ready(request, workspace=Workspace(folder / "workspace"))
    model, tokenizer = load_base(ready.outline.base)
    times: list[float] = []

    def progress(event: ProgressEvent) -> None:
        if event.stage == "train":
            times.append(time.perf_counter())

    job = TrainingJob(model, tokenizer, ready.prepared, settings, folder / "run")
    trained = train(job, progress=progress, interrupts=Interrupts())
    steps = ready.plan.steps
    loss = _loss(trained.model, ready.prepared.heldout, job.pad_id)
    return Epoch(times[-1] - times[0], ready.plan.tokens * (steps - 1) // steps, loss)


def _loss(model: torch.nn.Module, rows: Sequence[EncodedRow], pad_id: int) -> float:
    return statistics.mean(answer_losses(model, rows, pad_id=pad_id))


class _Times(TrainerCallback):
    """Notes when each step ended."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def on_log(self, args: object, state: object, control: object, **_: object) -> None:
        """Note the time."""
        self.times.append(time.perf_counter())


def _peer(folder: Path, base: Path, rows: Rows, *, defaults: bool) -> Epoch:
    """Return the same of the script that trl's documentation shows."""
    folder.mkdir()
    (folder / "rows.json").write_text(json.dumps(rows[:-HELD]))
    (folder / "held.json").write_text(json.dumps(rows[-HELD:]))
    request = TrainingRequest(
        domain="bench",
        files=(folder / "rows.json",),
        test=folder / "held.json",
        base=str(base),
        settings=SftSettings(),
    )
    ready = make_ready(request, workspace=Workspace(folder / "workspace"))
    same = {} if defaults else {"gradient_checkpointing": False}
    times, model = train_with_trl(base, rows[:-HELD], folder, BATCH, same)
    loss = _loss(model, ready.prepared.heldout, ready.outline.tokenizer.pad_token_id)
    return Epoch(times[-1] - times[0], ready.plan.tokens * (len(times) - 1) // len(times), loss)


def train_with_trl(
    base: Path, rows: Rows, folder: Path, batch: int, settings: dict[str, bool]
) -> tuple[list[float], torch.nn.Module]:
    """Train an epoch with the script that trl's documentation shows; return when each step ended, and the model."""
    conversations = [
        {
            "prompt": [{"role": "user", "content": row["prompt"]}],
            "completion": [{"role": "assistant", "content": row["completion"]}],
        }
        for row in rows
    ]
    times = _Times()
    trainer = SFTTrainer(
        model=AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32),
        args=SFTConfig(
            output_dir=str(folder),
            num_train_epochs=1,
            per_device_train_batch_size=batch,
            learning_rate=1e-3,
            lr_scheduler_type="cosine",
            bf16=torch.cuda.is_available(),  # trl's default; on a CPU it refuses it
            logging_steps=1,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            dataloader_pin_memory=False,
            **settings,
        ),
        train_dataset=Dataset.from_list(conversations),
        processing_class=AutoTokenizer.from_pretrained(base),
        peft_config=LoraConfig(
            r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM"
        ),
        callbacks=[times],
    )
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    steps = times.times[: len(rows) // batch]  # the last entry is the summary
    return steps, trainer.accelerator.unwrap_model(trainer.model)
