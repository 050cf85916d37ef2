"""Training an adapter further is a new version from its weights; resuming is the rest of one run."""

import json
from pathlib import Path

import pytest
import torch

from adapt.errors import CancelledError, ModelError, NotFoundError, RecipeError
from adapt.registry.registry import Registry
from adapt.workspace.folder import Workspace
from finetune.runs.prepare import make_ready
from finetune.runs.request import list_runs
from finetune.runs.run import finetune, resume
from tests.finetune.conftest import WriteRows
from tests.finetune.runs.test_run import FAST, request_of, same, stop_at, weights_of
from tests.tiny import make_base


@pytest.fixture
def more(write_rows: WriteRows) -> Path:
    rows: list[object] = [
        {"prompt": f"Shape of item {n}?", "completion": "round"} for n in range(20)
    ]
    return write_rows(rows, "more.jsonl")


@pytest.mark.slow
def test_a_continued_adapter_begins_where_the_other_ended(
    tiny_folder: Path, colours: Path, more: Path, tmp_path: Path
) -> None:
    workspace, apart = Workspace(tmp_path / "w"), Workspace(tmp_path / "apart")
    shape = FAST.model_copy(update={"rank": 6, "alpha": 12, "variant": "rslora"})
    for place in (workspace, apart):
        finetune(request_of(colours, tiny_folder, shape), workspace=place)
    still = FAST.model_copy(update={"rank": 16, "learning_rate": 1e-12})
    unset = FAST.model_copy(update={"rank": 16})
    request = request_of(more, tiny_folder, unset).model_copy(update={"start": "colours"})

    unmoved = finetune(request.model_copy(update={"settings": still}), workspace=apart)
    with pytest.raises(CancelledError):
        finetune(request, workspace=workspace, progress=stop_at(2))
    finished = resume(list_runs(workspace)[0], workspace=workspace)

    first = Registry(workspace).get("colours@1")
    config = json.loads((finished.path / "adapter_config.json").read_text())
    before, after = weights_of(first), weights_of(unmoved)
    assert all(torch.allclose(before[name], after[name], atol=1e-9) for name in before)
    assert finished.reference == "colours@2"
    assert finished.card.parents == ("colours@1",)
    assert (config["r"], config["use_rslora"]) == (6, True)
    assert not same(before, weights_of(finished))
    heldout = finished.card.metrics["heldout"]
    assert isinstance(heldout, dict)
    assert heldout["since"]["adapter"] == "colours@1"  # type: ignore[call-overload,index]
    assert "; against colours@1 " in finished.card.summary


@pytest.mark.slow
def test_what_cannot_be_continued_is_said(
    tiny_folder: Path, colours: Path, workspace: Workspace, tmp_path: Path
) -> None:
    finetune(request_of(colours, tiny_folder), workspace=workspace)
    request = request_of(colours, tiny_folder).model_copy(update={"start": "colours@1"})
    other = str(make_base(tmp_path / "other", "qwen3"))
    wider = FAST.model_copy(update={"rank": 8})

    with pytest.raises(NotFoundError, match="colour"):
        make_ready(request.model_copy(update={"start": "colour"}), workspace=workspace)
    with pytest.raises(ModelError, match="colours@1 was trained on"):
        make_ready(request.model_copy(update={"base": other}), workspace=workspace)
    with pytest.raises(
        RecipeError, match="colours@1 has rank 4, which continuing cannot change to 8"
    ):
        make_ready(request.model_copy(update={"settings": wider}), workspace=workspace)
