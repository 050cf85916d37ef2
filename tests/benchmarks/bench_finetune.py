"""Training speed: our trainer against a plain trl + peft script on the same rows, base and settings, step by step in turn.

Both run in one process, a few steps of one, then of the other, so that a machine whose speed swings treats them alike.
"""

import statistics
import tempfile
import time
from pathlib import Path

import torch
from datasets import Dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoTokenizer, PrinterCallback, TrainerCallback
from trl import SFTConfig, SFTTrainer

from adapt.bases import STARTER
from adapt.loading import load_base
from adapt.records import ProgressEvent
from adapt.workspace import Workspace
from finetune.interrupts import Interrupts
from finetune.run import make_ready
from finetune.runs import TrainingRequest
from finetune.settings import SftSettings
from finetune.sft import train
from finetune.trainer import TrainingJob
from tests.benchmarks.report import Row
from tests.tiny import make_base

ROWS, BATCH, ROUNDS = 96, 8, 4
Rows = list[dict[str, str]]


def run() -> list[Row]:
    """Train both in turn, `ROUNDS` times one epoch each, and compare tokens per second."""
    with tempfile.TemporaryDirectory() as folder:
        return [_compare(Path(folder))]


def _compare(folder: Path) -> Row:
    base = STARTER if (STARTER / "config.json").is_file() else make_base(folder / "llama")
    rows = [
        {
            "prompt": f"Ticket {n}: the lamp of room {n * 7 % 90} has been dark since {n % 12 + 1} o'clock. "
            * (1 + n % 4),
            "completion": f"room {n * 7 % 90}, {n % 12 + 1}:00",
        }
        for n in range(ROWS)
    ]
    ours, theirs, tokens = [], [], 0
    for number in range(ROUNDS + 1):
        early = _peer(folder / f"early{number}", base, rows) if number % 2 else None
        mine, tokens = _ours(folder / f"ours{number}", base, rows)
        peer = early or _peer(folder / f"peer{number}", base, rows)
        if number:  # the first round pays for loading and warming up
            ours.append(tokens / mine)
            theirs.append(tokens / peer)
    ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
    return Row(
        what=f"training, LoRA r=16 on {base.parent.name if base == STARTER else 'a tiny Llama'}",
        ours=f"{statistics.median(ours):,.0f} tokens/s",
        peer=f"{statistics.median(theirs):,.0f} tokens/s (trl + peft)",
        ratio=round(statistics.median(ratios), 3),
        note=f"median of {ROUNDS} pairs ({min(ratios):.2f} … {max(ratios):.2f}), {ROWS} rows, {tokens:,} tokens; "
        "ours takes held-out loss, progress and checkpoints besides",
    )


def _ours(folder: Path, base: Path, rows: Rows) -> tuple[float, int]:
    """Return the seconds from the end of the first step to the end of the last, and the tokens read in them."""
    folder.mkdir()
    file = folder / "rows.json"
    file.write_text(Dataset.from_list(rows).to_pandas().to_json(orient="records"))
    held = folder / "held.json"
    held.write_text('[{"prompt": "Ticket 0", "completion": "room 0"}]')
    settings = SftSettings(epochs=1, batch_size=BATCH, micro_batch_size=BATCH, learning_rate=1e-3)
    request = TrainingRequest(
        domain="bench", files=(file,), test=held, base=str(base), settings=settings
    )
    ready = make_ready(request, workspace=Workspace(folder / "workspace"))
    model, tokenizer = load_base(ready.outline.base)
    times: list[float] = []

    def progress(event: ProgressEvent) -> None:
        if event.stage == "train":
            times.append(time.perf_counter())

    job = TrainingJob(model, tokenizer, ready.prepared, settings, folder / "run")
    train(job, progress=progress, interrupts=Interrupts())
    steps = ready.plan.steps
    return times[-1] - times[0], ready.plan.tokens * (steps - 1) // steps


class _Times(TrainerCallback):
    """Notes when each step ended."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def on_log(self, args: object, state: object, control: object, **_: object) -> None:
        """Note the time."""
        self.times.append(time.perf_counter())


def _peer(folder: Path, base: Path, rows: Rows) -> float:
    """Return the same seconds of the script that trl's documentation shows."""
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    conversations = [
        {
            "prompt": [{"role": "user", "content": row["prompt"]}],
            "completion": [{"role": "assistant", "content": row["completion"]}],
        }
        for row in rows
    ]
    times = _Times()
    trainer = SFTTrainer(
        model=model,
        args=SFTConfig(
            output_dir=str(folder),
            num_train_epochs=1,
            per_device_train_batch_size=BATCH,
            learning_rate=1e-3,
            lr_scheduler_type="cosine",
            gradient_checkpointing=False,
            bf16=torch.cuda.is_available(),
            logging_steps=1,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            dataloader_pin_memory=False,
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
    steps = times.times[: ROWS // BATCH]  # the last entry is the summary
    return steps[-1] - steps[0]
