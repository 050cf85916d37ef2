"""What a checkpoint holds beside weights and moments, and what it leaves alone."""

import json
import random
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR
from transformers import TrainerState

from adapt.errors import WorkspaceError
from adapt.registry.artifacts import sha256_file
from finetune.train.checkpoints import (
    TrainingProgress,
    TrainingState,
    find_checkpoint,
    load_best,
    load_generators,
    load_optimizer,
    load_parameters,
    put_parameters,
    read_progress,
    read_trainer_state,
    save_checkpoint,
)

DONE = TrainingProgress(1.5, ended=True)


def state(step: int = 1, best: dict[str, torch.Tensor] | None = None) -> TrainingState:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    model[0].requires_grad_(requires_grad=False)
    optimizer = torch.optim.SGD(model[1].parameters(), lr=0.5, momentum=0.9)
    model(torch.ones(1, 2)).sum().backward()
    scheduler = LambdaLR(optimizer, lambda done: 1 / (done + 1))
    optimizer.step()
    trainer = TrainerState(global_step=step)
    trainer.log_history = [{"step": step, "loss": 2.5}]
    return TrainingState(model, optimizer, scheduler, trainer, best)


def test_time_end_step_and_history_come_back(tmp_path: Path) -> None:
    folder = save_checkpoint(tmp_path / "run", state(7), DONE)

    assert folder == tmp_path / "run" / "checkpoint-7"
    assert read_progress(folder) == DONE
    assert read_trainer_state(folder).global_step == 7
    assert read_trainer_state(folder).log_history == [{"step": 7, "loss": 2.5}]


def test_the_manifest_names_every_other_file_with_its_hash(tmp_path: Path) -> None:
    folder = save_checkpoint(tmp_path, state(best={"w": torch.ones(2)}), DONE)

    hashes = json.loads((folder / "manifest.json").read_text())

    assert hashes == {p.name: sha256_file(p) for p in folder.iterdir() if p.name != "manifest.json"}
    assert sorted(hashes) == [
        "adapter.safetensors", "best.safetensors", "optimizer.json", "optimizer.safetensors", "progress.json",
        "rng.json", "rng.safetensors", "trainer_state.json",
    ]  # fmt: skip


def test_the_best_weights_come_back_where_there_are_any(tmp_path: Path) -> None:
    kept = save_checkpoint(tmp_path, state(1, best={"w": torch.tensor([1.0, 2.0])}), DONE)
    none = save_checkpoint(tmp_path, state(2), DONE)

    best = load_best(kept)

    assert best is not None
    assert {name: tensor.tolist() for name, tensor in best.items()} == {"w": [1.0, 2.0]}
    assert load_best(none) is None


def test_random_numbers_go_on_where_they_stood(tmp_path: Path) -> None:
    random.seed(3)
    torch.manual_seed(3)
    random.gauss(0, 1)  # the second of a pair is kept for the next call
    folder = save_checkpoint(tmp_path, state(), DONE)
    expected = [random.gauss(0, 1), random.random(), torch.rand(2).tolist()]
    random.seed(4)
    torch.manual_seed(4)

    load_generators(folder)

    assert [random.gauss(0, 1), random.random(), torch.rand(2).tolist()] == expected


def test_only_what_is_trained_is_kept_and_put_back(tmp_path: Path) -> None:
    saved, other = state(), state()
    folder = save_checkpoint(tmp_path, saved, DONE)
    frozen = other.model[0].weight.clone()  # type: ignore[index,operator,union-attr]

    load_parameters(folder, other.model)

    assert torch.equal(other.model[0].weight, frozen)  # type: ignore[index,arg-type,union-attr]
    assert torch.equal(other.model[1].weight, saved.model[1].weight)  # type: ignore[index,arg-type,union-attr]
    assert other.model[1].weight.requires_grad  # type: ignore[index,union-attr]


def test_moments_settings_and_plain_numbers_of_an_optimizer_come_back(tmp_path: Path) -> None:
    saved, other = state(), state()
    first = next(iter(saved.model[1].parameters()))  # type: ignore[index,operator,union-attr]
    saved.optimizer.state[first]["seen"] = 5
    saved.optimizer.param_groups[0]["weight_decay"] = 0.25
    for _ in range(2):
        saved.optimizer.step()
        saved.scheduler.step()

    load_optimizer(save_checkpoint(tmp_path, saved, DONE), other.optimizer, other.scheduler)

    mine, theirs = saved.optimizer.state_dict(), other.optimizer.state_dict()
    assert theirs["param_groups"] == mine["param_groups"]
    assert theirs["state"][0]["seen"] == 5
    for index in (0, 1):
        moment = mine["state"][index]["momentum_buffer"]
        assert torch.equal(theirs["state"][index]["momentum_buffer"], moment)
    assert (other.scheduler.last_epoch, other.scheduler.get_last_lr()) == (2, [0.5 / 3])
    other.optimizer.step()
    other.scheduler.step()
    assert other.scheduler.get_last_lr() == [0.5 / 4]


def test_weights_of_another_shape_or_name_are_refused_by_where_they_are_from(
    tmp_path: Path,
) -> None:
    model = nn.Linear(2, 1)
    for stored in (
        {},
        {"weight": torch.ones(1, 2)},
        {"weight": torch.ones(2, 2), "bias": torch.ones(1)},
    ):
        with pytest.raises(WorkspaceError, match=f"{tmp_path}: made for another base"):
            put_parameters(stored, model, where=tmp_path)


def test_a_step_is_written_once_and_other_folders_are_no_checkpoints(tmp_path: Path) -> None:
    first = save_checkpoint(tmp_path, state(3), TrainingProgress(1.0, ended=False))
    again = save_checkpoint(tmp_path, state(3), DONE)
    (tmp_path / "checkpoint-best").mkdir()

    assert again == first
    assert read_progress(first) == TrainingProgress(1.0, ended=False)
    assert find_checkpoint(tmp_path) == first
    assert find_checkpoint(tmp_path / "none") is None
