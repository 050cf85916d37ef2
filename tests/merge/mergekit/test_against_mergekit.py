"""The same recipe file, read by mergekit and by us, gives the same model."""

from pathlib import Path

import pytest
import yaml
from mergekit.config import MergeConfiguration
from mergekit.io.tasks import LoaderCache
from mergekit.merge import run_merge
from mergekit.options import MergeOptions
from safetensors.torch import load_file
from torch import Tensor

from adapt.workspace.folder import Workspace
from merge.build import merge
from merge.methods.catalogue import SPECS
from merge.recipes.recipe import read_recipe
from tests.merge.conftest import Zoo, steps_apart


def run_mergekit(recipe: Path, out: Path, *, dtype: str) -> dict[str, Tensor]:
    """Run mergekit on a recipe; `dtype` is what it computes in, which we choose ourselves."""
    values = yaml.safe_load(recipe.read_text()) | {"dtype": dtype}
    options = MergeOptions(
        lora_merge_cache=str(out / "cache"),
        lora_merge_dtype=dtype,
        copy_tokenizer=False,
        quiet=True,
        write_model_card=False,
    )
    configuration = MergeConfiguration.model_validate(values)
    LoaderCache().loaders.clear()  # kept by path for the life of the process, whatever lies there now
    run_merge(configuration, str(out), options)
    return {k: v for f in sorted(out.glob("*.safetensors")) for k, v in load_file(f).items()}


RECIPES: dict[str, dict[str, object]] = {
    "task arithmetic": {"merge_method": "task_arithmetic"},
    "task arithmetic, normalised": {
        "merge_method": "task_arithmetic",
        "parameters": {"normalize": True, "lambda": 0.7},
    },
    "ties": {"merge_method": "ties", "parameters": {"density": 0.4}},
    "ties, all entries": {"merge_method": "ties"},
    "ties, summed": {
        "merge_method": "ties",
        "parameters": {"density": 0.25, "normalize": False, "lambda": 1.3, "int8_mask": True},
    },
    "linear": {"merge_method": "linear"},
    "breadcrumbs": {
        "merge_method": "breadcrumbs",
        "parameters": {"density": 0.6, "gamma": 0.05},
    },
    "breadcrumbs, normalised and rescaled": {
        "merge_method": "breadcrumbs",
        "parameters": {"density": 0.8, "normalize": True, "rescale": True, "lambda": 0.7},
    },
    "breadcrumbs ties": {
        "merge_method": "breadcrumbs_ties",
        "parameters": {"density": 0.5, "gamma": 0.1},
    },
    "sce": {"merge_method": "sce"},
    "sce, a part": {"merge_method": "sce", "parameters": {"select_topk": 0.3, "int8_mask": True}},
    "model stock": {"merge_method": "model_stock"},
    "model stock by rows": {"merge_method": "model_stock", "parameters": {"filter_wise": True}},
    "slerp": {"merge_method": "slerp", "parameters": {"t": 0.3}},
    "nuslerp": {"merge_method": "nuslerp"},
    "nuslerp by rows": {
        "merge_method": "nuslerp",
        "parameters": {"nuslerp_flatten": False, "nuslerp_row_wise": False},
    },
    "nuslerp by columns": {
        "merge_method": "nuslerp",
        "parameters": {"nuslerp_flatten": False, "nuslerp_row_wise": True},
    },
}
WEIGHTS = (0.8, -0.3, 0.55)
CASES = [
    (what, count)
    for what, recipe in RECIPES.items()
    for count in (2, 3)
    if count <= (SPECS[str(recipe["merge_method"])].most or count)
]


def sources(method: str, base: Path, adapters: list[Path]) -> list[dict[str, object]]:
    """Return the models of a recipe, with a weight each where the method has weights."""
    parameter = SPECS[method].parameter("weight")
    models: list[dict[str, object]] = []
    for adapter, weight in zip(adapters, WEIGHTS, strict=False):
        model: dict[str, object] = {"model": f"{base}+{adapter}"}
        if parameter is not None:
            allowed = weight if parameter.low < 0 else abs(weight)
            model["parameters"] = {"weight": allowed}
        models.append(model)
    return models


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("out_dtype", ["bfloat16", "float32"])
@pytest.mark.parametrize(("what", "count"), CASES)
def test_mergekit_and_we_are_within_one_rounding_step_on_the_same_recipe(
    zoo: Zoo, workspace: Workspace, tmp_path: Path, what: str, count: int, out_dtype: str
) -> None:
    base = zoo.base("llama")
    adapters = [
        zoo.adapter(base, seed=11),
        zoo.adapter(base, seed=12, r=6, targets=["q_proj", "v_proj", "up_proj"]),
        zoo.adapter(base, seed=13, r=3, use_rslora=True),
    ][:count]
    method = str(RECIPES[what]["merge_method"])
    recipe = {
        **RECIPES[what],
        "base_model": str(base),
        "dtype": "float32",
        "out_dtype": out_dtype,
        "models": sources(method, base, adapters),
    }
    if method == "linear":
        recipe["models"].append({"model": str(base), "parameters": {"weight": 0.4}})
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(recipe))
    theirs_path = tmp_path / "theirs.yaml"
    # the first of the two models is what mergekit's slerp calls its base
    first = {"base_model": f"{base}+{adapters[0]}"} if method == "slerp" else {}
    theirs_path.write_text(yaml.safe_dump({**recipe, **first}))

    # computing in fp32, mergekit rounds three times before it writes fp32; a wider dtype shows its definition
    working = "float64" if out_dtype == "float32" else "float32"

    theirs = run_mergekit(theirs_path, tmp_path / "mergekit", dtype=working)
    ours_path = merge(read_recipe(path), workspace=workspace).path

    ours = load_file(ours_path / "model.safetensors")
    plain = load_file(base / "model.safetensors")
    assert ours.keys() == theirs.keys()
    for name, tensor in theirs.items():
        assert ours[name].dtype == tensor.dtype
        # mergekit adds ΔW to W and takes W away again, so its own step is that of W, not of a small sum
        size = plain[name].double().abs().maximum(tensor.double().abs())
        assert steps_apart(ours[name], tensor, size=size) <= 1, name
