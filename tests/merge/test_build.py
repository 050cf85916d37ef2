import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file

from adapt.errors import AdaptError, ModelError, NotFoundError, RecipeError, WorkspaceError
from adapt.records import ProgressEvent
from adapt.registry.artifacts import Artifact, sha256_file
from adapt.registry.bases.find import find_base
from adapt.registry.licences import join_licences
from adapt.registry.registry import Registry
from adapt.workspace.folder import Workspace
from merge.build import merge
from merge.check.resolve import check
from merge.recipes.from_flags import recipe_from_flags
from merge.recipes.recipe import Recipe
from tests.merge.conftest import Zoo, load


def publish(
    workspace: Workspace, name: str, folder: Path, base: Path, *, licence: str = ""
) -> Artifact:
    """Put an adapter folder into the registry as training does."""
    with Registry(workspace).stage(name) as staging:
        for file in folder.iterdir():
            (staging.path / file.name).write_bytes(file.read_bytes())
        record = find_base(str(base), workspace).record
        return staging.publish("adapter", base=record, licence=licence)


@pytest.fixture
def two(zoo: Zoo, workspace: Workspace) -> Path:
    """Two adapters in the registry, `billing` and `travel`, of the base that is returned."""
    base = zoo.base()
    publish(workspace, "billing", zoo.adapter(base, seed=1), base, licence="MIT")
    travel = zoo.adapter(base, seed=2, r=7, targets=["q_proj", "v_proj"])
    publish(workspace, "travel", travel, base, licence="Apache-2.0")
    return base


def test_a_merge_is_published_with_parents_base_settings_metrics_and_licence(
    workspace: Workspace, two: Path
) -> None:
    recipe = recipe_from_flags(
        ["billing@1", "travel"], method="ties", weights=[1, 0.5], densities=[0.4], name="support"
    )
    seen: list[Path] = []
    events: list[ProgressEvent] = []

    def evaluate(path: Path) -> dict[str, float]:
        seen.append(path)
        assert load(path) is not None
        return {"billing": 0.7}

    artifact = merge(recipe, workspace=workspace, evaluate=evaluate, progress=events.append)

    card = Registry(workspace).get("support").card
    assert (artifact.reference, card.kind) == ("support@1", "model")
    assert card.parents == ("billing@1", "travel@1")
    assert card.base == find_base(str(two), workspace).record
    assert card.metrics == {"billing": 0.7}
    assert card.licence == "MIT AND Apache-2.0"
    assert card.summary == f"ties of billing@1 * 1, travel@1 * 0.5 on {two}"
    assert card.settings["method"] == "ties"
    assert card.settings["parameters"]["normalize"] is True
    assert card.settings["recipe"]["merge_method"] == "ties"
    hashes = [source["sha256"] for source in card.settings["sources"]]
    paths = [Registry(workspace).get(name).path for name in ("billing", "travel")]
    assert hashes == [sha256_file(path / "adapter_model.safetensors") for path in paths]
    assert len(seen) == 1
    assert [e.stage for e in events if e.stage != "merge"] == ["evaluate", "publish"]
    merging = [e for e in events if e.stage == "merge"]
    assert merging[-1].done == merging[-1].total > 0
    assert Registry(workspace).verify() == []


def test_a_recipe_without_a_name_becomes_merged(workspace: Workspace, two: Path) -> None:
    artifact = merge(recipe_from_flags(["billing"], method="ties"), workspace=workspace)

    assert artifact.reference == "merged@1"


def test_check_tells_what_will_be_written_and_is_right(workspace: Workspace, two: Path) -> None:
    recipe = recipe_from_flags(["billing", "travel"], method="task_arithmetic", weights=[1, 2])

    report = check(recipe, workspace=workspace)

    artifact = merge(recipe, workspace=workspace)
    written = sum(t.nbytes for t in load_file(artifact.path / "model.safetensors").values())
    assert report.bytes_to_write == written
    assert report.bytes_free > written
    assert (report.base, report.method, report.unties) == (str(two), "task_arithmetic", False)
    assert [(a.reference, a.parameters, a.ranks) for a in report.adapters] == [
        ("billing@1", {"weight": 1}, (4,)),
        ("travel@1", {"weight": 2}, (7,)),
    ]
    assert report.architecture == "LlamaForCausalLM"
    assert report.parameters == {"lambda": 1.0, "normalize": False, "int8_mask": False}
    assert report.gives_adapter
    assert report.notes == ("the base has no tokenizer, and so the merged model will have none",)
    assert report.adapters[1].targets == ("q_proj", "v_proj")
    assert report.adapters[1].tensors == 4


