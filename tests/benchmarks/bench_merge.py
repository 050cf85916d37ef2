"""Merging three adapters into a 138M-parameter bf16 model: time and peak memory beside mergekit and peft.

Each tool runs in a process of its own, from start to finished folder, imports included; ours runs before and after each
peer, so that a change of the machine's speed within the run shows in both. The model and the adapters are random.
"""

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import torch
import yaml
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, LlamaConfig

from tests.benchmarks.report import Row

ADAPTERS = 3
MB = 1 << 20

OURS = """
import sys
from pathlib import Path
from adapt.workspace import Workspace
from merge.build import merge
from merge.recipe import read_recipe
merge(read_recipe(Path(sys.argv[1])), workspace=Workspace(Path(sys.argv[2])))
"""
PEFT = """
import sys
import torch, yaml
from peft import PeftModel
from transformers import AutoModelForCausalLM
recipe = yaml.safe_load(open(sys.argv[1]))
paths = [model["model"].split("+")[1] for model in recipe["models"]]
weights = [model["parameters"]["weight"] for model in recipe["models"]]
model = AutoModelForCausalLM.from_pretrained(recipe["base_model"], dtype=torch.bfloat16)
model = PeftModel.from_pretrained(model, paths[0], adapter_name="0")
for i, path in enumerate(paths[1:], 1):
    model.load_adapter(path, adapter_name=str(i))
names = [str(i) for i in range(len(paths))]
model.add_weighted_adapter(names, weights, "sum", combination_type="cat")
model.set_adapter("sum")
model.merge_and_unload(adapter_names=["sum"]).save_pretrained(sys.argv[2])
"""

WATCH = """
import json, resource, subprocess, sys, time
report, log, *command = sys.argv[1:]
started = time.monotonic()
with open(log, "wb") as output:
    status = subprocess.call(command, stdout=output, stderr=output)
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
cost = {"status": status, "seconds": time.monotonic() - started, "peak": peak}
json.dump(cost, open(report, "w"))
"""


@dataclass(frozen=True)
class Cost:
    """Wall time and the largest resident memory of one process."""

    seconds: float
    peak_mb: float


def run() -> list[Row]:
    """Measure and return one row per method, peer and cost."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        base, adapters = _make_models(folder)
        rows: list[Row] = []
        for method in ("task_arithmetic", "ties"):
            recipe = _write_recipe(folder, method, base, adapters)
            peers = ["mergekit", "peft"] if method == "task_arithmetic" else ["mergekit"]
            for peer in peers:
                before = _ours(folder, recipe, f"{method}-{peer}-1")
                theirs = _peer(folder, recipe, peer)
                after = _ours(folder, recipe, f"{method}-{peer}-2")
                ours = Cost(
                    (before.seconds + after.seconds) / 2, max(before.peak_mb, after.peak_mb)
                )
                rows += _rows(method, peer, ours, theirs)
        return rows


def _rows(method: str, peer: str, ours: Cost, theirs: Cost) -> list[Row]:
    what = f"merge {ADAPTERS} adapters into 138M bf16, {method}, beside {peer}"
    note = "whole process, imports included" + (
        "; peft: cat + merge_and_unload + save" if peer == "peft" else ""
    )
    return [
        Row(
            f"{what}: wall time",
            f"{ours.seconds:.1f} s",
            f"{theirs.seconds:.1f} s",
            theirs.seconds / ours.seconds,
            note,
        ),
        Row(
            f"{what}: peak memory",
            f"{ours.peak_mb:.0f} MB",
            f"{theirs.peak_mb:.0f} MB",
            theirs.peak_mb / ours.peak_mb,
            note,
        ),
    ]


def _make_models(folder: Path) -> tuple[Path, list[Path]]:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=16_000,
        hidden_size=768,
        intermediate_size=3072,
        num_hidden_layers=12,
        num_attention_heads=12,
        tie_word_embeddings=False,
    )
    base = folder / "base"
    model = AutoModelForCausalLM.from_config(config).to(torch.bfloat16)
    model.save_pretrained(base)
    adapters = []
    for i in range(ADAPTERS):
        lora = LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM")
        peft_model = get_peft_model(model, lora)
        with torch.no_grad():
            for name, parameter in peft_model.named_parameters():
                if "lora_B" in name:
                    parameter.normal_(std=0.01)
        adapters.append(folder / f"adapter{i}")
        peft_model.save_pretrained(adapters[-1])
        model = peft_model.unload()
    return base, adapters


def _write_recipe(folder: Path, method: str, base: Path, adapters: list[Path]) -> Path:
    density = {"density": 0.5} if method == "ties" else {}
    models = [
        {"model": f"{base}+{adapter}", "parameters": {"weight": 0.6, **density}}
        for adapter in adapters
    ]
    recipe = {
        "merge_method": method,
        "base_model": str(base),
        "models": models,
        "dtype": "bfloat16",
    }
    path = folder / f"{method}.yaml"
    path.write_text(yaml.safe_dump(recipe))
    return path


def _ours(folder: Path, recipe: Path, name: str) -> Cost:
    return _measure(["-c", OURS, str(recipe), str(folder / name)], folder / f"{name}.log")


def _peer(folder: Path, recipe: Path, peer: str) -> Cost:
    out = folder / f"{recipe.stem}-{peer}-out"
    if peer == "peft":
        return _measure(["-c", PEFT, str(recipe), str(out)], out.with_suffix(".log"))
    cache = folder / f"{recipe.stem}-cache"  # of its own for each run, so that each is a first run
    command = ["-m", "mergekit.scripts.run_yaml", str(recipe), str(out), "--quiet"]
    command += ["--lora-merge-cache", str(cache), "--no-copy-tokenizer"]
    return _measure(command, out.with_suffix(".log"))


def _measure(arguments: list[str], log: Path) -> Cost:
    """Run Python in a process of its own and return what it cost.

    Raises:
        RuntimeError: it failed; the text is the end of its output.
    """
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    report = log.with_suffix(".json")
    # a light process in between: a child's peak starts from its parent's, and this one is large
    command = [sys.executable, "-S", "-c", WATCH, str(report), str(log), sys.executable, *arguments]
    subprocess.run(command, env=environment, check=True)
    cost = json.loads(report.read_text())
    if cost["status"]:
        raise RuntimeError(f"{arguments[:2]} failed:\n{log.read_text()[-2000:]}")
    unit = 1 if sys.platform == "darwin" else 1024  # ru_maxrss: bytes on macOS, KiB on Linux
    return Cost(cost["seconds"], cost["peak"] * unit / MB)
