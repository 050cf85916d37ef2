"""From file to published adapter on tiny bases: what is published, what a stop leaves, what a resume gives."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from adapt.errors import (
    AdaptError,
    CancelledError,
    DataError,
    ModelError,
    NotFoundError,
    RecipeError,
)
from adapt.records import ProgressEvent
from adapt.registry.artifacts import Artifact
from adapt.registry.registry import Registry
from adapt.workspace.folder import Workspace
from finetune.runs.prepare import check_files, make_ready
from finetune.runs.request import TrainingRequest, list_runs
from finetune.runs.run import finetune, resume
from finetune.settings import SftSettings
from tests.finetune.conftest import WriteRows
from tests.tiny import make_base

FAST = SftSettings(epochs=2, rank=4, alpha=8, checkpoint_seconds=0, dropout=0.1, scored_examples=2)
Weights = dict[str, torch.Tensor]


def request_of(path: Path, base: Path, settings: SftSettings = FAST) -> TrainingRequest:
    return TrainingRequest(domain="colours", files=(path,), base=str(base), settings=settings)


def weights_of(artifact: Artifact) -> Weights:
    return load_file(artifact.path / "adapter_model.safetensors")


def same(a: Weights, b: Weights) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def stop_at(step: int, kind: signal.Signals = signal.SIGINT) -> Callable[[ProgressEvent], None]:
    """Return a progress that presses Ctrl-C, or ends the process politely, after a step."""

    def progress(event: ProgressEvent) -> None:
        if event.stage == "train" and event.done == step:
            os.kill(os.getpid(), kind)

    return progress


@pytest.mark.slow
def test_an_adapter_of_any_architecture_is_published_whole(
    any_folder: Path, colours: Path, workspace: Workspace
) -> None:
    events: list[ProgressEvent] = []

    artifact = finetune(
        request_of(colours, any_folder), workspace=workspace, progress=events.append
    )

    card = artifact.card
    assert (card.kind, card.name, card.version) == ("adapter", "colours", 1)
    assert card.base is not None
    assert card.base.id == str(any_folder)
    assert [(d.name, d.rows, d.role) for d in card.data] == [("colours.jsonl", 40, "train")]
    assert {"heldout", "loss_curve", "training"} <= card.metrics.keys()
    assert {"loss.json", "loss.svg", "README.md", "chat_template.jinja"} <= card.files.keys()
    assert not [name for name in card.files if name.endswith((".bin", ".pt", ".pth", ".pkl"))]
    assert Registry(workspace).verify() == []
    assert list_runs(workspace) == []
    assert list(workspace.runs.iterdir()) == []
    steps = [event for event in events if event.stage == "train"]
    assert [event.done for event in steps] == list(range(1, 11))
    assert steps[0].total == 10
    assert {"loss", "tokens_per_second"} == steps[0].values.keys()


@pytest.mark.slow
def test_an_adapter_has_the_licences_of_its_rows_or_none_where_one_is_not_stated(
    tiny_folder: Path, colours: Path, workspace: Workspace, tmp_path: Path
) -> None:
    rows = [json.loads(line) for line in colours.read_text().splitlines()]
    stated, mixed = tmp_path / "stated.jsonl", tmp_path / "mixed.jsonl"
    stated.write_text("".join(json.dumps({**r, "license": "cc-by-4.0"}) + "\n" for r in rows))
    mixed.write_text(stated.read_text() + json.dumps({"prompt": "q", "completion": "a"}) + "\n")

    named = finetune(request_of(stated, tiny_folder), workspace=workspace)
    unnamed = finetune(request_of(mixed, tiny_folder), workspace=workspace)

    assert (named.card.licence, unnamed.card.licence) == ("cc-by-4.0", "")
    assert '\nlicense: "cc-by-4.0"\n' in (named.path / "README.md").read_text()
    assert "license:" not in (unnamed.path / "README.md").read_text()


@pytest.mark.slow
def test_the_published_folder_opens_with_peft_and_transformers_alone(
    tiny_folder: Path, colours: Path, workspace: Workspace
) -> None:
    artifact = finetune(request_of(colours, tiny_folder), workspace=workspace)

    base = AutoModelForCausalLM.from_pretrained(tiny_folder)
    adapted = PeftModel.from_pretrained(base, artifact.path)
    tokenizer = AutoTokenizer.from_pretrained(artifact.path)
    text = tokenizer.apply_chat_template([{"role": "user", "content": "Hi"}], tokenize=False)
    config = json.loads((artifact.path / "adapter_config.json").read_text())
    moved = [p.abs().max().item() for n, p in adapted.named_parameters() if "lora_B" in n]
    assert text == "<|user|>\nHi<|end|>"
    assert config["base_model_name_or_path"] == tiny_folder.name
    assert len(moved) == 14
    assert min(moved) > 0
    assert str(tiny_folder.parent) not in (artifact.path / "README.md").read_text()


@pytest.mark.slow
def test_a_stopped_run_resumes_to_the_same_weights_bit_for_bit(
    tiny_folder: Path, colours: Path, tmp_path: Path
) -> None:
    whole = Workspace(tmp_path / "whole")
    parts = Workspace(tmp_path / "parts")
    request = request_of(colours, tiny_folder)
    straight = finetune(request, workspace=whole)

    with pytest.raises(CancelledError, match="adapt finetune --resume colours-") as stopped:
        finetune(request, workspace=parts, progress=stop_at(3))
    (run_id,) = list_runs(parts)
    kept = sorted(p.name for p in (parts.runs / run_id).iterdir())
    nothing = Registry(parts).list()
    with pytest.raises(CancelledError):
        resume(run_id, workspace=parts, progress=stop_at(5, signal.SIGTERM))
    finished = resume(run_id, workspace=parts)

    assert run_id in str(stopped.value)
    assert kept == ["checkpoint-2", "checkpoint-3", "run.json"]
    assert nothing == []
    assert same(weights_of(straight), weights_of(finished))
    assert straight.card.metrics["loss_curve"] == finished.card.metrics["loss_curve"]
    with pytest.raises(NotFoundError, match="no interrupted run"):
        resume(run_id, workspace=parts)


KILLED = """
import os, signal, sys
from pathlib import Path
from adapt.workspace.folder import Workspace
from finetune.runs.run import finetune
from finetune.runs.request import TrainingRequest
def progress(event):
    if event.stage == sys.argv[3] and event.done == float(sys.argv[4]):
        os.kill(os.getpid(), signal.SIGKILL)
