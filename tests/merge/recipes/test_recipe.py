import time
from pathlib import Path

import pytest

from adapt.errors import DataError, RecipeError
from merge.recipes.from_flags import recipe_from_flags
from merge.recipes.recipe import Recipe, read_recipe

GOOD = """\
merge_method: ties
base_model: starter
name: support
models:
  - adapter: billing@3
    parameters: {weight: 0.5, density: 0.4}
  - model: starter+./travel
    parameters: {weight: -1}
parameters:
  normalize: false
  lambda: 0.8
  density: 0.7
dtype: float32
out_dtype: bfloat16
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    return path


def test_a_recipe_is_read_with_its_own_values_before_the_shared_ones(tmp_path: Path) -> None:
    recipe = read_recipe(write(tmp_path, GOOD))

    assert isinstance(recipe, Recipe)
    first, second = recipe.models
    assert (first.adapter_part, first.base_part) == ("billing@3", None)
    assert (second.adapter_part, second.base_part) == ("./travel", "starter")
    terms = recipe.terms_of({})("lm_head.weight")
    assert terms.weights == (0.5, -1.0)
    assert terms.sources["density"] == (0.4, 0.7)
    assert (terms.flag("normalize"), terms.number("lambda")) == (False, 0.8)
    assert recipe.output_dtype == "bfloat16"


@pytest.mark.parametrize(("method", "normalize"), [("task_arithmetic", False), ("ties", True)])
def test_defaults_are_those_of_mergekit(method: str, normalize: bool) -> None:
    recipe = recipe_from_flags(["a", "b"], method=method)
    other = recipe_from_flags(["a", "b"], method=method, normalize=not normalize)

    terms = recipe.terms_of({})("lm_head.weight")
    assert terms.shared["normalize"] is normalize
    assert other.terms_of({})("lm_head.weight").shared["normalize"] is not normalize
    assert terms.weights == (1.0, 1.0)
    assert terms.sources.get("density", (1.0, 1.0)) == (1.0, 1.0)
    assert terms.number("lambda") == 1.0
    assert recipe.output_dtype is None


def test_all_faults_are_told_at_once_each_with_field_and_line(tmp_path: Path) -> None:
    text = """\
merge_method: tise
base_modl: starter
models:
  - adapter: billing
    parameters:
      weight: .nan
      density: 1.5
  - adapter: travel
    model: starter+./travel
  - parameters: {weights: 1}
parameters:
  normalize: 'true'
  lambda: .inf
