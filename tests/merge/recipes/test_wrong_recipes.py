"""Every wrong recipe of the list is refused at once, with field and line, before a weight is read."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import GPT2Config, GPT2LMHeadModel

from adapt.errors import AdaptError
from adapt.registry.bases.find import find_base
from adapt.registry.registry import Registry
from adapt.workspace.folder import Workspace
from merge.check.resolve import check
from merge.recipes.from_flags import recipe_from_flags
from merge.recipes.recipe import Recipe, read_recipe
from tests.merge.conftest import Zoo, make_adapter
from tests.merge.recipes.wrong_recipes import WRONG, Wrong

Q0 = "base_model.model.model.layers.0.self_attn.q_proj"
HEAD = "base_model.model.lm_head.lora_{}.weight"
EMBEDDING = "base_model.model.model.embed_tokens.weight"
Tensors = dict[str, torch.Tensor]


def copy(source: Path, target: Path) -> Path:
    target.mkdir()
    for file in source.iterdir():
        (target / file.name).write_bytes(file.read_bytes())
    return target


def configure(folder: Path, name: str, **changes: object) -> None:
    path = folder / name
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def rewrite(path: Path, change: Callable[[Tensors], Tensors]) -> None:
    save_file({k: t.contiguous() for k, t in change(load_file(path)).items()}, path)


def seventh_layer(tensors: Tensors) -> Tensors:
    return {name.replace("layers.1.", "layers.7."): t for name, t in tensors.items()}


def speak(folder: Path, tokens: dict[str, int]) -> None:
    content = {"model": {"type": "BPE", "vocab": tokens, "merges": []}, "added_tokens": []}
    (folder / "tokenizer.json").write_text(json.dumps(content))


@pytest.fixture(scope="session")
def shelf(zoo: Zoo, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Bases and adapters, sound and broken, by the names that the wrong recipes use."""
    root = tmp_path_factory.mktemp("shelf")
    base, a, b = zoo.base(), copy(zoo.adapter(zoo.base(), seed=1), root / "a"), root / "b"
    found = {"base": base, "a": a, "b": copy(zoo.adapter(base, seed=2, r=7), b)}
    found |= {"gemma": zoo.base("gemma"), "nowhere": root / "nowhere", "empty": root / "empty"}
    found["empty"].mkdir()
    for name in (
        "truncated",
        "integers",
        "pickled",
        "pissa",
        "ranks",
        "shapes",
        "layers",
        "resized",
        "headed",
    ):
        found[name] = copy(a, root / name)
    for name in ("quantised", "int8", "short", "speaker"):
        found[name] = copy(base, root / name)
    weights = {name: folder / "adapter_model.safetensors" for name, folder in found.items()}
    weights["truncated"].write_bytes(weights["truncated"].read_bytes()[:-9])
    rewrite(weights["integers"], lambda t: {name: x.to(torch.int8) for name, x in t.items()})
    weights["pickled"].rename(found["pickled"] / "adapter_model.bin")
    configure(found["pissa"], "adapter_config.json", init_lora_weights="pissa")
    configure(found["ranks"], "adapter_config.json", r=5)
    rewrite(weights["shapes"], lambda t: t | {f"{Q0}.lora_A.weight": torch.ones(4, 32)})
    rewrite(weights["layers"], seventh_layer)
    rewrite(weights["resized"], lambda t: t | {EMBEDDING: torch.ones(98, 48)})
    head = {"A": torch.ones(4, 48), "B": torch.ones(98, 4)}
    rewrite(weights["headed"], lambda t: t | {HEAD.format(k): x for k, x in head.items()})
    found["dora"] = zoo.adapter(base, seed=3, use_dora=True)
    found["of_gpt"] = gpt_adapter(root)
    configure(found["quantised"], "config.json", quantization_config={"bits": 8})
    rewrite(
        found["int8"] / "model.safetensors", lambda t: {k: x.to(torch.int8) for k, x in t.items()}
    )
    configure(found["short"], "config.json", num_hidden_layers=3)
    found["torn"] = copy(zoo.base(shard="40KB"), root / "torn")
    sorted(found["torn"].glob("*.safetensors"))[1].unlink()
    speak(found["speaker"], {"a": 0, "b": 1})
    for name, tokens in (
        ("speaking", {"a": 0, "b": 1, "<new>": 2}),
        ("renumbered", {"a": 1, "b": 0}),
    ):
        found[name] = copy(a, root / name)
        speak(found[name], tokens)
    found["garbled"] = copy(a, root / "garbled")
    (found["garbled"] / "tokenizer.json").write_text("{")
    for name in ("rows", "same_rows"):
        found[name] = root / f"{name}.jsonl"
        found[name].write_text('{"prompt": "a", "response": "b"}\n')
    return found


def gpt_adapter(root: Path) -> Path:
    """Make an adapter whose modules no Llama has."""
    config = GPT2Config(
        vocab_size=96, n_embd=48, n_layer=2, n_head=4, bos_token_id=1, eos_token_id=2
    )
    GPT2LMHeadModel(config).save_pretrained(root / "gpt")
    return make_adapter(root / "gpt", root / "of_gpt", targets=["c_attn"], fan_in_fan_out=True)


