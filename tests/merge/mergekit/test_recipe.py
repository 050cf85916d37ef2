import shutil
import subprocess
import sys
import time
from pathlib import Path
from string import Template

import pytest

from adapt.errors import AdaptError, RecipeError
from adapt.registry.registry import Registry
from adapt.workspace.folder import Workspace
from merge.mergekit.check import check
from merge.recipes.mergekit.catalogue import METHODS
from merge.recipes.mergekit.recipe import (
    LoraExtraction,
    MergekitRecipe,
    MixtureOfExperts,
    ModelMerge,
    parse,
)
from merge.recipes.recipe import read_recipe
from merge.recipes.yaml_lines import read_yaml
from tests import tiny
from tests.merge.conftest import Zoo, make_adapter
from tests.merge.recipes.wrong_mergekit_recipes import WRONG, Wrong


def read(path: Path, text: str) -> MergekitRecipe:
    path.write_text(text)
    values, lines, faults = read_yaml(path)
    return parse(values, where=path.name, lines=lines, faults=faults)


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory, zoo: Zoo) -> dict[str, Path]:
    """Return the models of `wrong_mergekit_recipes`."""
    root = tmp_path_factory.mktemp("models")
    models = {
        "base": tiny.make_base(root / "base"),
        "other": tiny.make_base(root / "other", seed=3),
        "third": tiny.make_base(root / "third", seed=4),
        "deep": tiny.make_base(root / "deep", layers=3),
        "qwen": tiny.make_base(root / "qwen", "qwen3"),
        "wide": zoo.base("llama"),
        "copy": Path(shutil.copytree(root / "other", root / "copy")),
        "words": Path(shutil.copytree(root / "other", root / "words")),
    }
    tokenizer = models["words"] / "tokenizer.json"
    tokenizer.write_text(tokenizer.read_text().replace('"office"', '"bureau"'))
    tokenizer.write_text(tokenizer.read_text().replace('"Ġre"', '"Ġno"'))
    models["adapter"] = root / "adapter"
    tiny.make_adapter(models["adapter"], models["base"])
    models["attention"] = make_adapter(
        models["base"], root / "attention", targets=["q_proj", "v_proj"]
    )
    return models


@pytest.mark.parametrize("wrong", WRONG, ids=[wrong.what for wrong in WRONG])
def test_a_wrong_recipe_is_refused_in_time_with_its_field_and_line(
    folders: dict[str, Path], workspace: Workspace, tmp_path: Path, wrong: Wrong
) -> None:
    written = Template(wrong.text).substitute(folders)
    began = time.process_time()

    with pytest.raises(RecipeError) as caught:
        check(read(tmp_path / "recipe.yaml", written), workspace=workspace)

    assert time.process_time() - began < 1
    message = str(caught.value)
    line = next(text for text in message.splitlines() if wrong.word in text)
    assert f"{wrong.field}:" in line
    assert "line " in line or wrong.field in ("", "base_model")
    assert message.startswith("recipe.yaml: ")


def test_there_are_many_wrong_recipes_and_all_faults_are_told_at_once(tmp_path: Path) -> None:
    text = "merge_method: tise\nmodels: [{model: a}, {modelx: b}]\ndtype: f16\ntokenizer_source: base\n"

    with pytest.raises(RecipeError) as caught:
        read(tmp_path / "recipe.yaml", text)

    message = str(caught.value)
    for sentence in (
        "line 1: merge_method: mergekit has no method named 'tise'; did you mean ties?",
        "line 2: models[1].modelx: unknown key, did you mean model?",
        "line 2: models[1]: needs either 'model' or 'adapter'",
        "line 3: dtype:",
        "line 4: tokenizer_source: is 'base', and there is no base_model",
    ):
        assert sentence in message
    assert len(WRONG) >= 40


def test_a_recipe_is_known_by_its_keys(tmp_path: Path) -> None:
    merge = read(
        tmp_path / "a.yaml",
        "merge_method: nearswap\nbase_model: a\nmodels: [{model: b}]\nparameters: {t: 1e-4}\nname: near\nseed: 7\n",
    )
    mixture = read(
        tmp_path / "b.yaml",
        "base_model: a\nexperts: [{source_model: b}, {adapter: c@2}]\ngate_mode: random\n",
    )
    extraction = read(tmp_path / "c.yaml", "extract_lora: {model: b, base_model: a}\n")

    assert isinstance(merge, ModelMerge)
    assert (merge.name, merge.seed, merge.parameters) == ("near", 7, {"t": "1e-4"})
    assert isinstance(mixture, MixtureOfExperts)
    assert (mixture.experts[1].adapter, mixture.experts_per_token) == ("c@2", 2)
    assert isinstance(extraction, LoraExtraction)
    assert extraction.extract_lora.rank == 32


