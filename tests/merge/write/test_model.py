import json
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from safetensors import safe_open
from torch import Tensor
from transformers import AutoModelForCausalLM

from adapt.errors import ModelError
from adapt.workspace.folder import Workspace
from merge.build import merge
from merge.methods.functions import linear
from merge.methods.terms import Terms
from merge.recipes.recipe import Recipe
from tests.merge.conftest import Zoo, dense_deltas, load, make_recipe, steps_apart, weights

DTYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16, "float32": torch.float32}


def dense(merge_recipe: Recipe, base: Path, adapters: list[Path]) -> dict[str, Tensor]:
    """Return the merged weights in fp64 from whole matrices, by the methods' definitions written out once more."""
    deltas = [dense_deltas(base, adapter) for adapter in adapters]
    terms = merge_recipe.terms_of({})("")
    w, density = terms.weights, terms.sources.get("density", terms.weights)
    merged = {}
    for name, weight in weights(base).items():
        total = torch.zeros(weight.shape, dtype=torch.float64)
        changes = [d.get(name, total) for d in deltas]
        if merge_recipe.merge_method == "task_arithmetic":
            total = sum((wi * d for wi, d in zip(w, changes, strict=True)), total)
        else:
            trimmed = torch.stack(
                [wi * top(d, k) for wi, d, k in zip(w, changes, density, strict=True)]
            )
            sign = torch.where(trimmed.sum(0) >= 0, 1.0, -1.0)
            agrees = (trimmed.sign() == sign).double()
            divisor = sum(wi * a for wi, a in zip(w, agrees, strict=True))
            total = (trimmed * agrees).sum(0) / torch.where(divisor == 0, 1.0, divisor)
        merged[name] = weight.double() + total
    return merged


def top(delta: Tensor, density: float) -> Tensor:
    flat = delta.reshape(-1)
    order = flat.abs().argsort(descending=True, stable=True)[: max(1, int(density * flat.numel()))]
    return torch.zeros_like(flat).index_copy(0, order, flat[order]).reshape(delta.shape)


