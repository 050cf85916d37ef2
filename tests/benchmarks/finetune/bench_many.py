"""Four domains at once on one resident base, against the same four one after another by plain trl + peft scripts.

Both train one epoch of the same rows with the same batches, ranks and rates, in one process and in turn, so that a machine
whose speed swings treats them alike. Useful tokens are those of the rows, padding apart. Peak memory is that of a process of
its own.
"""

import json
import multiprocessing
import os
import random
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from adapt.models.loading import load_base
from adapt.records import ProgressEvent
from adapt.registry.bases.find import STARTER
from adapt.workspace.folder import Workspace
from finetune.passes.scheduler import Together
from finetune.runs.prepare import Ready, make_ready
from finetune.runs.request import TrainingRequest
from finetune.settings import SftSettings
from finetune.train.interrupts import Interrupts
from finetune.train.sft import train
from finetune.train.trainer import TrainingJob
from tests.benchmarks.finetune.bench_finetune import HELD, Rows, short_rows, train_with_trl
from tests.benchmarks.report import Row
from tests.benchmarks.starter.bench_starter import DATA, banking

DOMAINS, ROUNDS = 4, 3


@dataclass(frozen=True)
class Case:
    """Rows of a domain, how many make a step, and what is left to the defaults of both sides."""

    what: str
    rows: Callable[[int], Rows]
    batch: int
    checkpointing: bool  # trl's default is to have it
    steps: int = 24
    peak: bool = False  # whether memory is looked at too


def run() -> list[Row]:
    """Measure each size."""
    cases = [
        Case("32 tokens a domain and step", _of_length(32), 1, checkpointing=False),
        Case("128 tokens a domain and step", _of_length(32), 4, checkpointing=False, peak=True),
        Case("128 tokens, trl's defaults", _of_length(32), 4, checkpointing=True),
        Case("skewed lengths, trl's defaults", short_rows, 8, checkpointing=True),
        Case(
            "1,024 tokens a domain and step",
            _of_length(256),
            4,
            checkpointing=False,
            steps=6,
            peak=True,
        ),
    ]
    if (DATA / "banking77").is_dir():
        cases.insert(4, Case("banking77's rows, trl's defaults", _questions, 8, checkpointing=True))
    return [_compare(case) for case in cases]


def _questions(count: int) -> Rows:
    """Return real questions to a bank, whose lengths are skewed."""
    pairs = banking("train")
    random.Random(0).shuffle(pairs)
    return [{"prompt": asked, "completion": label} for asked, label in pairs[:count]]


def _of_length(tokens: int) -> Callable[[int], Rows]:
    """Return a maker of rows of about this many tokens."""

    def rows(count: int) -> Rows:
        draw = random.Random(tokens)
        words = "the lamp of room is dark since open close door key card front left".split()  # noqa: SIM905
        length = round((tokens - 12) * 0.95)
        return [
            {
                "prompt": " ".join(draw.choice(words) for _ in range(length)),
                "completion": f"room {draw.randint(1, 90)}",
            }
            for _ in range(count)
        ]

    return rows


def _compare(case: Case) -> Row:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = [
            _write(folder / str(n), case.rows(case.steps * case.batch + HELD))
            for n in range(DOMAINS)
        ]
        rates: list[tuple[float, float]] = []
        for number in range(ROUNDS + 1):
            sides = [_together, _one_by_one]
            measured = {
                side: side(folder, data, case) for side in (sides if number % 2 else sides[::-1])
            }
            if number:  # the first round pays for loading and warming up
                rates.append((measured[_together], measured[_one_by_one]))
        memory = ""
        if case.peak:
            peaks = [_peak(_together, folder, data[:count], case) for count in (DOMAINS, 1)]
            memory = f"; peak memory {peaks[0] / peaks[1]:.2f} times that of one domain"
    ratios = [ours / theirs for ours, theirs in rates]
    return Row(
        what=f"four domains, {case.what}",
        ours=f"{statistics.median(r[0] for r in rates):,.0f} useful tokens/s",
        peer=f"{statistics.median(r[1] for r in rates):,.0f} (trl + peft, one after another)",
        ratio=round(statistics.median(ratios), 3),
        note=f"median of {ROUNDS} pairs ({min(ratios):.2f} … {max(ratios):.2f}), {case.steps} steps of {case.batch} rows"
        + memory,
    )


def _write(folder: Path, rows: Rows) -> Path:
    folder.mkdir()
    (folder / "rows.json").write_text(json.dumps(rows[:-HELD]))
    (folder / "held.json").write_text(json.dumps(rows[-HELD:]))
    return folder


def _ready(folder: Path, case: Case) -> Ready:
    settings = SftSettings(epochs=1, batch_size=case.batch, learning_rate=1e-3, evaluations=1)
    request = TrainingRequest(
        domain=f"d{folder.name}",
        files=(folder / "rows.json",),
        test=folder / "held.json",
        settings=settings,
    )
    return make_ready(request, workspace=Workspace(folder / "workspace"))


def _together(folder: Path, data: list[Path], case: Case) -> float:
    """Return useful tokens per second of all domains together, from the first step's end to that of the last but one.

    With the last step come held-out losses and checkpoints, which the peer does not do.
    """
    ready = [_ready(path, case) for path in data]
    model, tokenizer = load_base(ready[0].outline.base)
    times: list[float] = []

    def progress(event: ProgressEvent) -> None:
        if event.stage == "train":
            times.append(time.perf_counter())

    together = Together(model, progress)

    def job(planned: Ready, run: Path) -> None:
        training = TrainingJob(
            together.model(), tokenizer, planned.prepared, planned.settings, run, together=together
        )
        train(training, progress=progress, interrupts=Interrupts())

    together.run([lambda one=one, n=n: job(one, folder / f"run{n}") for n, one in enumerate(ready)])
    steps = sum(planned.plan.steps for planned in ready)
    tokens = sum(planned.plan.tokens for planned in ready)
    each = len(ready)  # steps of a round; in the first ours are tried out too
    return tokens * (steps - 2 * each) / steps / (times[-1 - each] - times[each - 1])


def _one_by_one(folder: Path, data: list[Path], case: Case) -> float:
    """Return useful tokens per second of the domains one after another by trl, each from its first step's end on."""
    tokens = seconds = 0.0
    for path in data:
        ready = _ready(path, case)
        same = {} if case.checkpointing else {"gradient_checkpointing": False}
        times, _ = train_with_trl(
            STARTER, json.loads((path / "rows.json").read_text()), folder / "trl", case.batch, same
        )
        tokens += ready.plan.tokens * (len(times) - 1) / len(times)
        seconds += times[-1] - times[0]
    return tokens / seconds


def _peak(side: Callable[..., float], folder: Path, data: list[Path], case: Case) -> int:
    """Return the peak memory of a process that trains some domains, in KiB."""
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=_measure, args=(queue, folder, data, case.batch))
    process.start()
    peak: int = queue.get(timeout=600)
    process.join()
    return peak


def _measure(
    queue: "multiprocessing.Queue[int]", folder: Path, data: list[Path], batch: int
) -> None:
    os.environ["HF_HUB_OFFLINE"] = "1"
    torch.set_num_threads(2)
    _together(folder, data, Case("", _of_length(32), batch, checkpointing=False))
    queue.put(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