def test_long_forms_and_held_out_files_are_read_and_their_faults_told(tmp_path: Path) -> None:
    held_out = tmp_path / "rows.jsonl"
    held_out.write_text("")
    text = f"""\
merge_method: linear
parameters: {{weight: 1}}
evaluate: {{billing: {held_out}}}
slices:
- sources:
  - model: {{model: {{path: a}}, lora: b}}
    layer_range: [0, 1]
"""

    recipe = read(tmp_path / "a.yaml", text)

    assert isinstance(recipe, ModelMerge)
    assert recipe.slices[0].sources[0].model == "a+b"
    assert recipe.evaluate["billing"].file == str(held_out)
    wrong = text.replace("path: a", "path: a, revision: main").replace("rows", "none")
    with pytest.raises(RecipeError) as caught:
        read(tmp_path / "b.yaml", wrong + "search: {minutes: 3}\n")
    for sentence in (
        "line 3: evaluate.billing:",
        "line 6: slices[0].sources[0].model.model.revision: a revision is not fetched",
        "line 8: search: chooses among our own methods",
    ):
        assert sentence in str(caught.value)


def test_a_recipe_that_asks_for_mergekit_is_read_as_such(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text("merge_method: karcher\nmodels: [{model: a}, {model: b}]\n")

    assert isinstance(read_recipe(path), ModelMerge)


def test_our_table_of_methods_is_that_of_mergekit() -> None:
    from mergekit.merge_methods import registered_methods

    theirs = {method.spec.name: method.spec for method in registered_methods()}
    types = {float: float, int: int, bool: bool}

    assert METHODS.keys() == theirs.keys()
    for name, spec in theirs.items():
        ours = METHODS[name]
        contract = spec.contract
        assert ours.base == contract.base.value, name
        assert (ours.fewest, ours.most) == (contract.min_inputs, contract.max_inputs), name
        others = (contract.min_non_base, contract.max_non_base)
        assert (ours.fewest_others, ours.most_others) == others, name
        assert {p.name for p in ours.parameters} == {p.name for p in spec.parameters}, name
        for parameter in spec.parameters:
            known = ours.parameter(parameter.name)
            assert known is not None
            assert known.scope == parameter.scope.value, (name, parameter.name)
            assert known.required == parameter.required, (name, parameter.name)
            if not parameter.required and parameter.default is not None:
                assert known.value.default == parameter.default, (name, parameter.name)
                assert type(known.value.default) is types[parameter.value_type]


def test_checking_loads_neither_torch_nor_mergekit() -> None:
    code = "import sys, merge.mergekit.check; print(*{'torch', 'mergekit', 'transformers'} & set(sys.modules))"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.split() == []


def test_a_check_tells_what_will_be_written(
    folders: dict[str, Path], workspace: Workspace, tmp_path: Path
) -> None:
    registry = Registry(workspace)
    with registry.stage("billing") as staging:
        for file in folders["adapter"].iterdir():
            shutil.copy(file, staging.path)
        staging.publish("adapter", licence="MIT")
    text = f"merge_method: linear\nbase_model: {folders['base']}\ndtype: float32\nout_dtype: bfloat16\nmodels:\n"
    text += f"- model: {folders['base']}\n- adapter: billing@1\n- model: {folders['other']}\nparameters: {{weight: 1}}\n"

    report = check(read(tmp_path / "recipe.yaml", text), workspace=workspace)

    size = (folders["base"] / "model.safetensors").stat().st_size
    assert report.models == (str(folders["base"]), "billing@1", str(folders["other"]))
    assert report.output == "a full model"
    assert report.bytes_to_prepare == pytest.approx(size, rel=0.1)
    assert report.bytes_to_write == pytest.approx(size / 2, rel=0.1)


def test_pickled_weights_and_a_missing_mergekit_are_refused(
    folders: dict[str, Path], workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pickled = tmp_path / "pickled"
    shutil.copytree(folders["other"], pickled)
    (pickled / "model.safetensors").rename(pickled / "odd.safetensors")
    (pickled / "pytorch_model.bin").write_bytes(b"")
    text = f"merge_method: linear\nmodels: [{{model: {folders['base']}}}, {{model: {pickled}}}]\nparameters: {{weight: 1}}"
    monkeypatch.setitem(sys.modules, "mergekit", None)  # what importlib takes for "there is none"

    with pytest.raises(AdaptError) as caught:
        check(read(tmp_path / "recipe.yaml", text), workspace=workspace)

    assert "mergekit is not installed; pip install" in str(caught.value)
    assert "has neither model.safetensors nor" in str(caught.value)
