"""A merged model and a merged adapter of the same recipe are the same model, by every method that gives both."""

from pathlib import Path

import pytest
import torch
from peft import PeftModel

from adapt.errors import ModelError
from adapt.workspace.folder import Workspace
from merge.build import merge
from merge.recipes.recipe import Recipe
from tests.merge.conftest import Zoo, load, make_adapter
from tests.merge.methods.test_factored import VARIANTS
from tests.merge.weights.test_transposed import make_gpt2

TOKENS = torch.arange(3, 19).reshape(1, -1)


def recipe_of(base: Path, adapters: list[Path], method: str, inner: str) -> Recipe:
    models = [
        {"adapter": str(adapter), "parameters": {"weight": weight}}
        for adapter, weight in zip(adapters, (0.8, -0.3, 0.55), strict=False)
    ]
    parameters = {"inner": inner} if method in ("knots", "core_space") else {}
    return Recipe.model_validate(
        {
            "merge_method": method,
            "base_model": str(base),
            "models": models,
            "parameters": parameters,
            "dtype": "float32",
        }
    )


def assert_model_and_adapter_agree(base: Path, recipe: Recipe, workspace: Workspace) -> None:
    model = merge(recipe, workspace=workspace)
    adapter = merge(recipe, workspace=workspace, output="adapter")

    with torch.no_grad():
        ours = load(model.path)(TOKENS).logits
        theirs = PeftModel.from_pretrained(load(base), adapter.path)(TOKENS).logits
        plain = load(base)(TOKENS).logits
    assert torch.allclose(ours, theirs, atol=1e-4)
    assert not torch.allclose(ours, plain, atol=1e-2)


@pytest.mark.parametrize(("method", "inner"), VARIANTS)
def test_a_model_and_an_adapter_of_one_recipe_are_the_same(
    zoo: Zoo, workspace: Workspace, method: str, inner: str
) -> None:
    base = zoo.base("llama")
    adapters = [
        zoo.adapter(base, seed=11),
        zoo.adapter(base, seed=12, r=6, targets=["q_proj", "v_proj", "up_proj"]),
        zoo.adapter(base, seed=13, r=3, use_rslora=True),
    ]

    assert_model_and_adapter_agree(base, recipe_of(base, adapters, method, inner), workspace)


@pytest.mark.filterwarnings("ignore:fan_in_fan_out is set to", "ignore:.*loss_type")
@pytest.mark.parametrize(("method", "inner"), VARIANTS)
def test_they_are_the_same_where_the_base_keeps_its_weights_transposed(
    workspace: Workspace, tmp_path: Path, method: str, inner: str
) -> None:
    base = make_gpt2(tmp_path / "gpt2", short_names=False)
    adapters = [
        make_adapter(
            base,
            tmp_path / str(seed),
            seed=seed,
            targets=["c_attn", "c_proj"],
            fan_in_fan_out=True,
        )
        for seed in (1, 2)
    ]

    assert_model_and_adapter_agree(base, recipe_of(base, adapters, method, inner), workspace)


def test_dora_cannot_be_merged_on_factors(zoo: Zoo, workspace: Workspace) -> None:
    base = zoo.base("llama")
    dora = zoo.adapter(base, seed=5, use_dora=True)

    with pytest.raises(ModelError, match="more than B·A"):
        merge(recipe_of(base, [dora], "tsv", ""), workspace=workspace)