dtype: float8
"""
    with pytest.raises(RecipeError) as caught:
        read_recipe(write(tmp_path, text))

    told = str(caught.value)
    for sentence in (
        "line 1: merge_method: no method named 'tise'; did you mean ties?",
        "line 2: base_modl: unknown key, did you mean base_model?",
        "line 6: models[0].parameters.weight:",
        "line 7: models[0].parameters.density:",
        "line 8: models[1]: needs either 'adapter' or 'model: base+adapter'",
        "line 10: models[2].parameters.weights: unknown key, did you mean weight?",
        "line 10: models[2]: needs either",
        "line 12: parameters.normalize: should be true or false (got 'true')",
        "line 13: parameters.lambda:",
        "line 14: dtype:",
    ):
        assert sentence in told
    assert "recipe.yaml: 10 faults" in told


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("parameters: {density: 0}", "line 5: parameters.density: should be in (0, 1] (got 0)"),
        ("parameters: {weight: true}", "line 5: parameters.weight: should be a number"),
        ("parameters: {lambda: []}", "line 5: parameters.lambda: is an empty list"),
        (
            "parameters: {weight: '0.5'}",
            "line 5: parameters.weight: should be a number, not text; write 0.5 without quotes",
        ),
        ("parameters: 5", "line 5: parameters: should be a mapping of 'key: value'"),
        ("base_model: ''", "line 5: base_model:"),
        ("base_model: [a]", "line 5: base_model:"),
        ("merge_method: ties", "line 5: merge_method: written twice (also in line 1)"),
        ("slice: []", "line 5: slice: unknown key"),
    ],
)
def test_one_fault_is_one_sentence_with_its_line(tmp_path: Path, line: str, sentence: str) -> None:
    text = f"merge_method: ties\nmodels:\n  - adapter: a\n  - adapter: b\n{line}\n"

    with pytest.raises(RecipeError) as caught:
        read_recipe(write(tmp_path, text))

    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        (
            "merge_method: task_arithmetic\nparameters: {density: 0.5}",
            "task_arithmetic does not use it",
        ),
        ("merge_method: slerp\nparameters: {weight: 1.0}", "slerp does not use it"),
        ("merge_method: linear\nparameters: {lambda: 2.0}", "linear does not use it"),
        ("merge_method: linear\nparameters: {weight: 0}", "the weights sum to 0"),
    ],
)
def test_a_parameter_that_a_method_would_ignore_is_refused(
    tmp_path: Path, parameters: str, sentence: str
) -> None:
    with pytest.raises(RecipeError, match=sentence):
        read_recipe(write(tmp_path, f"models:\n  - adapter: a\n{parameters}\n"))


@pytest.mark.parametrize(
    ("models", "sentence"),
    [
        ("[]", "models: names no adapter"),
        ("[{model: starter}]", "models: names no adapter"),
        ("[{model: a+b+c}]", "has more than one '[+]'"),
        ("5", "models: should be a list"),
        ("[billing]", r"models\[0\]: should be a mapping"),
    ],
)
def test_models_without_an_adapter_are_refused(tmp_path: Path, models: str, sentence: str) -> None:
    with pytest.raises(RecipeError, match=sentence):
        read_recipe(write(tmp_path, f"merge_method: ties\nmodels: {models}\n"))


def test_missing_fields_are_named(tmp_path: Path) -> None:
    with pytest.raises(RecipeError) as caught:
        read_recipe(write(tmp_path, "base_model: starter\n"))

    assert "merge_method: is missing" in str(caught.value)
    assert "models: is missing" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is empty"),
        ("# only a comment\n", "is empty"),
        ("- a\n- b\n", "line 1: a recipe is a mapping"),
        ("just text", "line 1: a recipe is a mapping"),
        ("merge_method: ties\nmodels: [a\n", "line 3: not valid YAML"),
        ("merge_method: !!python/object/apply:os.system ['true']\n", "line 1: not valid YAML"),
        ("1: a\n", "line 1: a recipe is a mapping"),
        ("? [a, b]\n: c\n", "not valid YAML"),
    ],
)
def test_a_file_that_is_no_recipe_is_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        read_recipe(write(tmp_path, text))


def test_missing_folder_binary_and_huge_files_are_one_sentence(tmp_path: Path) -> None:
    binary, huge = tmp_path / "binary.yaml", tmp_path / "huge.yaml"
    binary.write_bytes(b"\xff\xfe\x00")
    huge.write_bytes(b"a" * 1_000_001)

    for path, sentence in (
        (tmp_path / "none.yaml", "no such file"),
        (tmp_path, "is a folder"),
        (binary, "not UTF-8"),
        (huge, "larger than 1 MB"),
    ):
        with pytest.raises(DataError, match=sentence):
            read_recipe(path)


@pytest.mark.parametrize(
    "use",
    [
        "",
        "parameters: {density: *a29}",
        "parameters: {density: [{filter: *a29, value: *a29}, *a29]}",
        "parameters: {density: {value: *a29}}",
        "parameters: *a29",
        "models: [{model: *a29}, {model: {lora: *a29}}, {adapter: b, parameters: {weight: *a29}}]",
        "evaluate: {b: *a29}",
        "search: {methods: *a29, validation: {b: *a29}}",
        "slices: *a29\nmerge_method: *a29",
    ],
)
def test_a_nest_of_aliases_is_refused_at_once(tmp_path: Path, use: str) -> None:
    levels = ["a0: &a0 [x, x]"] + [
        f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 30)
    ]
    known = "merge_method: ties" if "merge_method" not in use else ""
    path = write(tmp_path, "\n".join([*levels, known, use.replace("slices", "slice")]))
    started = time.process_time()

    with pytest.raises(RecipeError, match="unknown key"):
        read_recipe(path)

    assert time.process_time() - started < 1


def test_flags_spread_one_value_over_all_adapters() -> None:
    recipe = recipe_from_flags(
        ["a", "b@2"], method="ties", weights=[0.5, 2], densities=[0.3], base="starter", name="x"
    )

    terms = recipe.terms_of({})("lm_head.weight")
    assert terms.weights == (0.5, 2.0)
    assert terms.sources["density"] == (0.3, 0.3)
    assert [s.adapter for s in recipe.models] == ["a", "b@2"]
    assert (recipe.base_model, recipe.name) == ("starter", "x")


def test_flags_of_another_number_than_the_adapters_are_refused_with_all_else() -> None:
    with pytest.raises(RecipeError) as caught:
        recipe_from_flags(["a", "b", "c"], method="dare", weights=[1, 2])

    assert "--weight: given 2 times for 3 adapters" in str(caught.value)
    assert "no method named 'dare'" in str(caught.value)


def test_no_adapter_at_all_is_refused() -> None:
    with pytest.raises(RecipeError, match="names no adapter"):
        recipe_from_flags([], method="ties")


def test_any_other_parameter_may_be_given_by_name() -> None:
    recipe = recipe_from_flags(
        ["a", "b"], method="breadcrumbs", parameters={"gamma": 0.02, "lambda": 1.5, "rescale": True}
    )

    terms = recipe.terms_of({})("lm_head.weight")
    assert terms.sources["gamma"] == (0.02, 0.02)
    assert (terms.number("lambda"), terms.flag("rescale")) == (1.5, True)


@pytest.mark.parametrize(
    ("method", "parameters", "sentence"),
    [
        ("breadcrumbs", {"gama": 0.1}, "parameters.gama: unknown key, did you mean gamma?"),
        ("breadcrumbs", {"gamma": 2}, "parameters.gamma: should be in [0, 1] (got 2)"),
        ("sce", {"weight": 1}, "parameters.weight: sce does not use it"),
        ("karcher", {}, "merge_method: karcher works on whole models"),
        ("linear", {"normalize": False}, "parameters.normalize: scales the base's own weights too"),
    ],
)
def test_a_parameter_by_name_is_held_against_the_method(
    method: str, parameters: dict[str, float], sentence: str
) -> None:
    with pytest.raises(RecipeError) as caught:
        recipe_from_flags(["a", "b"], method=method, parameters=parameters)

    assert sentence in str(caught.value)


def test_the_line_of_a_field_is_kept_for_later_faults(tmp_path: Path) -> None:
    recipe = read_recipe(write(tmp_path, GOOD))

    assert isinstance(recipe, Recipe)
    assert recipe.lines[recipe.place(recipe.models[1])] == 7
    assert recipe_from_flags(["a"], method="ties").lines == {}
