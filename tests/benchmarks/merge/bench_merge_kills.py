"""Merges killed with SIGKILL at random moments, a full disk at every shard, and an adapter that is retrained in place.

Through the command line, as users run it. Nothing half made may be seen in the registry, the next run must succeed
without cleaning, and its bytes must be those of a clean run with what the adapter's folder holds now.
`ADAPT_MERGE_KILLS` says how many kills (300 unless set; some three seconds each). The full disk is a small tmpfs, which
needs the right to mount one; without it that row is left out and a line says so.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
import yaml
from transformers import AutoModelForCausalLM, LlamaConfig

from adapt.registry.artifacts import sha256_file
from adapt.registry.registry import Registry
from adapt.workspace.folder import Workspace
from tests.benchmarks.report import Row
from tests.merge.conftest import make_adapter

KILLS = int(os.environ.get("ADAPT_MERGE_KILLS", "300"))
ROOT = Path(__file__).parents[3]
METHODS = ("task_arithmetic", "ties")
MB = 1 << 20
Hashes = dict[str, str]


def run() -> list[Row]:
    """Kill until the number is reached; then fill the disk at each shard."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        base = _make_base(root / "base")
        adapters = [make_adapter(base, root / f"a{i}", seed=i + 1, r=8) for i in range(2)]
        second = make_adapter(base, root / "retrained", seed=9, r=8)
        recipes = {method: _write_recipe(root, method, base, adapters) for method in METHODS}
        return [*_kills(root, recipes, adapters[1], second), *_full_disk(root, recipes["ties"])]


def _kills(root: Path, recipes: dict[str, Path], adapter: Path, second: Path) -> list[Row]:
    draw = random.Random(0)
    contents = {"first": _copy(adapter, root / "first"), "second": second}
    clean, whole = _clean_runs(root, recipes, adapter, contents)
    workspace = Workspace(root / "killed")
    now = "first"
    kills = at_work = torn = stale = failed = 0
    while kills < KILLS:
        if kills % 10 == 9:
            now = "second" if now == "first" else "first"
            _replace(adapter, contents[now])
        method = draw.choice(METHODS)
        seen = len(_versions(workspace))
        process = _start(recipes[method], workspace)
        time.sleep(draw.uniform(0, whole))
        process.send_signal(signal.SIGKILL)
        at_work += process.wait() == -signal.SIGKILL
        kills += 1
        for hashes in _versions(workspace)[seen:]:
            torn += hashes not in clean.values()
            stale += hashes != clean[method, now]
        torn += _faults(workspace)
        if kills % 10 == 0:
            failed += _start(recipes[method], workspace).wait() != 0
            stale += _versions(workspace)[-1] != clean[method, now]
            _trim(workspace)
    _replace(adapter, contents["first"])
    left = list((workspace.artifacts / ".staging").glob("*"))
    good = not (torn or stale or failed or left)
    return [
        Row(
            "kill -9 in a merge: models half visible, stale, or unlike a clean run's",
            f"{torn + stale} of {kills}",
            "0",
            float(good),
            f"{at_work} kills came at work; of {kills // 10} runs after ten kills each, without cleaning, {failed} failed; "
            f"an adapter is retrained in place every ten kills; {len(left)} files left over",
        )
    ]


def _clean_runs(
    root: Path, recipes: dict[str, Path], adapter: Path, contents: dict[str, Path]
) -> tuple[dict[tuple[str, str], Hashes], float]:
    """Return the hashes of undisturbed runs, and how long the longest took, in seconds."""
    clean: dict[tuple[str, str], Hashes] = {}
    whole = 0.0
    for content in ("second", "first"):  # the first is what lies there afterwards
        _replace(adapter, contents[content])
        for method, recipe in recipes.items():
            workspace = Workspace(root / f"clean-{method}-{content}")
            began = time.monotonic()
            if _start(recipe, workspace).wait():
                raise RuntimeError(f"the undisturbed merge of {recipe} failed")
            whole = max(whole, time.monotonic() - began)
            clean[method, content] = _versions(workspace)[-1]
    return clean, whole


# Fills the disk up to some bytes when the merge reaches a shard: before it, the check of the free space would refuse.
FULL = """
import shutil, sys
from pathlib import Path
from adapt.errors import AdaptError
from adapt.workspace.folder import Workspace
from merge.build import merge
from merge.recipes.recipe import read_recipe
recipe, folder, ballast, start, room = sys.argv[1:]
def fill(event):
    if event.stage == "merge" and event.done >= int(start) and not Path(ballast).exists():
        size = shutil.disk_usage(folder).free - int(room)
        with open(ballast, "wb") as file:
            while size > 0:
                size -= file.write(bytes(min(size, 1 << 20)))
try:
    merge(read_recipe(Path(recipe)), workspace=Workspace(Path(folder)), progress=fill)
except AdaptError as error:
    sys.exit(str(error))
"""


