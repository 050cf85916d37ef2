"""Which recipes are ours and which are mergekit's, and the forms in which models may be named."""

from pathlib import Path

import pytest
import yaml

from adapt.errors import RecipeError
from adapt.workspace.folder import Workspace
from merge.check.resolve import check
from merge.recipes.model_names import is_for_mergekit
from merge.recipes.recipe import Recipe, parse_recipe, read_recipe
from tests.merge.conftest import Zoo

PAIR = "models: [{model: b+x}, {model: b+y}]\n"


@pytest.mark.parametrize(
    "text",
    [
        "merge_method: slerp\nbase_model: a\nmodels: [{model: a}, {model: b}]",
        "merge_method: ties\nbase_model: a\nmodels: [{model: b}, {model: a+x}]",
        "merge_method: ties\nbase_model: a\nmodels: [{model: b}, {adapter: x}]",
        "merge_method: ties\nmodels: [{model: b}, {adapter: x}]",
        "merge_method: ties\nmodels: [{model: a}, {model: b}]",
        "merge_method: ties\nbase_model: a\nmodels: [{model: {model: {path: b}}}]",
        "merge_method: passthrough\nmodels: [{model: a}]",
        "merge_method: karcher\n" + PAIR,
        "merge_method: ties\nbase_model: b\ntokenizer_source: union\n" + PAIR,
        "merge_method: ties\nbase_model: b\nchat_template: auto\n" + PAIR,
        "merge_method: passthrough\nslices: []",
        "merge_method: slerp\nmodules: {}",
        "base_model: b\nexperts: []",
        "extract_lora: {}",
        # what mergekit takes whole weights for
        "merge_method: linear\nparameters: {normalize: false}\n" + PAIR,
        "merge_method: slerp\nbase_model: b\nmodels: [{model: b}, {model: b+x}]",
        "merge_method: slerp\nbase_model: b+z\n" + PAIR,
        "merge_method: ties\nbase_model: b+x\n" + PAIR,
        "merge_method: nuslerp\n" + PAIR,
    ],
)
def test_what_is_more_than_adapters_of_one_base_goes_to_mergekit(text: str) -> None:
    assert is_for_mergekit(yaml.safe_load(text))


@pytest.mark.parametrize(
    "text",
    [
        "merge_method: ties\nbase_model: b\n" + PAIR,
        "merge_method: ties\n" + PAIR,
        "merge_method: ties\nmodels: [{adapter: x}, {adapter: y}]",
        "merge_method: slerp\nbase_model: b+x\n" + PAIR,
        "merge_method: slerp\nmodels: [{adapter: x}, {adapter: y}]",
        "merge_method: nuslerp\nbase_model: b\n" + PAIR,
        "merge_method: nuslerp\nmodels: [{adapter: x}, {adapter: y}]",
        "merge_method: linear\nmodels: [{model: b}, {model: b+x}]",
        "merge_method: linear\nbase_model: b\nmodels: [{model: b}, {adapter: x}]",
        "merge_method: linear\nparameters: {normalize: true}\n" + PAIR,
        # what is wrong is told by us
        "merge_method: tise\nbase_model: a\nmodels: [{model: a}, {model: b}]",
        "merge_method: ties\nmodels: [{model: a}]",
        "merge_method: ties\nmodels: 5",
        "models: []",
    ],
)
def test_adapters_of_one_base_are_ours(text: str) -> None:
    assert not is_for_mergekit(yaml.safe_load(text))