ADAPTERS: dict[str, dict[str, object]] = {
    "plain": {"seed": 1},
    "wide": {"seed": 2, "r": 7, "targets": ["q_proj", "v_proj", "down_proj"]},
    "rslora": {"seed": 3, "r": 5, "use_rslora": True},
    "pattern": {
        "seed": 4,
        "rank_pattern": {"q_proj": 2, r"layers\.1\.self_attn\.v_proj": 6},
        "alpha_pattern": {"q_proj": 9, "layers.0.mlp.up_proj": 3},
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("method", ["task_arithmetic", "ties"])
@pytest.mark.parametrize(
    ("family", "names"),
    [
        ("llama", ["plain", "wide"]),
        ("qwen3", ["plain", "rslora", "pattern"]),
        ("mistral", ["wide", "pattern"]),
        ("gemma", ["plain", "wide", "rslora"]),
    ],
)
def test_a_merge_is_within_one_rounding_step_of_the_dense_reference(
    zoo: Zoo, workspace: Workspace, family: str, names: list[str], method: str, dtype: str
) -> None:
    base = zoo.base(family, dtype=DTYPES[dtype], tied=family == "gemma")
    adapters = [zoo.adapter(base, **ADAPTERS[name]) for name in names]
    merge_recipe = make_recipe(base, adapters, method)

    artifact = merge(merge_recipe, workspace=workspace)

    expected = dense(merge_recipe, base, adapters)
    merged = weights(artifact.path)
    assert merged.keys() == expected.keys()
    assert {t.dtype for t in merged.values()} == {DTYPES[dtype]}
    # TIES into 16 bits works in fp32, whose own step shows where W and ΔW cancel to a thousandth: there W is the size
    size = {n: w.double().abs().maximum(expected[n].abs()) for n, w in weights(base).items()}
    is_exact = method == "task_arithmetic" or dtype == "float32"
    assert (
        max(
            steps_apart(merged[n], t, size=None if is_exact else size[n])
            for n, t in expected.items()
        )
        <= 1
    )


@pytest.mark.parametrize("out_dtype", ["bfloat16", "float32"])
def test_out_dtype_casts_every_weight_once_and_is_written_into_the_config(
    zoo: Zoo, workspace: Workspace, out_dtype: str
) -> None:
    base = zoo.base(dtype=torch.float32)
    adapters = [zoo.adapter(base, **ADAPTERS["plain"]), zoo.adapter(base, **ADAPTERS["wide"])]
    merge_recipe = make_recipe(
        base, adapters, "task_arithmetic", dtype="float32", out_dtype=out_dtype
    )

    artifact = merge(merge_recipe, workspace=workspace)

    expected = dense(merge_recipe, base, adapters)
    merged = weights(artifact.path)
    assert max(steps_apart(merged[name], expected[name]) for name in expected) <= 1
    assert json.loads((artifact.path / "config.json").read_text())["dtype"] == out_dtype


@pytest.mark.parametrize(
    "features", [{"seed": 1}, {"seed": 5, "use_dora": True}, {"seed": 6, "use_rslora": True}]
)
def test_one_adapter_with_weight_one_is_what_peft_merges(
    zoo: Zoo, workspace: Workspace, features: dict[str, object]
) -> None:
    base = zoo.base()
    adapter = zoo.adapter(base, **features)

    artifact = merge(
        make_recipe(base, [adapter], "task_arithmetic", sources=[{}]), workspace=workspace
    )

    theirs = PeftModel.from_pretrained(load(base), adapter).merge_and_unload().state_dict()
    for name, ours in weights(artifact.path).items():
        # peft rounds ΔW and the sum to fp32, DoRA also norm and factor
        assert torch.allclose(ours, theirs[name], rtol=5e-7, atol=5e-8), name


@pytest.mark.parametrize("family", ["llama", "qwen3", "mistral", "gemma"])
def test_the_merged_folder_answers_as_the_base_with_its_adapter(
    zoo: Zoo, workspace: Workspace, family: str
) -> None:
    base = zoo.base(family, tied=family == "gemma")
    adapter = zoo.adapter(base, **ADAPTERS["plain"])
    tokens = torch.arange(3, 19).reshape(1, -1)

    artifact = merge(
        make_recipe(base, [adapter], "task_arithmetic", sources=[{}]), workspace=workspace
    )

    with torch.no_grad():
        ours = load(artifact.path)(tokens).logits
        theirs = PeftModel.from_pretrained(load(base), adapter)(tokens).logits
    assert torch.allclose(ours, theirs, atol=1e-5)


@pytest.mark.parametrize(
    "features",
    [
        {"targets": ["q_proj", "lm_head"]},
        {"targets": ["q_proj", "embed_tokens"]},
        {"targets": ["q_proj"], "modules_to_save": ["lm_head"]},
        {"targets": ["q_proj"], "modules_to_save": ["embed_tokens"]},
        {"targets": ["q_proj"], "modules_to_save": ["norm"]},
    ],
)
@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.filterwarnings(
    "ignore:Setting `save_embedding_layers`", "ignore:Model .*tie", "ignore:You passed"
)
def test_embeddings_heads_and_whole_modules_are_merged_exactly_and_untied_where_needed(
    zoo: Zoo, workspace: Workspace, features: dict[str, object], tied: bool
) -> None:
    base = zoo.base(tied=tied)
    adapter = zoo.adapter(base, **features)
    tokens = torch.arange(3, 19).reshape(1, -1)

    artifact = merge(
        make_recipe(base, [adapter], "task_arithmetic", sources=[{}]), workspace=workspace
    )

    with torch.no_grad():
        ours = load(artifact.path)(tokens).logits
        theirs = PeftModel.from_pretrained(load(base), adapter)(tokens).logits
    assert torch.allclose(ours, theirs, atol=1e-5)


@pytest.mark.parametrize("method", ["task_arithmetic", "ties"])
def test_weight_zero_leaves_every_byte_of_the_base(
    zoo: Zoo, workspace: Workspace, method: str
) -> None:
    base = zoo.base(dtype=torch.bfloat16)
    adapters = [zoo.adapter(base, **ADAPTERS["plain"]), zoo.adapter(base, **ADAPTERS["wide"])]

    artifact = merge(
        make_recipe(base, adapters, method, sources=[{"weight": 0.0}, {"weight": [1.0, 0.0]}]),
        workspace=workspace,
    )

    ours, theirs = weights(artifact.path), weights(base)
    same = {n for n in theirs if ours[n].view(torch.int16).equal(theirs[n].view(torch.int16))}
    changed = {"self_attn.q_proj", "self_attn.v_proj", "mlp.down_proj"}
    assert theirs.keys() - same == {f"model.layers.0.{module}.weight" for module in changed}


def test_weights_that_no_adapter_changes_are_copied_as_bytes(
    zoo: Zoo, workspace: Workspace
) -> None:
    base = zoo.base(dtype=torch.bfloat16)
    adapter = zoo.adapter(base, seed=9, targets=["q_proj"])

    artifact = merge(make_recipe(base, [adapter], "ties"), workspace=workspace)

    ours, theirs = weights(artifact.path), weights(base)
    same = {n for n in theirs if ours[n].view(torch.int16).equal(theirs[n].view(torch.int16))}
    assert same == {name for name in theirs if "q_proj" not in name}


def test_a_sharded_base_gives_the_same_shards_with_an_index_and_loads_without_a_missing_key(
    zoo: Zoo, workspace: Workspace
) -> None:
    base = zoo.base(dtype=torch.bfloat16, shard="40KB")
    adapters = [zoo.adapter(base, **ADAPTERS["plain"]), zoo.adapter(base, **ADAPTERS["wide"])]
    merge_recipe = make_recipe(base, adapters, "ties")

    artifact = merge(merge_recipe, workspace=workspace)

    shards = sorted(p.name for p in base.glob("*.safetensors"))
    assert len(shards) > 2
    assert sorted(p.name for p in artifact.path.glob("*.safetensors")) == shards
    for shard in shards:
        with (
            safe_open(artifact.path / shard, "pt") as ours,
            safe_open(base / shard, "pt") as theirs,
        ):
            assert ours.metadata() == {"format": "pt"}
            assert sorted(ours.keys()) == sorted(theirs.keys())
    assert _loads_whole(artifact.path)
    expected = dense(merge_recipe, base, adapters)
    merged = weights(artifact.path)
    assert max(steps_apart(merged[name], expected[name]) for name in expected) <= 1


def _loads_whole(folder: Path) -> bool:
    _, info = AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True)
    return not any(info[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys"))


@pytest.mark.parametrize("family", ["llama", "qwen3", "mistral", "gemma"])
def test_the_merged_folder_has_no_missing_and_no_unexpected_key(
    zoo: Zoo, workspace: Workspace, family: str
) -> None:
    base = zoo.base(family, tied=family == "gemma")

    artifact = merge(
        make_recipe(base, [zoo.adapter(base, **ADAPTERS["plain"])], "ties"), workspace=workspace
    )

    assert _loads_whole(artifact.path)
    assert (artifact.path / "generation_config.json").is_file()


def test_tokenizer_template_and_licence_come_along_and_code_pickles_and_data_stay_behind(
    zoo: Zoo, workspace: Workspace, tmp_path: Path
) -> None:
    base = tmp_path / "base"
    base.mkdir()
    for file in zoo.base().iterdir():
        (base / file.name).write_bytes(file.read_bytes())
    wanted = [
        "tokenizer.json",
        "tokenizer_config.json",
        "chat_template.jinja",
        "tokenizer.model",
        "LICENSE",
    ]
    unwanted = ["modeling_evil.py", "pytorch_model.bin", "train.json", "optimizer.pt"]
    for name in (*wanted, *unwanted, "README.md"):
        (base / name).write_text(f"{{}} {name}")

    artifact = merge(
        make_recipe(base, [zoo.adapter(zoo.base(), seed=1)], "task_arithmetic"), workspace=workspace
    )

    assert all((artifact.path / n).read_bytes() == (base / n).read_bytes() for n in wanted)
    assert not [name for name in unwanted if (artifact.path / name).exists()]
    assert "task_arithmetic of the adapters" in (artifact.path / "README.md").read_text()


def test_a_merge_beyond_the_range_of_float16_is_refused_and_names_the_weight(
    zoo: Zoo, workspace: Workspace
) -> None:
    base = zoo.base(dtype=torch.float16)
    adapter = zoo.adapter(base, seed=1)

    with pytest.raises(
        ModelError, match=r"_proj\.weight: the merged weight is beyond the range of F16"
    ):
        merge(
            make_recipe(base, [adapter], "task_arithmetic", sources=[{"weight": 1e7}]),
            workspace=workspace,
        )


def test_the_streamed_sum_is_the_method_of_the_table(zoo: Zoo, workspace: Workspace) -> None:
    base = zoo.base()
    adapters = [zoo.adapter(base, **ADAPTERS["plain"]), zoo.adapter(base, **ADAPTERS["wide"])]
    merge_recipe = make_recipe(base, adapters, "linear")
    deltas = [dense_deltas(base, adapter) for adapter in adapters]
    name = "model.layers.1.self_attn.q_proj.weight"

    artifact = merge(merge_recipe, workspace=workspace)

    terms = Terms(
        (0.9, 0.55), sources={"density": (1.0, 1.0)}, shared={"normalize": True, "lambda": 1.0}
    )
    expected = weights(base)[name].double() + linear([d[name] for d in deltas], terms)
    assert steps_apart(weights(artifact.path)[name], expected) <= 1


def test_the_bytes_do_not_depend_on_the_number_of_threads_and_torch_gets_its_threads_back(
    zoo: Zoo, workspace: Workspace
) -> None:
    base = zoo.base(dtype=torch.bfloat16)
    adapters = [zoo.adapter(base, **ADAPTERS["plain"]), zoo.adapter(base, **ADAPTERS["wide"])]
    before = torch.get_num_threads()

    hashes = set()
    for threads in (1, 2):
        torch.set_num_threads(threads)
        artifact = merge(make_recipe(base, adapters, "ties"), workspace=workspace)
        hashes.add(artifact.card.files["model.safetensors"].sha256)
        assert torch.get_num_threads() == threads
    torch.set_num_threads(before)

    assert len(hashes) == 1
