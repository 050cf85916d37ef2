"""One training in two processes, as `accelerate launch` starts them: published once, and what one process would learn."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import torch

from adapt.errors import RecipeError
from adapt.registry.registry import Registry
from adapt.workspace.folder import Workspace
from finetune.planning import derive as planning
from finetune.runs.request import TrainingRequest, list_runs
from finetune.runs.run import finetune
from finetune.settings import SftSettings
from finetune.train import processes as ranks
from tests.finetune.conftest import WriteRows
from tests.finetune.runs.test_run import weights_of

LAUNCH = [
    sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2",
    "--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no",
    "--num_cpu_threads_per_process", "1", "--main_process_port", "0", "-m", "ui.cli.main",
]  # fmt: skip


def start(workspace: Path, *words: str) -> subprocess.Popen[str]:
    command = [*LAUNCH, "--workspace", str(workspace), "--json", *words]
    # without a GPU `accelerate launch` starts several processes only when told of GPUs
    env = {**os.environ, "ACCELERATE_USE_CPU": "true"}
    pipe = subprocess.PIPE
    return subprocess.Popen(
        command, stdout=pipe, stderr=pipe, text=True, env=env, start_new_session=True
    )


@pytest.fixture
def rows(write_rows: WriteRows) -> Path:
    uneven: list[object] = [
        {"prompt": "Count " * (1 + n % 9), "completion": str(n)} for n in range(36)
    ]
    return write_rows(uneven, "uneven.jsonl")


@pytest.mark.slow
@pytest.mark.faults
@pytest.mark.allow_hosts(["127.0.0.1", "::1"])
def test_two_processes_train_publish_and_after_a_kill_go_on_to_what_one_would(
    tiny_folder: Path, rows: Path, tmp_path: Path
) -> None:
    toml = (
        "epochs = 6\nrank = 4\nscored_examples = 2\nlearning_rate = 0.001\ncheckpoint_seconds = 0"
    )
    several = Workspace(tmp_path / "several")
    (several.path / "adapt.toml").write_text(f"[finetune]\n{toml}\n")
    settings = SftSettings(epochs=6, rank=4, scored_examples=2, learning_rate=0.001)
    request = TrainingRequest(domain="d", files=(rows,), base=str(tiny_folder), settings=settings)
    alone = finetune(request, workspace=Workspace(tmp_path / "alone"))

    killed = start(several.path, "finetune", "d", str(rows), "--base", str(tiny_folder))
    while killed.poll() is None and not list(several.runs.glob("*/checkpoint-*")):
        time.sleep(0.005)
    kill(killed)
    (run,) = list_runs(several)
    resumed = start(several.path, "finetune", "--resume", run)
    said, complained = resumed.communicate(timeout=240)

    assert resumed.returncode == 0, complained
    assert "continuing from checkpoint-" in complained
    told = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    assert [one["artifact"] for one in told] == ["d@1"]
    assert list_runs(several) == []
    (entry,) = Registry(several).list()
    assert entry.card.settings["plan"]["micro_batch_size"] == 4
    ours, theirs = weights_of(entry), weights_of(alone)
    for name, weight in theirs.items():
        assert weight.abs().sum() > 0
        torch.testing.assert_close(ours[name], weight, atol=5e-4, rtol=0.02, msg=name)


def kill(launched: subprocess.Popen[str]) -> None:
    """Kill the launcher and the processes it started, which are groups of their own."""
    family = [psutil.Process(launched.pid), *psutil.Process(launched.pid).children(recursive=True)]
    for one in family:
        one.kill()
    launched.communicate(timeout=60)


@pytest.mark.slow
@pytest.mark.faults
@pytest.mark.allow_hosts(["127.0.0.1", "::1"])
def test_what_several_processes_cannot_do_is_one_sentence(
    tiny_folder: Path, rows: Path, tmp_path: Path
) -> None:
    made = start(
        tmp_path / "w", "finetune", "d", str(rows), "--base", str(tiny_folder), "--background"
    )
    _, complained = made.communicate(timeout=240)

    assert made.returncode != 0
    assert complained.startswith("error: accelerate launch is for one training at a time")
    assert (
        "ui/cli/" not in complained
    )  # the traceback is the launcher's, which says that a process failed


def test_a_batch_that_does_not_divide_among_processes_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "3")

    with pytest.raises(RecipeError, match="8 examples per step do not divide among 3 processes"):
        planning._batches(100, float, 1000, SftSettings())
    assert planning._batches(100, float, 1000, SftSettings(batch_size=12)) == (12, 4)


def test_alone_a_process_is_the_first_and_needs_nobody() -> None:
    assert ranks.processes() == 1
    assert ranks.is_first()
    assert ranks.from_first_process(lambda: "here") == "here"
    assert ranks.numbers_of_first([1.5, 0]) == [1.5, 0]
