"""Rows to keep: an adapter that learns its task and leaves the base as it is elsewhere."""

from pathlib import Path

import pytest
import torch
from peft import PeftModel, get_peft_model
from safetensors.torch import load_file

from adapt.errors import CancelledError, DataError
from adapt.models.loading import load_base
from adapt.records import ProgressEvent
from adapt.registry.artifacts import Artifact
from adapt.registry.bases.find import find_base
from adapt.workspace.folder import Workspace
from finetune.runs.prepare import make_ready
from finetune.runs.request import TrainingRequest, list_runs
from finetune.runs.run import finetune, resume
from finetune.settings import SftSettings
from finetune.tokens.examples import IGNORED, EncodedRow
from finetune.train.base_divergence import drift_from_base, kept_rows, sample_rows
from finetune.train.lora import lora_config
from tests.finetune.conftest import WriteRows

# of random weights hardly anything is left to spoil: the divergence counts more here than by default
SETTINGS = SftSettings(
    epochs=12,
    rank=4,
    alpha=8,
    learning_rate=0.02,
    keep_weight=50,
    checkpoint_seconds=0,
    scored_examples=2,
)


@pytest.fixture
def towns(write_rows: WriteRows) -> Path:
    """Return a file of 12 rows of another domain."""
    rows: list[object] = [
        {"prompt": f"Where is office {n}?", "completion": f"In town {n % 3}."} for n in range(12)
    ]
    return write_rows(rows, "towns.jsonl")


def request_of(path: Path, base: Path, *keep: Path) -> TrainingRequest:
    return TrainingRequest(
        domain="colours", files=(path,), keep=keep, base=str(base), settings=SETTINGS
    )


def drift_of(artifact: Artifact, request: TrainingRequest, workspace: Workspace) -> float:
    """Return how far an adapter is from its base on the rows to keep of a request."""
    model, _ = load_base(find_base(request.base, workspace))
    adapted = PeftModel.from_pretrained(model, artifact.path)
    rows = [
        row for row in make_ready(request, workspace=workspace).prepared.train if not row.learned
    ]
    drifts = [
        drift_from_base(
            adapted,
            {
                "input_ids": torch.tensor([row.input_ids]),
                "attention_mask": torch.ones(1, len(row.input_ids), dtype=torch.long),
            },
        ).item()
        for row in rows
    ]
    return sum(drifts) / len(drifts)


@pytest.mark.slow
def test_an_adapter_that_keeps_the_base_elsewhere_drifts_less_there_and_learns_all_the_same(
    tiny_folder: Path, colours: Path, towns: Path, workspace: Workspace
) -> None:
    keeping = request_of(colours, tiny_folder, towns)

    free = finetune(request_of(colours, tiny_folder), workspace=workspace)
    kept = finetune(keeping, workspace=workspace)

    assert drift_of(kept, keeping, workspace) < 0.5 * drift_of(free, keeping, workspace)
    curve = kept.card.metrics["loss_curve"]
    assert isinstance(curve, dict)
    heldout = curve["heldout"]
    assert isinstance(heldout, list)
    assert heldout[-1][1] < heldout[0][1] - 0.3  # type: ignore[index,operator]
    assert [(d.name, d.role) for d in kept.card.data] == [
        ("colours.jsonl", "train"),
        ("towns.jsonl", "keep"),
    ]
    assert "towns.jsonl | keep" in (kept.path / "README.md").read_text()
    training = kept.card.metrics["training"]
    assert isinstance(training, dict)
    assert isinstance(training["drift"], float)
    assert "drift" not in str(free.card.metrics["training"])


