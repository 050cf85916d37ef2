"""What a run may be told besides data: kind of adapter, schedule, when to stop early."""

import json
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from adapt.errors import CancelledError
from adapt.evaluation.likelihood import answer_losses
from adapt.records import ProgressEvent
from adapt.registry.artifacts import sha256_file
from adapt.workspace.folder import Workspace
from finetune.runs.prepare import make_ready
from finetune.runs.request import list_runs
from finetune.runs.run import finetune, resume
from finetune.settings import SftSettings
from finetune.train.checkpoints import find_checkpoint
from finetune.train.schedule import Clock
from tests.finetune.conftest import WriteRows
from tests.finetune.runs.test_run import FAST, request_of, same, stop_at, weights_of


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["rslora", "dora"])
def test_a_variant_of_lora_is_published_as_peft_knows_it(
    tiny_folder: Path, colours: Path, workspace: Workspace, variant: str
) -> None:
    settings = FAST.model_copy(update={"variant": variant})

    artifact = finetune(request_of(colours, tiny_folder, settings), workspace=workspace)

    config = json.loads((artifact.path / "adapter_config.json").read_text())
    base = AutoModelForCausalLM.from_pretrained(tiny_folder)
    before = base(torch.tensor([[1, 2, 3]])).logits
    adapted = PeftModel.from_pretrained(base, artifact.path)
    assert config["use_rslora"] == (variant == "rslora")
    assert config["use_dora"] == (variant == "dora")
    assert not torch.allclose(adapted(torch.tensor([[1, 2, 3]])).logits, before)
    assert f"| variant, rank | {variant}, 4 |" in (artifact.path / "README.md").read_text()


def test_each_schedule_falls_in_its_own_way() -> None:
    factors = {
        name: [
            Clock(steps=100, warmup_steps=0, schedule=name).factor(step) for step in (0, 50, 100)
        ]
        for name in ("cosine", "linear", "constant")
    }

    assert factors["cosine"] == pytest.approx([1, 0.5, 0])
    assert factors["linear"] == pytest.approx([1, 0.5, 0])
    assert factors["constant"] == [1, 1, 1]
    quarter = [
        Clock(steps=100, warmup_steps=0, schedule=n).factor(25) for n in ("cosine", "linear")
    ]
    assert quarter == pytest.approx([0.8536, 0.75], abs=1e-4)


@pytest.fixture
def hopeless(write_rows: WriteRows) -> Path:
    """Return rows whose answers have nothing to do with their prompts: what is learned of them cannot hold elsewhere."""
    names = ("red", "green", "blue", "black", "white", "grey", "pink")
    rows: list[object] = [
        {
            "prompt": f"Item {n}?",
            "completion": f"{names[n * n % 7]} {names[n * 5 % 3]} {n * 37 % 100}",
        }
        for n in range(40)
    ]
    return write_rows(rows, "hopeless.jsonl")


EARLY = SftSettings(
    epochs=60,
    rank=8,
    alpha=16,
    learning_rate=0.02,
    checkpoint_seconds=0,
    scored_examples=2,
    patience=2,
)


@pytest.mark.slow
def test_training_stops_early_and_keeps_its_best_weights_through_an_interruption(
    tiny_folder: Path, hopeless: Path, tmp_path: Path
) -> None:
    request = request_of(hopeless, tiny_folder, EARLY)
    ready = make_ready(request, workspace=Workspace(tmp_path / "plan"))
    straight = finetune(request, workspace=Workspace(tmp_path / "whole"))
    parts = Workspace(tmp_path / "parts")
    training = straight.card.metrics["training"]
    assert isinstance(training, dict)
    stop = int(str(training["steps"])) - 2

    with pytest.raises(CancelledError):
        finetune(request, workspace=parts, progress=stop_at(stop))
    finished = resume(list_runs(parts)[0], workspace=parts)

    best = int(str(training["best_step"]))
    assert ready.plan.validation_rows == 4
    assert not set(ready.prepared.validation) & set(ready.prepared.heldout)
    assert best < stop < ready.plan.steps - 2
    assert same(weights_of(straight), weights_of(finished))
    curve = straight.card.metrics["loss_curve"]
    assert isinstance(curve, dict)
    base = AutoModelForCausalLM.from_pretrained(tiny_folder)
    adapted = PeftModel.from_pretrained(base, straight.path)
    losses = answer_losses(adapted, ready.prepared.validation, pad_id=0)
    lowest = min(value for step, value in curve["heldout"] if step)  # type: ignore[index,misc,union-attr]
    assert sum(losses) / len(losses) == pytest.approx(lowest, abs=1e-4)
    assert load_file(straight.path / "adapter_model.safetensors")


