"""Where disk or memory end, a training ends in one sentence, and goes on from its checkpoint once there is more."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from adapt.registry.registry import Registry
from adapt.workspace.folder import Workspace
from finetune.runs.out_of_resources import OutOfMemoryError
from finetune.runs.request import list_runs
from finetune.runs.run import finetune, resume
from finetune.settings import SftSettings
from finetune.train.sft import AdapterTrainer
from tests.finetune.runs.test_run import request_of

SETTINGS = SftSettings(epochs=2, rank=4, alpha=8, checkpoint_seconds=0, scored_examples=2)
SMALL_FILES = """
import resource, signal, sys
from pathlib import Path
from adapt.errors import WorkspaceError
from adapt.workspace.folder import Workspace
from finetune.runs.run import finetune
from finetune.runs.request import TrainingRequest
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
def progress(event):
    if event.stage == "train" and event.done == 4:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    finetune(
        TrainingRequest.model_validate_json(sys.argv[1]), workspace=Workspace(Path(sys.argv[2])), progress=progress
    )
except WorkspaceError as error:
    print(error)
"""


@pytest.mark.slow
def test_a_disk_that_fills_up_is_one_sentence_and_the_run_goes_on_later(
    tiny_folder: Path, colours: Path, tmp_path: Path
) -> None:
    request = request_of(colours, tiny_folder, SETTINGS)
    straight = finetune(request, workspace=Workspace(tmp_path / "whole"))

    message = subprocess.run(
        [sys.executable, "-c", SMALL_FILES, request.model_dump_json(), str(tmp_path / "parts")],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    ).stdout
    workspace = Workspace(tmp_path / "parts")
    (run_id,) = list_runs(workspace)
    finished = resume(run_id, workspace=workspace)

    assert message == (
        f"the disk is full; free some space and go on with: adapt finetune --resume {run_id}\n"
    )
    ours, theirs = (
        load_file(artifact.path / "adapter_model.safetensors") for artifact in (finished, straight)
    )
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


@pytest.mark.slow
@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory."),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."),
        MemoryError(),
    ],
)
def test_too_little_memory_is_one_sentence_that_says_what_to_do(
    error: Exception,
    tiny_folder: Path,
    colours: Path,
    workspace: Workspace,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(AdapterTrainer, "training_step", fail)

    with pytest.raises(
        OutOfMemoryError, match=r"passes of 8 rows.*--resume .*micro_batch_size = 4"
    ):
        finetune(request_of(colours, tiny_folder, SETTINGS), workspace=workspace)

    assert len(list_runs(workspace)) == 1
    assert Registry(workspace).list() == []


def test_another_fault_is_not_taken_for_a_full_one(
    tiny_folder: Path, colours: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(AdapterTrainer, "training_step", fail)

    with pytest.raises(RuntimeError, match="a fault of ours"):
        finetune(request_of(colours, tiny_folder, SETTINGS), workspace=workspace)