@pytest.mark.slow
def test_a_stopped_run_with_rows_to_keep_resumes_to_the_same_weights_bit_for_bit(
    tiny_folder: Path, colours: Path, towns: Path, tmp_path: Path
) -> None:
    request = request_of(colours, tiny_folder, towns)
    whole = finetune(request, workspace=Workspace(tmp_path / "whole"))
    stopped = Workspace(tmp_path / "stopped")

    def stop(event: ProgressEvent) -> None:
        if event.stage == "train" and event.done == 7:
            raise KeyboardInterrupt

    with pytest.raises(CancelledError):
        finetune(request, workspace=stopped, progress=stop)
    [run] = list_runs(stopped)
    resumed = resume(run, workspace=stopped)

    first, second = (load_file(a.path / "adapter_model.safetensors") for a in (whole, resumed))
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.slow
def test_rows_to_keep_that_changed_stop_a_resume(
    tiny_folder: Path, colours: Path, towns: Path, workspace: Workspace
) -> None:
    def stop(event: ProgressEvent) -> None:
        if event.stage == "train":
            raise KeyboardInterrupt

    with pytest.raises(CancelledError):
        finetune(request_of(colours, tiny_folder, towns), workspace=workspace, progress=stop)
    towns.write_text(towns.read_text() + "\n")
    [run] = list_runs(workspace)

    with pytest.raises(DataError, match=r"towns.jsonl: changed since run"):
        resume(run, workspace=workspace)


def test_the_plan_counts_the_rows_to_keep_and_warns_of_those_that_are_learned_too(
    tiny_folder: Path, colours: Path, towns: Path, workspace: Workspace
) -> None:
    made = make_ready(request_of(colours, tiny_folder, towns, colours), workspace=workspace).plan

    assert made.kept_rows == round(made.rows / 3)
    assert f"keeps the base as it is on {made.kept_rows} other rows" in made.lines()
    assert any("pulled both ways" in warning for warning in made.warnings)


def test_a_missing_file_of_rows_to_keep_is_one_sentence(
    tiny_folder: Path, colours: Path, tmp_path: Path, workspace: Workspace
) -> None:
    with pytest.raises(DataError, match=r"gone.jsonl: no such file"):
        make_ready(request_of(colours, tiny_folder, tmp_path / "gone.jsonl"), workspace=workspace)


def test_rows_are_drawn_by_the_seed_and_hold_nothing_to_learn() -> None:
    rows = [EncodedRow((n, n + 1), (IGNORED, n + 1)) for n in range(5)]

    drawn = sample_rows(rows, 24, SftSettings(keep_share=0.25))

    assert len(drawn) == 8
    assert {row.input_ids for row in drawn} == {row.input_ids for row in rows}
    assert not any(row.learned for row in drawn)
    assert drawn == sample_rows(rows, 24, SftSettings(keep_share=0.25))
    assert drawn != sample_rows(rows, 24, SftSettings(keep_share=0.25, seed=1))


def test_a_row_with_one_label_is_learned_and_one_with_none_is_kept() -> None:
    labels = torch.tensor([[IGNORED, 5], [IGNORED, IGNORED]])

    assert kept_rows(labels).tolist() == [False, True]


def test_the_drift_is_the_mean_divergence_over_real_tokens_and_nothing_for_a_new_adapter(
    tiny_folder: Path, workspace: Workspace
) -> None:
    torch.manual_seed(0)
    model, _ = load_base(find_base(str(tiny_folder), workspace))
    adapted = get_peft_model(model, lora_config(SETTINGS))
    ids = torch.tensor([[7, 8, 9, 10], [11, 12, 0, 0]])
    batch = {"input_ids": ids, "attention_mask": torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]])}
    assert drift_from_base(adapted, batch).item() == pytest.approx(0, abs=1e-6)
    with torch.no_grad():
        for name, weight in adapted.named_parameters():
            if "lora_B" in name:
                weight.normal_(std=0.3)

    drift = drift_from_base(adapted, batch)

    with torch.no_grad():
        after = adapted(**batch).logits.double().log_softmax(-1)
        with adapted.disable_adapter():
            before = adapted(**batch).logits.double().log_softmax(-1)
    by_token = (before.exp() * (before - after)).sum(-1)
    expected = torch.cat([by_token[0], by_token[1, :2]]).mean()
    assert drift.item() == pytest.approx(expected.item(), rel=1e-4)
    assert drift.item() > 0.01
    drift.backward()
    assert all(p.grad is not None for n, p in adapted.named_parameters() if "lora_B" in n)