def test_an_adapter_of_another_base_is_refused_in_one_sentence(
    zoo: Zoo, workspace: Workspace, two: Path
) -> None:
    other = zoo.base(seed=5)
    publish(workspace, "foreign", zoo.adapter(other, seed=3), other)
    recipe = recipe_from_flags(["billing", "foreign"], method="ties", base=str(two))

    with pytest.raises(ModelError, match=r"foreign@1 was trained on .* not on") as caught:
        merge(recipe, workspace=workspace)
    with pytest.raises(RecipeError, match="the adapters name different ones"):
        merge(recipe_from_flags(["billing", "foreign"], method="ties"), workspace=workspace)

    assert "\n" not in str(caught.value)
    assert Registry(workspace).names() == ["billing", "foreign", "travel"]


def test_every_fault_of_a_recipe_is_told_at_once(
    zoo: Zoo, workspace: Workspace, two: Path, tmp_path: Path
) -> None:
    gemma = zoo.base("gemma")
    models = [
        {"adapter": "biling"},
        {"adapter": "travel@9"},
        {"adapter": str(tmp_path / "none")},
        {"adapter": str(zoo.adapter(zoo.base(tied=True), seed=1, targets=["lm_head", "q_proj"]))},
        {"model": f"{gemma}+{zoo.adapter(zoo.base(), seed=1)}"},
        {"model": "owner/other+./x"},
    ]
    recipe = Recipe.model_validate(
        {
            "merge_method": "ties",
            "base_model": str(two),
            "models": models,
            "name": "../escape",
        }
    )

    with pytest.raises(RecipeError) as caught:
        check(recipe, workspace=workspace)

    message = str(caught.value)
    for sentence in (
        "'../escape' cannot name a model",
        "no adapter named 'biling'; did you mean billing?",
        "no version of 'travel' named '9'",
        "none': no such folder",
        f"'{gemma}' is not the base",
        "'owner/other' is not the base",
        "adapter './x': no such folder",
    ):
        assert sentence in message
    assert "7 faults" in message


@pytest.mark.parametrize(
    ("adapter", "error", "sentence"),
    [
        ("nothing", NotFoundError, "no adapter named 'nothing'; there is: billing, travel"),
        ("a/b", ModelError, "adapter 'a/b': no such folder"),
        ("support", ModelError, "support@1 is a model, not an adapter"),
    ],
)
def test_what_is_no_adapter_is_refused(
    workspace: Workspace, two: Path, adapter: str, error: type[AdaptError], sentence: str
) -> None:
    merge(recipe_from_flags(["billing"], method="ties", name="support"), workspace=workspace)

    with pytest.raises(error, match=sentence):
        check(recipe_from_flags([adapter], method="ties", base=str(two)), workspace=workspace)


def test_a_base_that_nobody_names_is_asked_for(zoo: Zoo, workspace: Workspace) -> None:
    recipe = recipe_from_flags([str(zoo.adapter(zoo.base(), seed=1))], method="ties")

    with pytest.raises(RecipeError, match="base_model: is missing"):
        check(recipe, workspace=workspace)


def test_the_base_may_be_named_by_mergekits_form_alone_and_count_as_a_source(
    zoo: Zoo, workspace: Workspace
) -> None:
    base = zoo.base()
    models = [
        {"model": f"{base}+{zoo.adapter(base, seed=1)}"},
        {"model": str(base), "parameters": {"weight": 3.0}},
    ]
    recipe = Recipe.model_validate({"merge_method": "linear", "models": models})

    artifact = merge(recipe, workspace=workspace)

    quarter = recipe_from_flags(
        [str(zoo.adapter(base, seed=1))], method="task_arithmetic", weights=[0.25], base=str(base)
    )
    expected = load_file(merge(quarter, workspace=workspace).path / "model.safetensors")
    merged_weights = load_file(artifact.path / "model.safetensors")
    assert all(merged_weights[name].equal(expected[name]) for name in expected)


