"""Checkpoints that survive a kill: staged, synced, then given their name by one rename; safetensors and JSON, no pickle.

    runs/<run>/checkpoint-<step>/
        adapter.safetensors     the trained parameters
        best.safetensors        those of the best evaluation, where training may stop early
        optimizer.safetensors   its moments           optimizer.json   its groups, and the schedule
        rng.safetensors         torch's generators    rng.json         Python's
        trainer_state.json      step, epoch and loss history, as transformers keeps them
        progress.json           seconds trained, whether training had ended
        manifest.json           SHA-256 of each file

Transformers' own are written in place and hold pickles; a SIGKILL left 16 of 24 of them unusable.
"""

import json
import random
import shutil
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from pydantic import JsonValue, TypeAdapter, ValidationError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.optim.lr_scheduler import LRScheduler
from torch.optim.optimizer import Optimizer
from transformers import TrainerState

from adapt.errors import WorkspaceError
from adapt.registry.artifacts import sha256_file
from adapt.workspace.staged import HIDDEN, publish_folder, remove_folder

KEPT = 2
MANIFEST = "manifest.json"
BEST = "best.safetensors"
TRAINER_STATE = "trainer_state.json"  # the name that transformers looks for
HASHES: TypeAdapter[dict[str, str]] = TypeAdapter(dict[str, str])


@dataclass(frozen=True)
class TrainingProgress:
    """What is kept beside the trainer's own state."""

    elapsed_seconds: float
    ended: bool


@dataclass(frozen=True)
class TrainingState:
    """The live objects whose contents make up a checkpoint."""

    model: nn.Module
    optimizer: Optimizer
    scheduler: LRScheduler
    trainer: TrainerState
    best: dict[str, Tensor] | None = None


def save_checkpoint(run: Path, state: TrainingState, progress: TrainingProgress) -> Path:
    """Write a checkpoint of this moment and return its folder; the last two are kept."""
    folder = run / f"checkpoint-{state.trainer.global_step}"
    if folder.is_dir():
        return folder
    staged = run / f"{HIDDEN}{uuid.uuid4().hex}"
    staged.mkdir(parents=True)
    try:
        save_file(trained_parameters(state.model), staged / "adapter.safetensors")
        if state.best is not None:
            save_file(state.best, staged / BEST)
        _save_optimizer(staged, state.optimizer, state.scheduler)
        _save_generators(staged)
        state.trainer.save_to_json(str(staged / TRAINER_STATE))
        _write(staged / "progress.json", asdict(progress))
        files = sorted(staged.iterdir())
        _write(staged / MANIFEST, {file.name: sha256_file(file) for file in files})
        publish_folder(staged, folder)
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    for old in _folders(run)[:-KEPT]:
        remove_folder(old)
    return folder


def find_checkpoint(run: Path) -> Path | None:
    """Return the newest whole checkpoint of a run, None where none was written yet.

    Raises:
        WorkspaceError: there are checkpoints, but all were damaged after they were written.
    """
    for leftover in run.glob(f"{HIDDEN}*"):
        shutil.rmtree(leftover, ignore_errors=True)  # of a process that was killed
    folders = _folders(run)
    for folder in reversed(folders):
        if _is_whole(folder):
            return folder
    if folders:
        raise WorkspaceError(
            f"{run}: its checkpoints were damaged after they were written; remove the folder and train again"
        )
    return None


def read_progress(folder: Path) -> TrainingProgress:
    """Return what a checkpoint says of the time trained and whether training had ended."""
    text = (folder / "progress.json").read_bytes()
    return TypeAdapter(TrainingProgress).validate_json(text)


def read_trainer_state(folder: Path) -> TrainerState:
    """Return step, epoch and loss history of a checkpoint."""
    state: TrainerState = TrainerState.load_from_json(str(folder / TRAINER_STATE))
    return state


def trained_parameters(model: nn.Module) -> dict[str, Tensor]:
    """Return the parameters that are trained, by name."""
    return {
        name: parameter.detach().contiguous()
        for name, parameter in model.named_parameters()
        if parameter.requires_grad
    }


