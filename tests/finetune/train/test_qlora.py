"""A plain adapter, trained on a base whose weights are held in four bits."""

import json
import os
import subprocess
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from adapt.errors import CancelledError, ModelError, RecipeError
from adapt.models.loading import load_base
from adapt.registry.bases.find import find_base
from adapt.workspace.folder import Workspace
from finetune.runs.many import finetune_all
from finetune.runs.prepare import make_ready
from finetune.runs.request import list_runs
from finetune.runs.run import finetune, resume
from tests.finetune.runs.test_run import FAST, request_of, same, stop_at, weights_of
from ui.environment import FOUR_BIT

ROOT = Path(__file__).parents[3]
FOUR = FAST.model_copy(update={"variant": "qlora"})


@pytest.fixture
def installed() -> None:
    pytest.importorskip(FOUR_BIT, reason="bitsandbytes is not installed: extra 'qlora'")


@pytest.mark.usefixtures("installed")
def test_the_linear_layers_are_held_in_four_bits_and_the_head_is_not(
    any_folder: Path, workspace: Workspace
) -> None:
    base = find_base(str(any_folder), workspace)
    whole, _ = load_base(base)
    packed, _ = load_base(base, four_bit=True)
    tokens = torch.arange(3, 12)[None]

    linear = [m for m in packed.modules() if isinstance(m, torch.nn.Linear)]
    quantised = [m for m in linear if m.weight.dtype == torch.uint8]
    assert len(quantised) == len(linear) - 1
    assert sum(m.weight.numel() for m in quantised) * 2 == sum(
        m.weight.numel()
        for name, m in whole.named_modules()
        if isinstance(m, torch.nn.Linear) and name != "lm_head"
    )
    with torch.no_grad():
        before, after = whole(tokens).logits, packed(tokens).logits
    assert 0 < (after - before).norm() / before.norm() < 0.5


@pytest.mark.slow
@pytest.mark.usefixtures("installed")
def test_an_adapter_of_a_base_in_four_bits_is_a_plain_one_and_goes_on_to_the_same_weights(
    any_folder: Path, colours: Path, tmp_path: Path
) -> None:
    request = request_of(colours, any_folder, FOUR)
    parts = Workspace(tmp_path / "parts")

    straight = finetune(request, workspace=Workspace(tmp_path / "whole"))
    with pytest.raises(CancelledError):
        finetune(request, workspace=parts, progress=stop_at(3))
    finished = resume(list_runs(parts)[0], workspace=parts)

    assert same(weights_of(straight), weights_of(finished))
    assert {tensor.dtype for tensor in weights_of(straight).values()} == {torch.float32}
    plain = finetune(request_of(colours, any_folder), workspace=Workspace(tmp_path / "plain"))
    assert not same(weights_of(straight), weights_of(plain))
    config = json.loads((straight.path / "adapter_config.json").read_text())
    assert not config["use_dora"]
    assert not config["use_rslora"]
    base = AutoModelForCausalLM.from_pretrained(any_folder)
    before = base(torch.tensor([[1, 2, 3]])).logits
    assert not torch.allclose(
        PeftModel.from_pretrained(base, straight.path)(torch.tensor([[1, 2, 3]])).logits, before
    )
    assert "| variant, rank | qlora, 4 |" in (straight.path / "README.md").read_text()
    again = request.model_copy(update={"start": straight.reference, "settings": FAST})
    assert make_ready(again, workspace=Workspace(tmp_path / "whole")).settings.four_bit


@pytest.mark.slow
@pytest.mark.usefixtures("installed")
def test_domains_in_four_bits_share_their_base(
    tiny_folder: Path, colours: Path, tmp_path: Path
) -> None:
    one, other = (
        request_of(colours, tiny_folder, FOUR.model_copy(update={"seed": seed})).model_copy(
            update={"domain": f"d{seed}"}
        )
        for seed in (0, 1)
    )

    together = finetune_all([one, other], workspace=Workspace(tmp_path / "both"))

    alone = finetune(one, workspace=Workspace(tmp_path / "alone"))
    assert same(weights_of(together[0]), weights_of(alone))
    mixed = other.model_copy(update={"settings": FAST})
    with pytest.raises(RecipeError, match="all with the variant qlora, or none"):
        finetune_all([one, mixed], workspace=Workspace(tmp_path / "mixed"))


def test_without_the_library_it_is_said_and_nothing_is_written(
    tiny_folder: Path, colours: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr("adapt.models.loading.version", missing)

    with pytest.raises(ModelError, match=r"pip install 'adapt-llm\[qlora\]'"):
        finetune(request_of(colours, tiny_folder, FOUR), workspace=workspace)

    assert list_runs(workspace) == []


@pytest.mark.slow
@pytest.mark.usefixtures("installed")
def test_only_training_pays_for_importing_it(
    tiny_folder: Path, colours: Path, tmp_path: Path
) -> None:
    chat = (
        "from ui.environment import prepare; prepare(); import adapt.models.runtime, sys;"
        "sys.exit(sys.modules['bitsandbytes'] is not None)"
    )
    train = [
        *("-m", "ui.cli.main", "--workspace", str(tmp_path / "w"), "finetune", "colours"),
        *(str(colours), "--base", str(tiny_folder), "--variant", "qlora", "--dry-run"),
    ]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}

    ended = [
        subprocess.run(
            [sys.executable, *words],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        for words in (["-c", chat], train)
    ]

    assert [one.returncode for one in ended] == [0, 0], ended[1].stderr
    assert "qlora of rank 16" in ended[1].stdout