def _full_disk(root: Path, recipe: Path) -> list[Row]:
    """Fill the disk inside each shard of the output; then run again with room, without cleaning."""
    expected = _versions(Workspace(root / "clean-ties-first"))[-1]
    sizes = [p.stat().st_size for p in sorted((root / "base").glob("*.safetensors"))]
    told = bad = 0
    for shard in range(len(sizes)):
        with _small_disk(root / "disk", 2 * sum(sizes) + 8 * MB) as disk:
            if disk is None:
                sys.stderr.write("no right to mount a tmpfs: the full disk is left out\n")
                return []
            workspace = Workspace(disk / "w")
            ballast = disk / "ballast"
            numbers = (str(sum(sizes[:shard])), str(sizes[shard] // 3))
            words = [str(recipe), str(workspace.path), str(ballast), *numbers]
            process = subprocess.run(
                [sys.executable, "-c", FULL, *words], cwd=ROOT, capture_output=True, check=False
            )
            said = process.stderr.decode().strip()
            told += process.returncode == 1 and "disk is full" in said and "Traceback" not in said
            bad += bool(_versions(workspace)) or bool(_faults(workspace))
            ballast.unlink()
            bad += _start(recipe, workspace).wait() != 0 or _versions(workspace) != [expected]
    return [
        Row(
            "disk full in a merge, in every shard: half visible, or the next run unlike a clean one",
            f"{bad} of {len(sizes)}",
            "0",
            float(not bad and told == len(sizes)),
            f"{told} of {len(sizes)} ended with the one sentence that the disk is full",
        )
    ]


@contextmanager
def _small_disk(folder: Path, size: int) -> Iterator[Path | None]:
    """Yield a disk of so many bytes, or None where none can be mounted."""
    folder.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    mounted = shutil.which("mount") and not subprocess.run(words, check=False).returncode
    try:
        yield folder if mounted else None
    finally:
        if mounted:
            subprocess.run([shutil.which("umount") or "umount", str(folder)], check=True)
        folder.rmdir()


def _make_base(folder: Path) -> Path:
    """Save a random model of 20M weights in five files and return its folder."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=8_000,
        hidden_size=384,
        intermediate_size=1_152,
        num_hidden_layers=8,
        num_attention_heads=6,
        tie_word_embeddings=True,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
    )
    model = AutoModelForCausalLM.from_config(config).to(torch.bfloat16)
    model.save_pretrained(folder, max_shard_size="8MB")
    return folder


def _write_recipe(root: Path, method: str, base: Path, adapters: list[Path]) -> Path:
    models = [{"model": f"{base}+{adapter}", "parameters": {"weight": 0.6}} for adapter in adapters]
    recipe = {"merge_method": method, "base_model": str(base), "models": models, "name": "victim"}
    if method == "ties":
        recipe["parameters"] = {"density": 0.4}
    path = root / f"{method}.yaml"
    path.write_text(yaml.safe_dump(recipe))
    return path


def _copy(source: Path, target: Path) -> Path:
    return Path(shutil.copytree(source, target))


def _replace(adapter: Path, content: Path) -> None:
    """Put another training's result where the adapter lies, as a trainer would: the files are written again."""
    for file in content.iterdir():
        shutil.copyfile(file, adapter / file.name)


def _start(recipe: Path, workspace: Workspace) -> "subprocess.Popen[bytes]":
    words = ["merge", "run", str(recipe), "--workspace", str(workspace.path)]
    return subprocess.Popen(
        [sys.executable, "-m", "ui.cli.main", *words],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _versions(workspace: Workspace) -> list[Hashes]:
    """Return the hashes of the weights of every visible version, oldest first, taken from the files themselves."""
    return [
        {file.name: sha256_file(file) for file in sorted(artifact.path.glob("*.safetensors"))}
        for artifact in sorted(Registry(workspace).list(), key=lambda one: one.card.version)
    ]


def _faults(workspace: Workspace) -> int:
    registry = Registry(workspace)
    return sum(bool(registry.verify(one.reference)) for one in registry.list())


def _trim(workspace: Workspace) -> None:
    """Remove all versions but the newest, so that looking at them stays quick."""
    registry = Registry(workspace)
    for artifact in sorted(registry.list(), key=lambda one: one.card.version)[:-1]:
        registry.remove(artifact.reference)