def load_parameters(folder: Path, model: nn.Module) -> None:
    """Put a checkpoint's parameters into the model.

    Raises:
        WorkspaceError: they are of another model.
    """
    put_parameters(load_file(folder / "adapter.safetensors"), model, where=folder)


def load_best(folder: Path) -> dict[str, Tensor] | None:
    """Return the parameters of the best evaluation before a checkpoint, if they were kept."""
    path = folder / BEST
    return load_file(path) if path.is_file() else None


def put_parameters(stored: dict[str, Tensor], model: nn.Module, *, where: Path) -> None:
    """Put trained parameters into the model; `where` names them in an error.

    Raises:
        WorkspaceError: they are of another model.
    """
    own = {name: p for name, p in model.named_parameters() if p.requires_grad}
    shapes = {name: parameter.shape for name, parameter in own.items()}
    if {name: tensor.shape for name, tensor in stored.items()} != shapes:
        raise WorkspaceError(
            f"{where}: made for another base or rank than this run has; train again"
        )
    with torch.no_grad():
        for name, parameter in own.items():
            parameter.copy_(stored[name])


def _save_optimizer(folder: Path, optimizer: Optimizer, scheduler: LRScheduler) -> None:
    state = optimizer.state_dict()
    tensors: dict[str, Tensor] = {}
    scalars: dict[str, dict[str, JsonValue]] = {}
    for index, entry in state["state"].items():
        for key, value in entry.items():
            if isinstance(value, Tensor):
                tensors[f"{index}.{key}"] = value.contiguous()
            else:
                scalars.setdefault(str(index), {})[key] = value
    save_file(tensors, folder / "optimizer.safetensors")
    groups = {
        "scalars": scalars,
        "param_groups": state["param_groups"],
        "scheduler": {k: v for k, v in scheduler.state_dict().items() if k != "lr_lambdas"},
    }
    _write(folder / "optimizer.json", groups)


def load_optimizer(folder: Path, optimizer: Optimizer, scheduler: LRScheduler) -> None:
    """Put a checkpoint's moments, groups and schedule into a new optimizer and scheduler."""
    saved = json.loads((folder / "optimizer.json").read_bytes())
    entries: dict[int, dict[str, object]] = {
        int(index): dict(values) for index, values in saved["scalars"].items()
    }
    for name, tensor in load_file(folder / "optimizer.safetensors").items():
        index, _, key = name.partition(".")
        entries.setdefault(int(index), {})[key] = tensor
    optimizer.load_state_dict({"state": entries, "param_groups": saved["param_groups"]})
    # the functions of the schedule are code, and already there
    scheduler.load_state_dict({**saved["scheduler"], "lr_lambdas": [None]})


def _save_generators(folder: Path) -> None:
    tensors = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        tensors |= {f"cuda.{n}": s for n, s in enumerate(torch.cuda.get_rng_state_all())}
    save_file(tensors, folder / "rng.safetensors")
    _write(folder / "rng.json", {"python": random.getstate()})


def load_generators(folder: Path) -> None:
    """Set the random number generators as they stood at a checkpoint."""
    tensors = load_file(folder / "rng.safetensors")
    torch.set_rng_state(tensors["cpu"])
    if torch.cuda.is_available():
        states = [tensors[name] for name in sorted(tensors) if name.startswith("cuda.")]
        torch.cuda.set_rng_state_all(states)
    version, numbers, gauss = json.loads((folder / "rng.json").read_bytes())["python"]
    random.setstate((version, tuple(numbers), gauss))


def _folders(run: Path) -> list[Path]:
    folders = [p for p in run.glob("checkpoint-*") if p.name.rpartition("-")[2].isdecimal()]
    return sorted(folders, key=lambda p: int(p.name.rpartition("-")[2]))


def _is_whole(folder: Path) -> bool:
    try:
        hashes = HASHES.validate_json((folder / MANIFEST).read_bytes())
        return all(sha256_file(folder / name) == digest for name, digest in hashes.items())
    except (OSError, ValidationError):
        return False


def _write(path: Path, value: object) -> None:
    path.write_text(json.dumps(value), encoding="utf-8")
