"""Gradients over layers and filters by name come to the values that mergekit's own planner gives every tensor."""

from pathlib import Path

import pytest
import yaml
from mergekit.architecture import get_architecture_info
from mergekit.common import ModelReference
from mergekit.config import MergeConfiguration
from mergekit.io.tasks import LoaderCache
from mergekit.options import MergeOptions
from mergekit.plan import MergePlanner
from transformers import (
    AutoConfig,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
)

from merge.recipes.parameters import depth, layer_counts
from merge.recipes.recipe import Recipe, read_recipe
from merge.weights.checkpoint import open_checkpoint

SIZE = {"vocab_size": 32, "hidden_size": 16, "intermediate_size": 16, "num_attention_heads": 2}
MODELS = {
    "llama of five layers": lambda: LlamaForCausalLM(LlamaConfig(**SIZE, num_hidden_layers=5)),
    "llama of one layer": lambda: LlamaForCausalLM(LlamaConfig(**SIZE, num_hidden_layers=1)),
    "tied qwen2": lambda: Qwen2ForCausalLM(
        Qwen2Config(**SIZE, num_hidden_layers=4, num_key_value_heads=2, tie_word_embeddings=True)
    ),
    "gpt2": lambda: GPT2LMHeadModel(
        GPT2Config(vocab_size=32, n_embd=16, n_layer=3, n_head=2, bos_token_id=0, eos_token_id=1)
    ),
}
# the forms of mergekit's examples and of its manual; {a} and {b} are full models there and adapters here
RECIPES = {
    "gradients at each model": """
merge_method: ties
base_model: "{base}"
models:
  - model: "{a}"
    parameters: {{density: [1, 0.7, 0.1], weight: 1.0}}
  - model: "{b}"
    parameters:
      density: 0.33
      weight:
        - filter: mlp
          value: 0.5
        - value: 0
parameters: {{normalize: true, int8_mask: true}}
dtype: float16
""",
    "slerp from one model to the other": """
merge_method: slerp
base_model: "{a}"
models:
  - model: "{a}"
  - model: "{b}"
parameters:
  t:
    - filter: self_attn
      value: [0, 0.5, 0.3, 0.7, 1]
    - filter: mlp
      value: [1, 0.5, 0.7, 0.3, 0]
    - value: 0.5
dtype: bfloat16
""",
    "filters that fall back on the recipe's own": """
merge_method: breadcrumbs_ties
base_model: "{base}"
models:
  - model: "{a}"
    parameters:
      weight: {{filter: attn, value: [0.2, 0.9]}}
      gamma: [{{filter: lm_head, value: 0.2}}, {{filter: layers.1, value: [0, 0.1]}}, {{filter: "*", value: 0.05}}]
  - model: "{b}"
parameters:
  weight: [{{filter: mlp, value: [1.5, -1, 0.25]}}, {{value: 0.75}}]
  density: [0.3, 0.6]
  lambda: [1, 0.5, 1]
""",
    "flags over the layers": """
merge_method: della
base_model: "{base}"
models:
  - model: "{a}"
    parameters: {{weight: [0.1, 0.3], density: 0.5, epsilon: [0.1, 0.2]}}
  - model: "{b}"
    parameters: {{weight: 1, density: [0.4, 0.45, 0.5]}}
parameters:
  normalize: [true, false, true]
  rescale: [{{filter: mlp, value: [false, true]}}, {{value: true}}]
""",
    "a mean with the base": """
merge_method: linear
models:
  - model: "{base}"
    parameters: {{weight: [0.5, 0.1]}}
  - model: "{a}"
    parameters: {{weight: {{value: [0, 0.25, 1]}}}}
  - model: "{b}"
    parameters: {{weight: 0.3}}
""",
    "one value for all": """
merge_method: dare_linear
base_model: "{base}"
models: [{{model: "{a}"}}, {{model: "{b}"}}, {{model: "{base}"}}]
parameters: {{weight: 0.4, density: 0.6, lambda: 1.2}}
""",
    "flags of nuslerp": """
merge_method: nuslerp
base_model: "{base}"
models:
  - model: "{a}"
    parameters: {{weight: [0.2, 0.8]}}
  - model: "{b}"
    parameters: {{weight: [{{filter: norm, value: 0}}, {{value: 0.6}}]}}
parameters: {{nuslerp_row_wise: true, nuslerp_flatten: [true, false]}}
""",
    "no parameters": """
merge_method: task_arithmetic
base_model: {{model: {{path: "{base}"}}}}
models:
  - model: "{a}"
    parameters: {{weight: 1}}
  - model: "{b}"
    parameters: {{weight: -0.5}}
parameters:
""",
    "sce": """
merge_method: sce
base_model: "{base}"
models: [{{model: "{a}"}}, {{model: "{b}"}}]
parameters: {{select_topk: [0.1, 0.9]}}
""",
}
Values = dict[str, tuple[dict[str, object], list[dict[str, object]]]]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One folder for each model, with two more names for it: mergekit wants different models."""
    found = {}
    for name, make in MODELS.items():
        root = tmp_path_factory.mktemp("model")
        make().save_pretrained(root / "base")
        for other in "ab":
            (root / other).symlink_to(root / "base")
        found[name] = root
    return found


def planned(text: str, root: Path) -> Values:
    """Return what mergekit gives each tensor: shared values, and those of a and b."""
    configuration = MergeConfiguration.model_validate(
        yaml.safe_load(text.format(base=root / "base", a=root / "a", b=root / "b"))
    )
    LoaderCache().loaders.clear()
    LoaderCache().setup(MergeOptions())
    config = AutoConfig.from_pretrained(root / "base")
    architecture = get_architecture_info(configuration, MergeOptions())
    planner = MergePlanner(configuration, architecture, MergeOptions(), config)
    planner._plan()
    references = [ModelReference.model_validate(str(root / name)) for name in "ab"]
    return {
        weight.name: (
            dict(task.parameters),
            [dict(task.input_parameters.get(reference) or {}) for reference in references],
        )
        for weight, task in planner._tensors
    }


@pytest.mark.parametrize("what", RECIPES)
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.filterwarnings("ignore")
def test_every_tensor_gets_the_values_that_mergekit_gives_it(
    models: dict[str, Path], tmp_path: Path, model: str, what: str
) -> None:
    root = models[model]
    path = tmp_path / "recipe.yaml"
    base = root / "base"
    path.write_text(RECIPES[what].format(base=base, a=f"{base}+./a", b=f"{base}+./b"))
    theirs = planned(RECIPES[what], root)

    recipe = read_recipe(path)
    assert isinstance(recipe, Recipe)
    terms_of = recipe.terms_of(layer_counts(open_checkpoint(base).home))

    assert len(theirs) > 10
    for name, (shared, sources) in theirs.items():
        terms = terms_of(name)
        for key, value in shared.items():
            assert terms.shared.get(key, value) == value, (name, key)
        for place, values in enumerate(sources):
            for key, value in values.items():
                if recipe.spec.parameter(key):  # mergekit takes some that its method then ignores
                    mine = terms.weights if key == "weight" else terms.sources[key]
                    assert mine[place] == value, (name, key)
    told = {p.name for p in recipe.spec.parameters} - {"seed", "weight", "int8_mask"}
    shared, sources = next(iter(theirs.values()))
    assert told <= shared.keys() | sources[0].keys()


def test_the_base_among_the_models_counts_in_a_mean_by_its_own_gradient(
    models: dict[str, Path], tmp_path: Path
) -> None:
    base = models["llama of five layers"] / "base"
    path = tmp_path / "recipe.yaml"
    path.write_text(
        RECIPES["a mean with the base"].format(base=base, a=f"{base}+./a", b=f"{base}+./b")
    )

    recipe = read_recipe(path)
    assert isinstance(recipe, Recipe)
    terms_of = recipe.terms_of({"model.layers": 5})

    found = [terms_of(f"model.layers.{i}.mlp.up_proj.weight").base_weight for i in range(5)]
    assert found == pytest.approx([0.5, 0.4, 0.3, 0.2, 0.1])


def test_layers_are_counted_in_each_stack() -> None:
    names = [
        "model.layers.0.a",
        "model.layers.11.b.weight",
        "visual.blocks.3.c.weight",
        "h.2.w",
        "lm_head.weight",
    ]

    counts = layer_counts(names)

    assert counts == {"model.layers": 12, "visual.blocks": 4, "h": 3}
    assert depth("model.layers.11.b.weight", counts) == 1.0
    assert depth("visual.blocks.1.c.weight", counts) == pytest.approx(1 / 3)
    assert depth("lm_head.weight", counts) == 0.0