def test_the_base_may_be_named_by_its_folder_in_two_ways(tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    (tmp_path / "other").symlink_to(tmp_path / "base")
    models = [{"model": str(tmp_path / "other")}, {"adapter": "x"}]

    same = {"merge_method": "linear", "base_model": str(tmp_path / "base"), "models": models}

    assert not is_for_mergekit(same)


def test_models_may_be_written_as_mergekits_mappings() -> None:
    recipe = parse_recipe(
        {
            "merge_method": "ties",
            "base_model": {"model": {"path": "starter"}},
            "models": [
                {"model": {"model": "starter", "lora": {"path": "./x"}}, "parameters": None},
                {"model": {"model": {"path": "starter", "revision": None}, "lora": "./y"}},
            ],
            "parameters": None,
        },
        where="it",
    )

    assert recipe.base_name == "starter"
    assert [source.model for source in recipe.models] == ["starter+./x", "starter+./y"]
    assert [source.adapter_part for source in recipe.adapters] == ["./x", "./y"]


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (
            {"model": {"path": "a", "revision": "main"}, "lora": "x"},
            "model.revision: a revision is",
        ),
        ({"lora": "x"}, "models[0].model: has no 'model'"),
        (
            {"model": "a", "lora": "x", "override_architecture": "B"},
            "override_architecture: is not",
        ),
        ({"model": "a", "lora": {"folder": "x"}}, "lora.folder: unknown key, known keys: path"),
        ({"model": "a", "lora": 3}, "models[0].model.lora: should be a name or {path: …} (got 3)"),
        ({"model": "a", "lora": {"path": ""}}, "models[0].model.lora: has no 'path'"),
    ],
)
def test_a_mapping_that_we_cannot_follow_is_refused(
    model: dict[str, object], sentence: str
) -> None:
    with pytest.raises(RecipeError) as caught:
        parse_recipe({"merge_method": "ties", "models": [{"model": model}]}, where="it")

    assert sentence in str(caught.value)


def test_slerp_goes_from_the_model_that_is_named_as_the_base() -> None:
    models = [{"model": "b+x"}, {"model": "b+y"}]

    recipe = parse_recipe(
        {"merge_method": "slerp", "base_model": "b+y", "models": models}, where="it"
    )

    assert [source.adapter_part for source in recipe.adapters] == ["y", "x"]
    assert recipe.base_name == "b"
    assert [recipe.place(source) for source in recipe.adapters] == [
        ("models", 1, "model"),
        ("models", 0, "model"),
    ]


def test_held_out_files_are_found_beside_the_recipe_and_belong_to_adapters(tmp_path: Path) -> None:
    for name in ("billing.jsonl", "trips.jsonl", "seen.jsonl"):
        (tmp_path / name).write_text(name)
    path = tmp_path / "recipe.yaml"
    path.write_text(
        "merge_method: ties\nmodels: [{adapter: billing@3}, {adapter: ./lora/travel}]\n"
        "evaluate:\n  billing: billing.jsonl\n  trips: {file: trips.jsonl, adapter: ./lora/travel}\n"
        "search: {minutes: 2, trials: 8, seed: 3, methods: [ties], validation: {travel: seen.jsonl}}\n"
    )

    recipe = read_recipe(path)

    assert isinstance(recipe, Recipe)
    assert recipe.evaluate["billing"].file == str(tmp_path / "billing.jsonl")
    trips = recipe.evaluate["trips"]
    assert recipe.adapter_of("trips", trips.adapter) is recipe.models[1]
    assert recipe.adapter_of("billing") is recipe.models[0]
    assert recipe.adapter_of("travel") is recipe.models[1]
    with pytest.raises(ValueError, match="no adapter for the domain 'weather'"):
        recipe.adapter_of("weather")
    assert recipe.search is not None
    assert (recipe.search.minutes, recipe.search.trials, recipe.search.methods) == (2, 8, ("ties",))
    assert recipe.search.validation["travel"].file == str(tmp_path / "seen.jsonl")


def test_what_works_and_may_not_be_meant_is_noted(
    zoo: Zoo, workspace: Workspace, tmp_path: Path
) -> None:
    base, adapter, other = zoo.base(), zoo.adapter(zoo.base(), seed=1), zoo.base(seed=5)
    path = tmp_path / "recipe.yaml"
    path.write_text(f"""\
merge_method: ties
base_model: {base}
models:
  - adapter: {adapter}
    parameters: {{density: [0.5, 0.4, 0.3]}}
  - adapter: {adapter}
    parameters: {{density: [{{filter: self_attnn, value: 0.2}}, {{value: 0.5}}]}}
  - adapter: {zoo.adapter(other, seed=4)}
    parameters: {{weight: 0}}
parameters: {{lambda: 0}}
""")

    recipe = read_recipe(path)
    assert isinstance(recipe, Recipe)
    notes = check(recipe, workspace=workspace).notes

    for text in (
        "has 3 values for 2 layers",
        "the filter 'self_attnn' matches no tensor that is merged",
        "hold the same weights, which then count twice",
        "has weight 0 on all of its tensors",
        "lambda is 0",
        "says that it was trained on",
        "the base has no tokenizer",
    ):
        assert any(text in note for note in notes), text