def test_a_merged_model_is_a_base_for_the_next_merge(
    workspace: Workspace, two: Path, zoo: Zoo
) -> None:
    merge(recipe_from_flags(["billing"], method="ties", name="first"), workspace=workspace)
    adapter = str(zoo.adapter(two, seed=2))

    second = merge(recipe_from_flags([adapter], method="ties", base="first@1"), workspace=workspace)

    assert second.card.base is not None
    assert second.card.base.id == "first@1"


def test_a_gradient_gives_every_layer_its_own_weight(workspace: Workspace, two: Path) -> None:
    gradient = {"adapter": "billing", "parameters": {"weight": [0, 0.5]}}
    recipe = Recipe.model_validate({"merge_method": "task_arithmetic", "models": [gradient]})
    half = recipe_from_flags(["billing"], method="task_arithmetic", weights=[0.5])

    merged = merge(recipe, workspace=workspace)

    merged_weights = load_file(merged.path / "model.safetensors")
    base = load_file(two / "model.safetensors")
    expected = load_file(merge(half, workspace=workspace).path / "model.safetensors")
    for name, tensor in merged_weights.items():
        assert tensor.equal((expected if "layers.1." in name else base)[name]), name
    assert not merged_weights["model.layers.1.mlp.up_proj.weight"].equal(
        base["model.layers.1.mlp.up_proj.weight"]
    )
    assert merged.card.settings["sources"][0]["parameters"] == {"weight": [0, 0.5]}
    assert "billing@1 * [0, 0.5]" in merged.card.summary


def test_a_recipe_that_was_never_read_is_checked_as_well(workspace: Workspace, two: Path) -> None:
    source = {"adapter": "billing", "parameters": {"density": 2}}
    recipe = Recipe.model_validate({"merge_method": "ties", "models": [source]})

    with pytest.raises(RecipeError, match=r"models\[0\]\.parameters\.density: should be in"):
        check(recipe, workspace=workspace)


