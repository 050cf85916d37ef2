"""mergekit in its own process: what it makes, and what is left when it fails, is stopped or is killed."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer, MixtralForCausalLM

from adapt.errors import ModelError, RecipeError, WorkspaceError
from adapt.records import ProgressEvent
from adapt.registry.artifacts import Artifact
from adapt.registry.registry import Registry
from adapt.workspace.folder import Workspace
from merge.mergekit import run as mergekit
from merge.mergekit.adapter_cache import MergedAdapters
from merge.mergekit.process import WORKER, explain_failure
from merge.mergekit.run import run
from merge.mergekit.sources import ModelName, find_model
from merge.recipes.mergekit.recipe import MergekitRecipe, parse
from tests import tiny

ROOT = Path(__file__).parents[3]
KILLED = """
import json, sys
from pathlib import Path
from adapt.workspace.folder import Workspace
from merge.mergekit.run import run
from merge.recipes.mergekit.recipe import parse
recipe = parse(json.loads(sys.argv[2]), where="recipe", lines={}, faults=[])
run(recipe, workspace=Workspace(Path(sys.argv[1])), progress=lambda e: print(e.stage, e.total, flush=True))
"""


def recipe_of(values: dict[str, object]) -> MergekitRecipe:
    return parse(values, where="recipe", lines={}, faults=[])


def publish(workspace: Workspace, name: str, folder: Path, licence: str) -> None:
    with Registry(workspace).stage(name) as staging:
        for file in folder.iterdir():
            shutil.copy(file, staging.path)
        staging.publish("adapter", licence=licence)


def workers() -> list[psutil.Process]:
    running = []
    for process in psutil.process_iter(["cmdline", "status"]):
        line = process.info["cmdline"] or []
        if WORKER in line and process.info["status"] != psutil.STATUS_ZOMBIE:
            running.append(process)
    return running


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.make_base(tmp_path_factory.mktemp("models") / "base")


@pytest.fixture
def experts(base: Path, workspace: Workspace, tmp_path: Path) -> dict[str, object]:
    """Return a mixture of two adapters of the registry."""
    for seed, (name, licence) in enumerate((("billing", "MIT"), ("travel", "Apache-2.0"))):
        tiny.make_adapter(tmp_path / name, base, seed=seed + 1)
        publish(workspace, name, tmp_path / name, licence)
    return {
        "name": "crowd",
        "base_model": str(base),
        "gate_mode": "hidden",
        "experts_per_token": 1,
        "dtype": "float32",
        "experts": [
            {"adapter": "billing@1", "positive_prompts": ["A refund takes five days."]},
            {"adapter": "travel@1", "positive_prompts": ["The office opens at 8:00."]},
        ],
    }


@pytest.mark.faults
@pytest.mark.slow
def test_a_killed_mixture_leaves_nothing_and_the_next_run_makes_it_of_its_adapters(
    base: Path, workspace: Workspace, experts: dict[str, object]
) -> None:

    command = [sys.executable, "-c", KILLED, str(workspace.path), json.dumps(experts)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        stages = [next(line for line in parent.stdout if line.startswith("mergekit "))]
        deadline = time.monotonic() + 60
        while not (mine := [w for w in workers() if w.ppid() == parent.pid]):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        parent.send_signal(signal.SIGKILL)
    gone, alive = psutil.wait_procs(mine, timeout=30)
    partial = workspace.cache / "mergekit" / ".half"
    partial.mkdir()

    assert stages
    assert len(gone) == 1
    assert alive == []
    assert Registry(workspace).list("model") == []

    events: list[ProgressEvent] = []
    artifact = run(
        recipe_of(experts),
        workspace=workspace,
        evaluate=lambda folder: {"files": len(list(folder.iterdir()))},
        progress=events.append,
    )

    assert artifact.reference == "crowd@1"
    assert not partial.exists()
    assert [e for e in events if e.stage == "mergekit" and e.total and e.done == e.total]
    # of the run that was killed, where it had begun to write one
    assert len(list(workspace.jobs.glob("mergekit-*.log"))) <= 1
    assert Registry(workspace).verify() == []
    _assert_is_the_mixture(artifact, base, Registry(workspace))


def _assert_is_the_mixture(artifact: Artifact, base: Path, registry: Registry) -> None:
    card = artifact.card
    assert card.parents == ("billing@1", "travel@1")
    assert card.licence == "MIT AND Apache-2.0"
    assert card.base is not None
    assert int(str(card.metrics["files"])) > 5
    model = AutoModelForCausalLM.from_pretrained(artifact.path)
    assert isinstance(model, MixtralForCausalLM)
    plain = load_file(base / "model.safetensors")
    tensors = load_file(artifact.path / "model.safetensors")
    up = tensors["model.layers.1.mlp.experts.gate_up_proj"][:, 64:]
    for number, name in enumerate(("billing", "travel")):
        adapter = load_file(registry.get(name).path / "adapter_model.safetensors")
        begin = "base_model.model.model.layers.1.mlp.up_proj.lora_"
        delta = 2 * adapter[f"{begin}B.weight"] @ adapter[f"{begin}A.weight"]
        expected = plain["model.layers.1.mlp.up_proj.weight"] + delta
        torch.testing.assert_close(up[number], expected, atol=1e-6, rtol=0)
    tokenizer = AutoTokenizer.from_pretrained(artifact.path)
    prompt = tokenizer("The office", return_tensors="pt")["input_ids"]
    answer = model.generate(prompt, max_new_tokens=3, do_sample=False)
    assert answer.shape[1] > prompt.shape[1]
    assert tokenizer.pad_token_id == 0  # mergekit alone would change it


@pytest.mark.slow
def test_stopping_it_ends_the_process_and_publishes_nothing(
    workspace: Workspace, experts: dict[str, object]
) -> None:
    started: list[psutil.Process] = []

    def stop(event: ProgressEvent) -> None:
        if event.stage == "mergekit" and event.total:
            started.extend(w for w in workers() if w.ppid() == os.getpid())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(recipe_of(experts), workspace=workspace, progress=stop)

    assert len(started) == 1
    assert not started[0].is_running()
    assert Registry(workspace).list("model") == []
    assert list((workspace.artifacts / ".staging").iterdir()) == []


@pytest.mark.slow
def test_an_error_of_mergekit_is_told_in_the_recipe_s_words(
    base: Path, workspace: Workspace
) -> None:
    recipe = recipe_of(
        {
            "merge_method": "passthrough",
            "models": [{"model": str(base)}],
            "tokenizer": {
                "source": "union",
                "tokens": {
                    "<new>": {
                        "source": {"kind": "model_token", "model": str(base), "token": "nowhere"}
                    }
                },
            },
        }
    )

    with pytest.raises(RecipeError) as caught:
        run(recipe, workspace=workspace)

    message = str(caught.value)
    assert message.startswith(
        f"mergekit: tokenizer: the token 'nowhere' is not in the vocabulary of '{base}'"
    )
    assert "\n" not in message
    assert len(list(workspace.jobs.glob("mergekit-*.log"))) == 1
    assert Registry(workspace).list() == []


@pytest.mark.parametrize(
    ("stderr", "code", "sentence"),
    [
        (
            "RuntimeError: Tensor model.norm.weight required but not present in model /models/key",
            1,
            "mergekit: 'billing@3' lacks the tensor model.norm.weight",
        ),
        ("OSError: [Errno 28] No space left on device", 1, "the disk is full"),
        (
            "RuntimeError: DefaultCPUAllocator: can't allocate memory: you",
            1,
            "memory is not enough",
        ),
        ("", -9, "probably for lack of memory"),
        (
            "adapt.errors.ModelError: the result does not open: 2 missing keys",
            1,
            "the result does not open",
        ),
        ("RuntimeError: Must specify --allow-crimes to attempt", 1, "different architectures"),
        (
            "  File x\nValueError: a new kind of trouble\n",
            1,
            "mergekit failed (ValueError: a new kind of trouble)",
        ),
        (
            "ERROR:root:No output architecture found.\nERROR:root:others\n",
            1,
            "mergekit failed (No output architecture found.)",
        ),
        ("", 3, "exit code 3"),
    ],
)
def test_known_errors_are_sentences_and_others_name_the_log(
    tmp_path: Path, stderr: str, code: int, sentence: str
) -> None:
    log = tmp_path / "mergekit.log"

    error = explain_failure(stderr, code, log=log, names={"/models/key": "billing@3"})

    assert sentence in str(error)
    assert ("log" in str(error)) == ("failed" in str(error))


def test_two_runs_at_once_are_refused(
    workspace: Workspace, experts: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mergekit, "WAIT_SECONDS", 0.0)

    with (
        workspace.lock("mergekit"),
        pytest.raises(WorkspaceError, match="another merge by mergekit"),
    ):
        run(recipe_of(experts), workspace=workspace)


def test_an_adapter_retrained_in_place_is_never_taken_stale(
    base: Path, workspace: Workspace, tmp_path: Path
) -> None:
    folder = tmp_path / "adapter"
    tiny.make_adapter(folder, base, seed=1)
    file = folder / "adapter_model.safetensors"
    before = file.stat()
    cache = MergedAdapters(workspace)
    name = ModelName(f"{base}+{folder}")

    def merged() -> Path:
        model = find_model(name, default_base=None, workspace=workspace)
        return cache.get(model, dtype=None, progress=lambda _: None)

    first = merged()
    weights = {k: v + 0.25 for k, v in load_file(file).items()}
    save_file(weights, file, metadata={"format": "pt"})
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))  # the same size and time as before
    second = merged()

    assert file.stat().st_size == before.st_size
    assert first != second
    assert merged() == second
    name = "model.layers.0.mlp.up_proj.weight"
    begin = "base_model.model.model.layers.0.mlp.up_proj.lora_"
    delta = 2 * weights[f"{begin}B.weight"] @ weights[f"{begin}A.weight"]
    plain = load_file(base / "model.safetensors")[name]
    torch.testing.assert_close(load_file(second / "model.safetensors")[name], plain + delta)

    size = sum(f.stat().st_size for f in second.iterdir())
    os.utime(first, (0, 0))
    cache.trim(most_bytes=size)
    assert not first.exists()
    assert second.is_dir()


def test_an_adapter_that_changes_while_it_is_merged_is_an_error(
    base: Path, workspace: Workspace, tmp_path: Path
) -> None:
    folder = tmp_path / "adapter"
    tiny.make_adapter(folder, base, seed=1)
    model = find_model(ModelName(f"{base}+{folder}"), default_base=None, workspace=workspace)
    known = model.adapter_sha256
    config = folder / "adapter_config.json"

    def change(_event: ProgressEvent) -> None:
        config.write_text(config.read_text() + "\n")

    with pytest.raises(ModelError, match="was changed while it was being merged"):
        MergedAdapters(workspace).get(model, dtype=None, progress=change)

    assert known
    assert list((workspace.cache / "mergekit").iterdir()) == []
