"""Merging adapters into models of 494M and 1.2B parameters: time, memory, bytes and exactness.

Each tool runs in a process of its own, from start to finished folder, imports included; ours and a plain durable write of
as many bytes run before and after each peer, so that a change of the machine's speed within the run shows in all. The
models and the adapters are random.
"""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import mean

import torch

from merge.weights.adapters import Adapter, open_adapter
from merge.weights.checkpoint import open_checkpoint
from merge.weights.delta_blocks import DeltaRows, StoredRows
from merge.weights.delta_tensors import read_tensor
from merge.weights.plan import OutputTensor, plan_merge
from merge.weights.safetensors_file import read_tensor_file
from tests.benchmarks.merge.merge_side import (
    MB,
    Cost,
    make_adapters,
    make_base,
    measure,
    write_recipe,
)
from tests.benchmarks.report import Row
from tests.merge.methods.dense_reference import chosen

OURS = """
import sys
from pathlib import Path
from adapt.workspace.folder import Workspace
from merge.build import merge
from merge.recipes.recipe import read_recipe
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
DURABLE = """
import os, sys
left, block = int(sys.argv[2]), memoryview(os.urandom(1 << 24))
file = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
while left:
    left -= os.write(file, block[:left])
os.fsync(file)
"""
SPEED = {
    "task_arithmetic": ("mergekit", "peft"),
    "ties": ("mergekit",),
    "dare_linear": ("mergekit",),
}
WEIGHT, DENSITY = 0.6, 0.5  # of each adapter, see `write_recipe`
SAMPLED = ("layers.0.", "layers.20.")  # whose weights are compared with float64


def run() -> list[Row]:
    """Measure and return one row per method, peer and cost."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        small = make_base(folder / "494M", "494M")
        adapters = make_adapters(small, 8)
        rows: list[Row] = []
        _ours(
            folder, write_recipe(small, adapters[:1], "task_arithmetic")
        )  # bytecode, and the base in the page cache
        for method, peers in SPEED.items():
            recipe = write_recipe(small, adapters[:3], method)
            rows += _speed(folder, recipe, peers, f"3 adapters into 494M bf16, {method}")
            rows += _exactness(folder, small, adapters[:3], method)
        for method, peers in {"task_arithmetic": SPEED["task_arithmetic"], "ties": ()}.items():
            recipe = write_recipe(small, adapters, method)
            rows += _speed(folder, recipe, peers, f"8 adapters into 494M bf16, {method}")
        large = make_base(folder / "1.2B", "1.2B")
        plain, wide = make_adapters(large, 3), make_adapters(large, 3, embedding=True)
        for label, chosen in (("3 adapters", plain), ("3 adapters, embedding too,", wide)):
            recipe = write_recipe(large, chosen, "ties")
            cost, _ = _ours(folder, recipe)
            rows.append(_memory(f"{label} into 1.2B bf16, ties", cost, large))
        return rows


def _speed(folder: Path, recipe: Path, peers: tuple[str, ...], what: str) -> list[Row]:
    """Return rows beside the durable write and each peer, all from one stretch of time."""
    base = recipe.parent / "494M"
    costs, durable, rows = [], [], []
    size = 0
    theirs: list[tuple[str, Cost, int]] = []
    for peer in (*peers, ""):
        durable.append(_durable(folder, base))
        cost, size = _ours(folder, recipe)
        costs.append(cost)
        if peer:
            theirs.append((peer, _peer(folder, recipe, peer), len(costs)))
    for peer, cost, place in theirs:
        ours = mean(c.seconds for c in costs[place - 1 : place + 1])
        rows += _beside(what, peer, ours, max(c.peak_mb for c in costs), cost)
    seconds, limit = mean(c.seconds for c in costs), mean(durable)
    rows.append(
        Row(
            f"{what}: beside writing as many bytes durably",
            f"{seconds:.1f} s",
            f"{limit:.1f} s",
            limit / seconds,
            "limit: 0.40; whole process, imports included",
        )
    )
    written = costs[-1].written
    rows.append(
        Row(
            f"{what}: bytes written, beside the finished folder",
            f"{written / MB:.0f} MB",
            f"{size / MB:.0f} MB",
            size / max(1, written),
            "as the kernel counts them",
        )
    )
    return [*rows, _memory(what, costs[-1], base)]


def _beside(what: str, peer: str, seconds: float, peak: float, theirs: Cost) -> list[Row]:
    note = {
        "peft": "whole process, imports included; peft: cat + merge_and_unload + save",
        "mergekit": "whole process, imports included; mergekit with an empty LoRA cache",
    }[peer]
    return [
        Row(
            f"{what}, beside {peer}: wall time",
            f"{seconds:.1f} s",
            f"{theirs.seconds:.1f} s",
            theirs.seconds / seconds,
            note,
        ),
        Row(
            f"{what}, beside {peer}: peak memory",
            f"{peak:.0f} MB",
            f"{theirs.peak_mb:.0f} MB",
            theirs.peak_mb / peak,
            note,
        ),
    ]


