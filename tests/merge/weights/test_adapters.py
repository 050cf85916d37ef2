import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from adapt.errors import ModelError
from adapt.workspace.folder import Workspace
from merge.build import merge
from merge.recipes.from_flags import recipe_from_flags
from merge.weights.adapters import open_adapter
from merge.weights.checkpoint import open_checkpoint
from merge.weights.lora_config import LoraConfig
from merge.weights.plan import plan_merge
from tests.merge.conftest import Zoo, dense_deltas


@pytest.fixture
def adapter(zoo: Zoo, tmp_path: Path) -> Path:
    """A copy of an adapter, to be damaged."""
    source = zoo.adapter(zoo.base(), seed=1)
    folder = tmp_path / "adapter"
    folder.mkdir()
    for file in source.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    return folder


def configure(folder: Path, **changes: object) -> None:
    path = folder / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def rewrite(folder: Path, change: "dict[str, torch.Tensor | None]") -> None:
    path = folder / "adapter_model.safetensors"
    tensors = {**load_file(path), **change}
    save_file({name: t for name, t in tensors.items() if t is not None}, path)


def opened(folder: Path) -> None:
    open_adapter(folder, reference="it")


Q0 = "base_model.model.model.layers.0.self_attn.q_proj"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"peft_type": "IA3"}, "is a IA3 adapter; only LoRA"),
        ({"bias": "lora_only"}, "trained biases"),
        ({"init_lora_weights": "pissa_niter_4"}, "pissa_niter_4, which changes the base"),
        ({"trainable_token_indices": [1]}, "trainable_token_indices"),
        ({"alora_invocation_tokens": [1]}, "alora_invocation_tokens"),
        ({"layer_replication": [[0, 2]]}, "layer_replication"),
        ({"r": 0}, "r: Input should be greater than 0"),
        ({"r": "four"}, "r: Input should be a valid integer"),
        ({"rank_pattern": {"(": 3}}, "is no pattern"),
        ({"r": 5}, r"A \(4, 80\) and B \(48, 4\), which do not fit rank 5"),
        ({"use_dora": True}, "use_dora and the magnitude vector disagree"),
    ],
)
def test_what_cannot_be_merged_exactly_is_refused_by_name(
    adapter: Path, changes: dict[str, object], sentence: str
) -> None:
    configure(adapter, **changes)

    with pytest.raises(ModelError, match=sentence):
        opened(adapter)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({f"{Q0}.lora_A.weight": None}, "has B without A"),
        ({f"{Q0}.lora_B.weight": None}, "has A without B"),
        ({"q_proj.lora_A": torch.ones(1)}, "not a name that peft gives"),
        ({f"{Q0}.lora_C.weight": torch.ones(1)}, "does not know what"),
        ({f"{Q0}.token_adapter.trainable_tokens_delta": torch.ones(1)}, "does not know what"),
    ],
)
def test_no_tensor_of_an_adapter_is_left_out_in_silence(
    adapter: Path, change: dict[str, torch.Tensor | None], sentence: str
) -> None:
    rewrite(adapter, change)

    with pytest.raises(ModelError, match=sentence):
        opened(adapter)