finetune(
    TrainingRequest.model_validate_json(sys.argv[1]),
    workspace=Workspace(Path(sys.argv[2])),
    progress=progress,
)
"""


@pytest.mark.faults
@pytest.mark.slow
@pytest.mark.parametrize(
    ("stage", "done"), [("train", 7), ("prepare", 0), ("prove", 0), ("done", 0)]
)
def test_a_killed_run_resumes_to_the_same_weights_bit_for_bit(
    tiny_folder: Path, colours: Path, tmp_path: Path, stage: str, done: int
) -> None:
    request = request_of(colours, tiny_folder)
    straight = finetune(request, workspace=Workspace(tmp_path / "whole"))
    folder = tmp_path / "parts"
    arguments = [request.model_dump_json(), str(folder), stage, str(done)]

    killed = subprocess.run(
        [sys.executable, "-c", KILLED, *arguments],
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    workspace = Workspace(folder)
    (run_id,) = list_runs(workspace)
    finished = resume(run_id, workspace=workspace)

    assert killed.returncode == -signal.SIGKILL
    assert same(weights_of(straight), weights_of(finished))
    assert [artifact.reference for artifact in Registry(workspace).list()] == ["colours@1"]
    assert Registry(workspace).verify() == []


@pytest.mark.slow
def test_the_seed_decides_the_weights(tiny_folder: Path, colours: Path, tmp_path: Path) -> None:
    def run(name: str, seed: int) -> Weights:
        settings = FAST.model_copy(update={"seed": seed})
        request = request_of(colours, tiny_folder, settings)
        return weights_of(finetune(request, workspace=Workspace(tmp_path / name)))

    first, again, other = run("a", 1), run("b", 1), run("c", 2)

    assert same(first, again)
    assert not same(first, other)


@pytest.mark.slow
def test_minutes_end_a_run_and_a_given_test_set_is_recorded_with_its_leaks(
    tiny_folder: Path, colours: Path, workspace: Workspace
) -> None:
    settings = FAST.model_copy(update={"epochs": 1000, "max_minutes": 0.02})

    request = request_of(colours, tiny_folder, settings).model_copy(update={"test": colours})

    artifact = finetune(request, workspace=workspace)

    assert [(d.name, d.role) for d in artifact.card.data] == [
        ("colours.jsonl", "train"),
        ("colours.jsonl", "test"),
    ]
    training = artifact.card.metrics["training"]
    assert isinstance(training, dict)
    assert 1 <= int(str(training["steps"])) < 5000
    assert "40 of 40 held-out prompts are in the training rows too" in str(artifact.card.settings)


@pytest.mark.slow
def test_a_changed_file_or_base_stops_a_resume(
    tiny_folder: Path, colours: Path, workspace: Workspace
) -> None:
    with pytest.raises(CancelledError):
        finetune(request_of(colours, tiny_folder), workspace=workspace, progress=stop_at(1))
    (run_id,) = list_runs(workspace)
    text = colours.read_text()

    colours.write_text(text.replace("green", "grey"))
    with pytest.raises(DataError, match=r"colours.jsonl: changed since run colours-"):
        resume(run_id, workspace=workspace)
    colours.unlink()
    with pytest.raises(DataError, match=r"colours.jsonl: gone since run"):
        resume(run_id, workspace=workspace)
    colours.write_text(text)
    record = workspace.runs / run_id / "run.json"
    sha256 = json.loads(record.read_text())["base_sha256"]
    record.write_text(record.read_text().replace(sha256, "0" * 64))
    with pytest.raises(ModelError, match="changed since run"):
        resume(run_id, workspace=workspace)
    assert Registry(workspace).list() == []


@pytest.mark.slow
def test_a_loss_that_is_no_number_is_said_and_leaves_nothing(
    tmp_path: Path, colours: Path, workspace: Workspace
) -> None:
    folder = make_base(tmp_path / "sick")
    weights = load_file(folder / "model.safetensors")
    weights["model.norm.weight"][0] = float("nan")
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})

    with pytest.raises(RecipeError, match="the loss became nan at step 1; train with a smaller"):
        finetune(request_of(colours, folder), workspace=workspace)

    assert Registry(workspace).list() == []
    assert list(workspace.runs.iterdir()) == []


def test_the_plan_says_what_a_run_will_do_and_what_is_wrong(
    tiny_folder: Path, write_rows: WriteRows, workspace: Workspace
) -> None:
    row = {"prompt": "Colour?", "completion": "red"}
    train, test = (
        write_rows([row, row, {**row, "prompt": "Size?"}]),
        write_rows([row], "test.jsonl"),
    )
    request = request_of(train, tiny_folder).model_copy(update={"test": test})

    plan = make_ready(request, workspace=workspace).plan

    text = "\n".join(plan.lines())
    assert (plan.rows, plan.heldout_rows, plan.leaks, plan.duplicates) == (3, 1, 1, 1)
    assert plan.steps == 2
    assert plan.batch_size == 3
    assert 0 < plan.trainable_parameters < plan.base_parameters
    assert "only 3 rows to train on" in text
    assert "1 of 1 held-out prompts are in the training rows too" in text
    assert plan.example == "<|user|>\nColour?<|end|><|assistant|>\nred<|end|>"
    assert json.loads(json.dumps(plan.as_json()))["steps"] == 2
    assert list(workspace.runs.iterdir()) == []


def test_an_empty_dataset_leaves_nothing_behind(
    tiny_folder: Path, write_rows: WriteRows, workspace: Workspace
) -> None:
    with pytest.raises(DataError, match="no rows in it"):
        finetune(request_of(write_rows([]), tiny_folder), workspace=workspace)

    assert list(workspace.runs.iterdir()) == []
    assert Registry(workspace).list() == []


def test_a_domain_that_is_no_safe_name_is_refused(
    tiny_folder: Path, colours: Path, workspace: Workspace
) -> None:
    request = request_of(colours, tiny_folder).model_copy(update={"domain": "../x"})

    with pytest.raises(AdaptError, match="cannot name a model"):
        finetune(request, workspace=workspace)


@pytest.mark.slow
def test_a_folder_that_grew_since_is_not_resumed(
    tiny_folder: Path, colours: Path, workspace: Workspace, tmp_path: Path
) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "a.jsonl").write_bytes(colours.read_bytes())
    with pytest.raises(CancelledError):
        finetune(request_of(folder, tiny_folder), workspace=workspace, progress=stop_at(3))
    (run_id,) = list_runs(workspace)
    (folder / "b.jsonl").write_bytes(colours.read_bytes())

    with pytest.raises(DataError, match=r"b\.jsonl: new since run"):
        resume(run_id, workspace=workspace)
    (folder / "b.jsonl").unlink()

    assert resume(run_id, workspace=workspace).reference == "colours@1"


def test_targets_that_no_layer_has_are_refused(
    tiny_folder: Path, colours: Path, workspace: Workspace
) -> None:
    settings = FAST.model_copy(update={"targets": ("nowhere",)})

    with pytest.raises(ModelError, match="has no layers for targets"):
        make_ready(request_of(colours, tiny_folder, settings), workspace=workspace)


def test_the_data_report_counts_what_a_person_wants_to_know(
    tiny_folder: Path, write_rows: WriteRows, workspace: Workspace
) -> None:
    row = {"prompt": "Colour?", "completion": "red"}
    path = write_rows([row, row, {"prompt": "word " * 600, "completion": "long"}])
    test = write_rows([row], "test.jsonl")

    report = check_files((path,), workspace=workspace, base=str(tiny_folder), test=test)

    assert (report.rows, report.duplicates, report.overlap) == (3, 1, 1)
    assert report.too_long == (f"{path}:3",)
    assert sum(count for _, count in report.histogram) == 3
    assert report.histogram[-1][0] >= report.longest
    assert report.first == "<|user|>\nColour?<|end|><|assistant|>\nred<|end|>"
    assert "exact duplicates: 1" in report.lines()
    assert "test rows whose prompt is trained on: 1 · with 13 words in a row: 0" in report.lines()
    assert json.loads(json.dumps(report.as_json()))["rows"] == 3


def test_the_data_report_tells_languages_licences_shared_runs_and_ratings(
    tiny_folder: Path, write_rows: WriteRows, workspace: Workspace
) -> None:
    long = "The library in the old harbour lends books and maps to everybody who lives in the town"
    spanish = (
        "La biblioteca del puerto viejo presta libros y mapas a todos los que viven en la ciudad"
    )
    rows: list[object] = [
        {"prompt": long, "completion": "Yes.", "licence": "CC0"},
        {"prompt": spanish, "completion": "Sí.", "licence": "CC0"},
        {"prompt": "Hi", "completion": "x"},
    ]
    test = write_rows([{"prompt": f"Is this so? {long}", "completion": "x"}], "test.jsonl")
    thumbs = write_rows(
        [{"prompt": "Hi", "completion": "x", "label": n > 0} for n in range(3)], "t.jsonl"
    )

    report = check_files((write_rows(rows),), workspace=workspace, base=str(tiny_folder), test=test)
    rated = check_files((thumbs,), workspace=workspace, base=str(tiny_folder))

    assert report.languages == {"en": 1, "es": 1, "short": 1}
    assert report.licences == {"CC0": 2}
    assert (report.overlap, report.shared_runs) == (0, 1)
    assert (rated.kind, rated.good) == ("rated answers", 2)
    assert "good answers: 2 of 3" in rated.lines()


@pytest.mark.slow
def test_plain_text_is_learned_whole_and_proven_by_its_loss(
    tiny_folder: Path, tmp_path: Path, workspace: Workspace
) -> None:
    path = tmp_path / "book.txt"
    path.write_text(
        "\n\n".join("The bell rings at noon. " * 150 for _ in range(8)), encoding="utf-8"
    )
    (tmp_path / "other.txt").write_text("The bell rings at night. " * 40, encoding="utf-8")
    request = request_of(path, tiny_folder).model_copy(update={"test": tmp_path / "other.txt"})

    ready = make_ready(request, workspace=workspace)
    artifact = finetune(request, workspace=workspace)

    limit = ready.plan.max_length
    assert all(row.labels[1:] == row.input_ids[1:] for row in ready.prepared.train)
    assert max(len(row.input_ids) for row in ready.prepared.train) == limit
    assert sum(row.learned for row in ready.prepared.train) > 4 * limit
    assert ready.plan.truncated == 0
    heldout = artifact.card.metrics["heldout"]
    assert isinstance(heldout, dict)
    assert heldout["answered"] == 0
    assert heldout["better"] is True
    assert "exact" not in artifact.card.summary
    assert artifact.card.summary.startswith("lower loss than the base")