def test_a_full_disk_is_told_before_anything_is_written(
    workspace: Workspace, two: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type("Usage", (), {"free": 10})
    monkeypatch.setattr("merge.check.resolve.shutil.disk_usage", lambda _path: usage)

    with pytest.raises(WorkspaceError, match="are free; free some space"):
        merge(recipe_from_flags(["billing"], method="ties", name="x"), workspace=workspace)

    assert Registry(workspace).names() == ["billing", "travel"]


class Stopped(KeyboardInterrupt):
    pass


@pytest.mark.parametrize("error", [Stopped(), AdaptError("not today"), OSError(28, "full")])
def test_a_merge_that_fails_or_is_stopped_leaves_nothing(
    workspace: Workspace, two: Path, error: BaseException
) -> None:
    def fail(_path: Path) -> dict[str, float]:
        raise error

    with pytest.raises((type(error), WorkspaceError)):
        merge(
            recipe_from_flags(["billing"], method="ties", name="x"),
            workspace=workspace,
            evaluate=fail,
        )

    assert Registry(workspace).names() == ["billing", "travel"]
    assert [p for p in (workspace.artifacts / ".staging").rglob("*") if p.is_file()] == []


def test_an_adapter_retrained_in_place_during_the_merge_is_noticed(
    zoo: Zoo, workspace: Workspace, tmp_path: Path
) -> None:
    base, folder = zoo.base(), tmp_path / "adapter"
    folder.mkdir()
    for file in zoo.adapter(base, seed=1).iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    weights = folder / "adapter_model.safetensors"

    def retrain(event: ProgressEvent) -> None:
        if "layers.1" in event.detail:
            data = bytearray(weights.read_bytes())
            data[-1] ^= 1
            weights.write_bytes(data)

    with pytest.raises(ModelError, match="changed"):
        merge(
            recipe_from_flags([str(folder)], method="ties", base=str(base)),
            workspace=workspace,
            progress=retrain,
        )


def test_licences_are_joined_each_once() -> None:
    assert join_licences(["MIT", "", "Apache-2.0 AND MIT"]) == "MIT AND Apache-2.0"
    assert join_licences(["MIT OR BSD-3-Clause", "MIT"]) == "(MIT OR BSD-3-Clause) AND MIT"
    assert join_licences([]) == ""


MERGE = """
import sys
from pathlib import Path
from adapt.workspace.folder import Workspace
from merge.build import merge
from merge.recipes.from_flags import recipe_from_flags
print("ready", flush=True)
while True:
    recipe = recipe_from_flags(["billing", "travel"], method="ties", densities=[0.5], name="victim")
    merge(recipe, workspace=Workspace(Path(sys.argv[1])))
"""


@pytest.mark.faults
@pytest.mark.slow
def test_kill_9_at_random_moments_leaves_no_half_model(workspace: Workspace, two: Path) -> None:
    chance = random.Random(7)
    for _ in range(5):
        with subprocess.Popen(
            [sys.executable, "-c", MERGE, str(workspace.path)],
            stdout=subprocess.PIPE,
            env={**os.environ, "HF_HUB_OFFLINE": "1"},
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            time.sleep(chance.uniform(0.0, 0.25))
            process.send_signal(signal.SIGKILL)

        assert Registry(workspace).verify() == []

    artifact = merge(
        recipe_from_flags(["billing", "travel"], method="ties", densities=[0.5], name="victim"),
        workspace=workspace,
    )
    files = [a.card.files["model.safetensors"] for a in Registry(workspace).versions("victim")]
    assert artifact.reference == f"victim@{len(files)}"
    assert len({file.sha256 for file in files}) == 1
    assert [p for p in (workspace.artifacts / ".staging").iterdir() if p.is_dir()] == []


@pytest.mark.parametrize("dtype", ["float32", None])
def test_a_merged_adapter_opens_in_peft_and_is_the_same_model(
    workspace: Workspace, two: Path, dtype: str | None
) -> None:
    recipe = recipe_from_flags(
        ["billing", "travel"], method="task_arithmetic", weights=[0.7, -0.4]
    ).model_copy(update={"out_dtype": dtype})
    tokens = torch.arange(3, 19).reshape(1, -1)

    model = merge(recipe, workspace=workspace)
    adapter = merge(recipe, workspace=workspace, output="adapter")

    assert (adapter.card.kind, adapter.card.parents) == ("adapter", ("billing@1", "travel@1"))
    config = json.loads((adapter.path / "adapter_config.json").read_text())
    assert sorted({config["r"], *config["rank_pattern"].values()}) == [4, 11]
    with torch.no_grad():
        joined = PeftModel.from_pretrained(load(two), adapter.path)
        theirs = joined(tokens).logits
        ours = load(model.path)(tokens).logits
    assert torch.allclose(ours, theirs, atol=1e-5)
    assert check(recipe_from_flags([adapter.reference], method="ties"), workspace=workspace)


def test_what_has_no_low_rank_is_refused_as_an_adapter(
    zoo: Zoo, workspace: Workspace, two: Path
) -> None:
    dora = str(zoo.adapter(two, seed=5, use_dora=True))

    for recipe, sentence in (
        (recipe_from_flags(["billing"], method="ties"), "ties cannot give an adapter"),
        (
            recipe_from_flags([dora], method="task_arithmetic", base=str(two)),
            "is more than B·A",
        ),
    ):
        with pytest.raises(RecipeError, match=sentence):
            merge(recipe, workspace=workspace, output="adapter")


def test_a_configuration_that_changes_during_the_merge_is_noticed(
    workspace: Workspace, zoo: Zoo, tmp_path: Path
) -> None:
    base = zoo.base()
    folder = shutil.copytree(zoo.adapter(base, seed=1), tmp_path / "copy")
    recipe = recipe_from_flags([str(folder)], method="linear", base=str(base), name="support")

    def change(event: ProgressEvent) -> None:
        if event.stage != "evaluate":
            path = folder / "adapter_config.json"
            config = json.loads(path.read_text())
            path.write_text(json.dumps({**config, "lora_alpha": 2 * config["lora_alpha"]}))

    with pytest.raises(ModelError, match="was changed while it was being merged"):
        merge(recipe, workspace=workspace, progress=change)

    assert not Registry(workspace).names()