@pytest.fixture
def stocked(workspace: Workspace, zoo: Zoo, shelf: dict[str, Path]) -> Workspace:
    """A workspace with `billing` of the base and `foreign` of another one."""
    for name, base in (("billing", shelf["base"]), ("foreign", zoo.base(seed=5))):
        with Registry(workspace).stage(name) as staging:
            for file in zoo.adapter(base, seed=1).iterdir():
                (staging.path / file.name).write_bytes(file.read_bytes())
            staging.publish("adapter", base=find_base(str(base), workspace).record)
    return workspace


def check_file(path: Path, workspace: Workspace) -> None:
    recipe = read_recipe(path)
    assert isinstance(recipe, Recipe)
    check(recipe, workspace=workspace)


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.name.replace(" ", "_"))
def test_a_wrong_recipe_is_refused_within_a_second_with_field_and_line(
    wrong: Wrong, stocked: Workspace, shelf: dict[str, Path], tmp_path: Path
) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(wrong.text.format(**shelf))
    started = time.process_time()

    with pytest.raises(AdaptError) as caught:
        check_file(path, stocked)

    assert time.process_time() - started < 1
    told = str(caught.value)
    line = r"line \d+: " if wrong.has_line else ""
    assert re.search(f"{line}{re.escape(wrong.field)}: .*{re.escape(wrong.word)}", told), told
    assert "faults" not in told, "one fault only, or the case does not show what it is named for"


def test_the_list_is_long_and_each_case_is_another_one() -> None:
    assert len(WRONG) >= 40
    assert (
        len({wrong.text for wrong in WRONG}) == len({wrong.name for wrong in WRONG}) == len(WRONG)
    )


def test_faults_of_the_recipe_and_of_the_disk_are_told_together(
    stocked: Workspace, shelf: dict[str, Path], tmp_path: Path
) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(
        "merge_method: core_space\nbase_model: '{base}'\nname: ../x\nmodels:\n"
        "  - adapter: '{dora}'\n  - adapter: biling\n  - adapter: foreign\n"
        "  - adapter: '{layers}'\n  - model: '{gemma}+{a}'\n".format(**shelf)
    )

    with pytest.raises(AdaptError) as caught:
        check_file(path, stocked)

    told = str(caught.value)
    assert "6 faults" in told
    for sentence in (
        "line 3: name: '../x' cannot name a model",
        "line 5: models[0].adapter: adapter '",
        "line 6: models[1].adapter: no adapter named 'biling'; did you mean billing?",
        "line 7: models[2].adapter: adapter foreign@1 was trained on",
        "line 8: models[3].adapter: adapter '",
        "line 9: models[4].model: model '",
    ):
        assert sentence in told


CHECK = """
import resource, sys, time
from pathlib import Path
from adapt.errors import AdaptError
from adapt.workspace.folder import Workspace
from merge.check.resolve import check
from merge.recipes.recipe import read_recipe
try:
    check(read_recipe(Path(sys.argv[1])), workspace=Workspace(Path(sys.argv[2])))
except AdaptError as error:
    print(error)
used = resource.getrusage(resource.RUSAGE_SELF)
print(used.ru_utime + used.ru_stime)
print(sorted({"torch", "transformers", "peft", "mergekit"} & set(sys.modules)))
"""


def test_a_process_that_checks_takes_under_a_second_and_loads_no_torch(
    stocked: Workspace, shelf: dict[str, Path], tmp_path: Path
) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(
        "merge_method: ties\nbase_model: '{base}'\nmodels:\n  - adapter: '{a}'\n  - adapter: '{layers}'\n".format(
            **shelf
        )
    )

    done = subprocess.run(
        [sys.executable, "-c", CHECK, str(path), str(stocked.path)],
        capture_output=True,
        text=True,
        check=True,
    )

    told, seconds, heavy = done.stdout.splitlines()
    assert "line 5: models[1].adapter:" in told
    assert float(seconds) < 1, "processor time, which other programs do not change"
    assert heavy == "[]"


def test_a_tokenizer_that_is_only_written_otherwise_is_the_same(
    stocked: Workspace, shelf: dict[str, Path], tmp_path: Path
) -> None:
    adapter = copy(shelf["a"], tmp_path / "adapter")
    base = copy(shelf["base"], tmp_path / "base")
    pieces = {"model": {"type": "Unigram", "vocab": [["a", -1.0], ["b", -2.0]]}}
    (base / "tokenizer.json").write_text(json.dumps(pieces))
    (adapter / "tokenizer.json").write_text(json.dumps(pieces | {"added_tokens": []}, indent=1))

    report = check(
        recipe_from_flags([str(adapter)], method="ties", base=str(base)), workspace=stocked
    )

    assert not any("no tokenizer" in note for note in report.notes)
