"""Training of a tiny model, killed with SIGKILL at random moments again and again: is what was learned ever lost?

`ADAPT_KILLS` says how many kills (500 unless set; two to three seconds each). The limit is none; of transformers' own
checkpoints 16 of 24 such kills left none that could be loaded (`finetune/train/checkpoints.py`).
"""

import os
import random
import signal
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path

from safetensors.torch import load_file

from adapt.errors import AdaptError
from adapt.registry.registry import Registry
from adapt.workspace.folder import Workspace
from finetune.runs.request import TrainingRequest, list_runs
from finetune.runs.run import finetune, resume
from finetune.settings import SftSettings
from finetune.train.checkpoints import find_checkpoint
from tests.benchmarks.report import Row

KILLS = int(os.environ.get("ADAPT_KILLS", "500"))
ROWS, EPOCHS = 64, 6


@dataclass
class Tally:
    """What was seen over all kills."""

    kills: int = 0
    in_training: int = 0  # kills that a checkpoint had come before
    lost: int = 0  # a checkpoint was there, and after the kill none could be loaded
    back: int = 0  # steps lost by a kill, the most
    finished: int = 0
    unequal: int = 0  # finished adapters with other weights than the uninterrupted one's
    pickles: int = 0
    faults: list[str] = field(default_factory=list)


def run() -> list[Row]:
    """Kill trainings until the number is reached and return the row."""
    draw = random.Random(0)
    tally = Tally()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        request = _request(root)
        began = time.monotonic()
        whole = Workspace(root / "whole")
        _wait(_start(request, whole))
        seconds = time.monotonic() - began
        expected = load_file(Registry(whole).get("killed").path / "adapter_model.safetensors")
        number = 0
        while tally.kills < KILLS:
            number += 1
            workspace = Workspace(root / f"w{number}")
            _until_done(request, workspace, tally, seconds, draw)
            _compare(workspace, expected, tally)
            sys.stderr.write(f"{tally.kills} kills, {tally.finished} adapters finished\n")
    good = tally.lost == tally.unequal == tally.pickles == 0 and not tally.faults
    note = (
        f"{tally.in_training} kills after a first checkpoint, at most {tally.back} steps (one save interval) done again; "
        f"{tally.finished} adapters finished, {tally.unequal} of them unlike the uninterrupted one's weights; "
        f"files that hold pickles: {tally.pickles}"
        + "".join(f"; {fault}" for fault in tally.faults[:3])
    )
    return [
        Row(
            "kill -9 in training: resumable checkpoints lost",
            f"{tally.lost} of {tally.kills}",
            "0",
            float(good),
            note,
        )
    ]


def _request(root: Path) -> TrainingRequest:
    from tests.tiny import make_base

    lines = (f'{{"prompt": "Item {n}?", "completion": "colour {n % 7}"}}' for n in range(ROWS))
    (root / "rows.jsonl").write_text("\n".join(lines), encoding="utf-8")
    settings = SftSettings(
        epochs=EPOCHS, rank=4, alpha=8, checkpoint_seconds=0, dropout=0.1, scored_examples=2
    )
    base = make_base(root / "base")
    return TrainingRequest(
        domain="killed", files=(root / "rows.jsonl",), base=str(base), settings=settings
    )


def _start(request: TrainingRequest, workspace: Workspace) -> int:
    """Begin or resume the training in a process of its own, and return its id; forked, so that nothing is imported again."""
    runs = list_runs(workspace)
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        if runs:
            resume(runs[0], workspace=workspace)
        else:
            finetune(request, workspace=workspace)
        code = 0
    except BaseException:  # noqa: BLE001  a fork ends here; what was wrong is said
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def _wait(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _until_done(
    request: TrainingRequest,
    workspace: Workspace,
    tally: Tally,
    seconds: float,
    draw: random.Random,
) -> None:
    """Start, kill and start again, until a training has come to its end."""
    while Registry(workspace).find("killed") is None:
        before = _step(workspace)
        child = _start(request, workspace)
        if tally.kills < KILLS:
            time.sleep(draw.uniform(0, seconds))
        else:
            _wait(child)
            continue
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            if os.waitstatus_to_exitcode(status):
                tally.faults.append(f"a training ended with {status}")
                return
            continue
        reached = _step(workspace)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        tally.kills += 1
        _look(workspace, max(before, reached), tally)


def _step(workspace: Workspace) -> int:
    """Return the step of the newest checkpoint whose folder stands, 0 where there is none."""
    steps = [int(p.name.rpartition("-")[2]) for p in workspace.runs.glob("*/checkpoint-*")]
    return max(steps, default=0)


def _look(workspace: Workspace, reached: int, tally: Tally) -> None:
    """Look whether what had been saved can be loaded."""
    runs = list_runs(workspace)
    if not runs or not reached:
        return
    tally.in_training += 1
    try:
        checkpoint = find_checkpoint(workspace.runs / runs[0])
    except AdaptError as error:
        tally.lost += 1
        tally.faults.append(str(error))
        return
    if checkpoint is None:
        tally.lost += 1
        return
    tally.back = max(tally.back, reached - int(checkpoint.name.rpartition("-")[2]) + 1)


def _compare(workspace: Workspace, expected: dict[str, object], tally: Tally) -> None:
    artifact = Registry(workspace).find("killed")
    if artifact is None:
        return
    tally.finished += 1
    weights = load_file(artifact.path / "adapter_model.safetensors")
    same = weights.keys() == expected.keys() and all(
        bool((weights[n] == expected[n]).all()) for n in weights
    )
    tally.unequal += not same
    tally.pickles += sum(
        path.suffix in (".bin", ".pt", ".pth", ".pkl") for path in artifact.path.rglob("*")
    )