def _memory(what: str, cost: Cost, base: Path) -> Row:
    records = read_tensor_file(base / "model.safetensors").tensors.values()
    limit = 2 * max(record.bytes for record in records) / MB + 300
    return Row(
        f"{what}: peak memory",
        f"{cost.peak_mb:.0f} MB",
        f"{limit:.0f} MB",
        limit / cost.peak_mb,
        "limit: 2 times the largest tensor + 300 MB",
    )


def _exactness(folder: Path, base: Path, adapters: list[Path], method: str) -> list[Row]:
    """Return how many weights of two layers are within one step of whole matrices in float64."""
    merged = read_tensor_file(_newest(folder))
    checkpoint = open_checkpoint(base)
    opened = [open_adapter(path, reference=path.name) for path in adapters]
    outputs = plan_merge(checkpoint, opened, output_dtype=None).files[0].tensors
    good = total = 0
    for output in outputs:
        if not output.changes or not any(layer in output.record.name for layer in SAMPLED):
            continue
        stored = StoredRows(checkpoint.home[output.origin], output.origin)
        deltas = torch.stack([_whole(opened, stored, output, i) for i in range(len(opened))])
        everything = slice(0, stored.grid.rows)
        weight = torch.from_numpy(stored.block(everything)).double()
        expected = weight + EXPECTED[method](deltas, output.record.name)
        found = read_tensor(merged, output.record.name).double()
        step = torch.exp2(torch.frexp(expected.abs().clamp(min=1e-38))[1].double() - 8)
        good += int(((found - expected).abs() <= step).sum())
        total += found.numel()
    what = f"3 adapters into 494M bf16, {method}: weights within one bf16 step of float64"
    note = f"of {total / 1e6:.0f}M weights of two layers; limit: 0.9999"
    return [Row(what, f"{good / total:.8f}", "1", good / total, note)]


def _whole(
    opened: list[Adapter], stored: StoredRows, output: OutputTensor, index: int
) -> torch.Tensor:
    change = output.changes[index]
    rows = DeltaRows(opened[change.source], change.part, stored, dtype="float64")
    return torch.from_numpy(rows.block(slice(0, stored.grid.rows)))


def _sum(deltas: torch.Tensor, name: str) -> torch.Tensor:
    del name
    return WEIGHT * deltas.sum(0)


def _dare(deltas: torch.Tensor, name: str) -> torch.Tensor:
    shape = tuple(deltas.shape[1:])
    masks = [chosen(shape, 0, name, place, DENSITY) for place in range(len(deltas))]
    kept = torch.stack([torch.from_numpy(mask) for mask in masks])
    return WEIGHT * (deltas * kept / DENSITY).sum(0)


def _ties(deltas: torch.Tensor, name: str) -> torch.Tensor:
    del name
    kept = torch.zeros_like(deltas)
    for one, delta in zip(kept, deltas, strict=True):
        flat = delta.reshape(-1)
        order = flat.abs().argsort(descending=True, stable=True)[: flat.numel() // 2]
        one.view(-1)[order] = flat[order]
    sign = torch.where(kept.sum(0) >= 0, 1.0, -1.0)
    agrees = kept.sign() == sign
    return (kept * agrees).sum(0) / agrees.sum(0).clamp(min=1)


EXPECTED: dict[str, Callable[[torch.Tensor, str], torch.Tensor]] = {
    "task_arithmetic": _sum,
    "ties": _ties,
    "dare_linear": _dare,
}


def _newest(folder: Path) -> Path:
    return next((folder / "ours").glob("artifacts/merged/*/model.safetensors"))


def _ours(folder: Path, recipe: Path) -> tuple[Cost, int]:
    """Merge into an empty workspace, and return the cost and the size of the finished folder."""
    workspace = folder / "ours"
    shutil.rmtree(workspace, ignore_errors=True)
    cost = measure(["-c", OURS, str(recipe), str(workspace)], folder / "ours.log")
    files = _newest(folder).parent.iterdir()
    return cost, sum(file.stat().st_size for file in files)


def _durable(folder: Path, base: Path) -> float:
    size = (base / "model.safetensors").stat().st_size
    out = folder / "durable.bin"
    cost = measure(["-c", DURABLE, str(out), str(size)], folder / "durable.log")
    out.unlink()
    return cost.seconds


def _peer(folder: Path, recipe: Path, peer: str) -> Cost:
    out = folder / "theirs"
    try:
        if peer == "peft":
            return measure(["-c", PEFT, str(recipe), str(out)], folder / "theirs.log")
        command = ["-m", "mergekit.scripts.run_yaml", str(recipe), str(out), "--quiet"]
        command += ["--lora-merge-cache", str(folder / "cache"), "--no-copy-tokenizer"]
        return measure(command, folder / "theirs.log")
    finally:
        for used in (out, folder / "cache"):  # so that each run is a first run
            shutil.rmtree(used, ignore_errors=True)
