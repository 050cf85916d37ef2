"""GPT-2 keeps its linear layers transposed (Conv1D), and has biases."""

import json
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, GPT2Config

from adapt.errors import ModelError
from adapt.workspace.folder import Workspace
from merge.build import merge
from tests.merge.conftest import load, make_adapter, make_recipe, weights


def make_gpt2(folder: Path, *, short_names: bool, vocab: int = 96) -> Path:
    """Save a GPT-2, whose linear layers lie transposed; on the hub its names lack the first part."""
    torch.manual_seed(3)
    config = GPT2Config(vocab_size=vocab, n_positions=64, n_embd=48, n_layer=2, n_head=4)
    model = AutoModelForCausalLM.from_config(config)
    model.save_pretrained(folder)
    path = folder / "model.safetensors"
    if short_names:
        renamed = {name.removeprefix("transformer."): t for name, t in load_file(path).items()}
        save_file(renamed, path, metadata={"format": "pt"})
    return folder


@pytest.mark.parametrize("short_names", [True, False])
@pytest.mark.parametrize("features", [{}, {"use_dora": True}])
@pytest.mark.filterwarnings("ignore:fan_in_fan_out is set to", "ignore:.*loss_type")
def test_transposed_layers_are_merged_the_way_they_lie(
    workspace: Workspace, tmp_path: Path, features: dict[str, object], short_names: bool
) -> None:
    base = make_gpt2(tmp_path / "gpt2", short_names=short_names)
    adapter = make_adapter(
        base, tmp_path / "adapter", targets=["c_attn", "c_proj"], fan_in_fan_out=True, **features
    )
    tokens = torch.arange(3, 19).reshape(1, -1)

    artifact = merge(
        make_recipe(base, [adapter], "task_arithmetic", sources=[{}]), workspace=workspace
    )

    with torch.no_grad():
        ours = load(artifact.path)(tokens).logits
        theirs = PeftModel.from_pretrained(load(base), adapter)(tokens).logits
    assert torch.allclose(ours, theirs, atol=1e-5)


def test_a_square_weight_that_may_lie_either_way_is_refused(
    workspace: Workspace, tmp_path: Path
) -> None:
    base = make_gpt2(tmp_path / "gpt2", short_names=False)
    adapter = make_adapter(
        base, tmp_path / "adapter", targets=["c_attn", "c_proj"], fan_in_fan_out=True
    )
    path = adapter / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"fan_in_fan_out": False}))

    with pytest.raises(ModelError, match="does not tell which way it lies"):
        merge(make_recipe(base, [adapter], "task_arithmetic"), workspace=workspace)


def test_the_bias_of_b_is_merged_into_the_bias_of_the_layer(
    workspace: Workspace, tmp_path: Path
) -> None:
    base = make_gpt2(tmp_path / "gpt2", short_names=False)
    adapter = make_adapter(
        base, tmp_path / "adapter", targets=["c_attn"], fan_in_fan_out=True, lora_bias=True
    )
    tokens = torch.arange(3, 19).reshape(1, -1)

    artifact = merge(make_recipe(base, [adapter], "ties", sources=[{}]), workspace=workspace)

    plain, merged = weights(base), weights(artifact.path)
    name = "transformer.h.0.attn.c_attn.bias"
    assert not merged[name].equal(plain[name])
    with torch.no_grad():
        ours = load(artifact.path)(tokens).logits
        theirs = PeftModel.from_pretrained(load(base), adapter)(tokens).logits
    assert torch.allclose(ours, theirs, atol=1e-5)