def test_folders_that_are_no_adapter_are_one_sentence(adapter: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    weights = adapter / "adapter_model.safetensors"

    with pytest.raises(ModelError, match=r"has no adapter_config\.json"):
        opened(empty)
    weights.rename(adapter / "adapter_model.bin")
    with pytest.raises(ModelError, match="a pickle, which can run code and is not read"):
        opened(adapter)
    (adapter / "adapter_model.bin").unlink()
    with pytest.raises(ModelError, match=r"adapter_model\.safetensors: no such file"):
        opened(adapter)
    save_file({}, weights)
    with pytest.raises(ModelError, match="holds no tensors"):
        opened(adapter)
    for text, sentence in (("{", "not readable JSON"), ("[]", "not a JSON object")):
        (adapter / "adapter_config.json").write_text(text)
        with pytest.raises(ModelError, match=sentence):
            opened(adapter)


def test_a_truncated_adapter_is_refused_before_anything_is_written(
    zoo: Zoo, workspace: Workspace, adapter: Path
) -> None:
    weights = adapter / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    recipe = recipe_from_flags([str(adapter)], method="ties", base=str(zoo.base()))

    with pytest.raises(ModelError, match=r"adapter_model\.safetensors: damaged"):
        merge(recipe, workspace=workspace)

    assert list(workspace.artifacts.rglob("*")) == []


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_an_adapter_with_nan_is_refused_and_leaves_nothing(
    zoo: Zoo, workspace: Workspace, adapter: Path, value: float
) -> None:
    broken = torch.full((4, 48), value)
    rewrite(adapter, {f"{Q0}.lora_A.weight": broken})
    recipe = recipe_from_flags([str(adapter)], method="ties", base=str(zoo.base()))

    with pytest.raises(ModelError, match=r"q_proj\.lora_A\.weight' holds NaN or infinity"):
        merge(recipe, workspace=workspace)

    assert [p for p in workspace.artifacts.rglob("*") if p.is_file()] == []


def test_an_adapter_for_other_shapes_or_other_modules_does_not_fit(zoo: Zoo, adapter: Path) -> None:
    checkpoint = open_checkpoint(zoo.base())
    rewrite(
        adapter,
        {f"{Q0}.lora_A.weight": torch.ones(4, 32), f"{Q0}.lora_B.weight": torch.ones(32, 4)},
    )

    with pytest.raises(
        ModelError, match=r"q_proj\.weight as \(32, 32\), but the base has \(48, 48\)"
    ):
        plan_merge(checkpoint, [open_adapter(adapter, reference="it")], output_dtype=None)

    name = "base_model.model.model.layers.7.self_attn.q_proj"
    rewrite(
        adapter,
        {
            f"{Q0}.lora_A.weight": None,
            f"{Q0}.lora_B.weight": None,
            f"{name}.lora_A.weight": torch.ones(4, 48),
            f"{name}.lora_B.weight": torch.ones(48, 4),
        },
    )
    with pytest.raises(ModelError, match=r"layers\.7\.self_attn\.q_proj\.weight, which the base"):
        plan_merge(checkpoint, [open_adapter(adapter, reference="it")], output_dtype=None)


def test_rank_and_scaling_follow_the_patterns_of_peft(zoo: Zoo) -> None:
    base = zoo.base()
    folder = zoo.adapter(
        base,
        seed=4,
        rank_pattern={"q_proj": 2, r"layers\.1\.self_attn\.v_proj": 6},
        alpha_pattern={"q_proj": 9, "layers.0.mlp.up_proj": 3},
        use_rslora=True,
    )

    adapter = open_adapter(folder, reference="it")

    tensors = load_file(folder / "adapter_model.safetensors")
    for part in adapter.parts:
        mine = part.scaling * (tensors[part.b].double() @ tensors[part.a].double())
        assert torch.allclose(mine, dense_deltas_of(base, folder)[part.target], rtol=1e-12)
    assert adapter.ranks == (2, 4, 6)


_dense: dict[Path, dict[str, torch.Tensor]] = {}


def dense_deltas_of(base: Path, folder: Path) -> dict[str, torch.Tensor]:
    if folder not in _dense:
        _dense[folder] = dense_deltas(base, folder)
    return _dense[folder]


def test_scaling_is_alpha_over_rank_or_over_its_root() -> None:
    plain = LoraConfig(r=16, lora_alpha=8)
    stable = LoraConfig(r=16, lora_alpha=8, use_rslora=True)

    assert (plain.scaling("x"), stable.scaling("x")) == (0.5, 2.0)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("config.json", "{", "not readable JSON"),
        ("config.json", "[]", "not a JSON object"),
        ("config.json", '{"quantization_config": {"bits": 4}}', "the weights are quantised"),
        ("model.safetensors.index.json", "{}", "has no weight_map"),
        ("model.safetensors.index.json", '{"weight_map": {"a": "../x.safetensors"}}', "no file of"),
        (
            "model.safetensors.index.json",
            '{"weight_map": {"a": "x.safetensors"}}',
            "which its index names, is missing",
        ),
    ],
)
def test_a_damaged_base_is_one_sentence(
    zoo: Zoo, tmp_path: Path, name: str, content: str, sentence: str
) -> None:
    for file in zoo.base().iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / name).write_text(content)

    with pytest.raises(ModelError, match=sentence):
        open_checkpoint(tmp_path)


def test_weights_that_lie_beside_the_model_are_not_read(zoo: Zoo, tmp_path: Path) -> None:
    for file in zoo.base().iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    save_file({"x": torch.ones(2)}, tmp_path / "consolidated.safetensors")

    checkpoint = open_checkpoint(tmp_path)
    (tmp_path / "model.safetensors").rename(tmp_path / "other.safetensors")

    assert [file.path.name for file in checkpoint.files] == ["model.safetensors"]
    with pytest.raises(ModelError, match=r"has neither model\.safetensors nor"):
        open_checkpoint(tmp_path)
    (tmp_path / "consolidated.safetensors").unlink()
    assert open_checkpoint(tmp_path).home.keys() == checkpoint.home.keys()