@pytest.mark.slow
def test_packed_rows_see_themselves_alone(any_folder: Path, colours: Path, tmp_path: Path) -> None:
    weights = {}
    for packing in (False, True):
        settings = FAST.model_copy(update={"packing": packing, "dropout": 0.0, "epochs": 1.0})
        request = request_of(colours, any_folder, settings)
        workspace = Workspace(tmp_path / str(packing))
        assert make_ready(request, workspace=workspace).plan.packing == packing
        weights[packing] = weights_of(finetune(request, workspace=workspace))

    moved = [weights[True][name].abs().max() for name in weights[True] if "lora_B" in name]
    assert min(moved) > 1e-4
    for name, tensor in weights[False].items():
        assert torch.allclose(tensor, weights[True][name], atol=2e-4), name


@pytest.mark.slow
def test_a_resumed_run_counts_the_time_before_it_was_stopped(
    tiny_folder: Path, colours: Path, workspace: Workspace
) -> None:
    request = request_of(colours, tiny_folder, FAST.model_copy(update={"epochs": 1}))
    with pytest.raises(CancelledError):
        finetune(request, workspace=workspace, progress=stop_at(2))
    [run] = list_runs(workspace)
    checkpoint = find_checkpoint(workspace.runs / run)
    assert checkpoint is not None
    progress, manifest = checkpoint / "progress.json", checkpoint / "manifest.json"
    progress.write_text(json.dumps({"elapsed_seconds": 1000.0, "ended": False}))
    hashes = json.loads(manifest.read_text()) | {progress.name: sha256_file(progress)}
    manifest.write_text(json.dumps(hashes))

    training = resume(run, workspace=workspace).card.metrics["training"]

    assert isinstance(training, dict)
    assert 1000 < float(str(training["seconds"])) < 1500


@pytest.mark.slow
def test_a_run_within_its_minutes_does_all_of_its_steps(
    tiny_folder: Path, colours: Path, workspace: Workspace
) -> None:
    settings = FAST.model_copy(update={"epochs": 1, "max_minutes": 10})
    request = request_of(colours, tiny_folder, settings)
    planned = make_ready(request, workspace=workspace).plan.steps

    training = finetune(request, workspace=workspace).card.metrics["training"]

    assert isinstance(training, dict)
    assert training["steps"] == planned > 1


@pytest.mark.slow
def test_a_run_stopped_between_training_and_proof_goes_on_without_a_step(
    tiny_folder: Path, colours: Path, tmp_path: Path
) -> None:
    request = request_of(colours, tiny_folder, FAST.model_copy(update={"epochs": 1}))
    straight = finetune(request, workspace=Workspace(tmp_path / "whole"))
    parts = Workspace(tmp_path / "parts")

    def stop(event: ProgressEvent) -> None:
        if event.stage == "prove":
            raise KeyboardInterrupt

    with pytest.raises(CancelledError):
        finetune(request, workspace=parts, progress=stop)
    stages: list[str] = []
    finished = resume(
        list_runs(parts)[0], workspace=parts, progress=lambda event: stages.append(event.stage)
    )

    assert "train" not in stages
    assert same(weights_of(straight), weights_of(finished))
    assert straight.card.metrics["loss_curve"] == finished.card.metrics["loss_curve"]
