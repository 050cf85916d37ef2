"""Merging three adapters of a 494M-parameter model into one adapter: its error against full matrices, and its time.

The shape is Qwen2-0.5B's, all seven linear layers of each of 24 blocks at rank 16; the adapters are random and no base
is there, because none is opened. Time is from the adapters' folders to the finished one, synced to the disk, in a
process whose imports are done; the middle of three runs.
"""

import json
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from merge.methods.spec import Value
from merge.methods.terms import Terms, TermsOf
from merge.weights.adapters import PREFIX, WEIGHTS, Adapter, open_adapter
from merge.weights.lora_config import CONFIG
from merge.write.adapter import WrittenAdapter, write_adapter
from merge.write.whole_tensor import one_thread
from tests.benchmarks.report import Row

BLOCKS, HIDDEN, INNER, KEYS, RANK = 24, 896, 4864, 128, 16
SHAPES = {
    "self_attn.q_proj": (HIDDEN, HIDDEN),
    "self_attn.k_proj": (KEYS, HIDDEN),
    "self_attn.v_proj": (KEYS, HIDDEN),
    "self_attn.o_proj": (HIDDEN, HIDDEN),
    "mlp.gate_proj": (INNER, HIDDEN),
    "mlp.up_proj": (INNER, HIDDEN),
    "mlp.down_proj": (HIDDEN, INNER),
}
FACTORS = (0.6, 0.5, -0.4)
ERROR_LIMIT = 1e-6
SECONDS_LIMIT = 1.0
RUNS = 3
COMPARED = 28  # of 168 modules, all seven kinds among them, against full matrices
# what is measured, and the method and inner method that it is
WAYS = {
    "concatenation": ("task_arithmetic", ""),
    "Core Space": ("core_space", "task_arithmetic"),
}
TIMED = {
    **WAYS,
    "Core Space, TIES": ("core_space", "ties"),
    "TSV": ("tsv", ""),
    "Iso-C": ("iso_c", ""),
    "KnOTS, TIES": ("knots", "ties"),
}


def run() -> list[Row]:
    """Measure and return a row per way for the error, and one per method for the time."""
    with tempfile.TemporaryDirectory() as name, one_thread():
        root = Path(name)
        folders = [_make_adapter(root / str(i), seed=i) for i in range(len(FACTORS))]
        rows = [_error_row(folders, root, way) for way in WAYS]
        rows += [_time_row(folders, root, way) for way in TIMED]
        rows.append(_cut_row(folders, root))
        return rows


def _error_row(folders: Sequence[Path], root: Path, way: str) -> Row:
    out = root / f"{way} error"
    _write(folders, out, *TIMED[way])
    worst = max(_errors(folders, out).values())
    return Row(
        f"3 adapters (r=16, 494M shape) as one, task arithmetic by {way}: worst relative error of a weight",
        f"{worst:.1e}",
        f"{ERROR_LIMIT:.0e}",
        ERROR_LIMIT / worst,
        "beside Σ wᵢ·sᵢ·BᵢAᵢ of full matrices in fp64; the factors are written in fp32",
    )


def _time_row(folders: Sequence[Path], root: Path, way: str) -> Row:
    wall, cpu = [], []
    for number in range(RUNS):
        started, spent = time.perf_counter(), time.process_time()
        _write(folders, root / f"{way} {number}", *TIMED[way])
        wall.append(time.perf_counter() - started)
        cpu.append(time.process_time() - spent)
    seconds = statistics.median(wall)
    return Row(
        f"3 adapters (r=16, 494M shape) as one, {way}: time of a new recipe",
        f"{seconds:.2f} s",
        f"{SECONDS_LIMIT:.0f} s",
        SECONDS_LIMIT / seconds,
        f"synced to the disk; processor time {statistics.median(cpu):.2f} s",
    )


def _cut_row(folders: Sequence[Path], root: Path) -> Row:
    out = root / "cut"
    written = _write(folders, out, "task_arithmetic", "", max_rank=2 * RANK)
    errors = _errors(folders, out)
    found = max(errors.values())
    told = max(written.errors[module] for module in errors)
    return Row(
        "the same cut from rank 48 to 32: worst relative error, as told and as found",
        f"{told:.6f}",
        f"{found:.6f}",
        told / found,
        "random adapters have no direction to spare, trained ones lose less",
    )


def _make_adapter(folder: Path, *, seed: int) -> Path:
    folder.mkdir()
    chance = torch.Generator().manual_seed(seed)
    tensors = {}
    for block in range(BLOCKS):
        for module, (rows, columns) in SHAPES.items():
            name = f"{PREFIX}model.layers.{block}.{module}"
            tensors[f"{name}.lora_A.weight"] = torch.randn(RANK, columns, generator=chance) / 30
            tensors[f"{name}.lora_B.weight"] = torch.randn(rows, RANK, generator=chance) / 100
    save_file(tensors, folder / WEIGHTS)
    config = {"peft_type": "LORA", "r": RANK, "lora_alpha": 2 * RANK, "target_modules": [*SHAPES]}
    (folder / CONFIG).write_text(json.dumps(config))
    return folder


def _write(
    folders: Sequence[Path], out: Path, method: str, inner: str, *, max_rank: int | None = None
) -> WrittenAdapter:
    out.mkdir()
    adapters = [open_adapter(folder, reference=folder.name) for folder in folders]
    return write_adapter(
        adapters, out, method=method, terms=_terms(inner), base="base", max_rank=max_rank
    )


def _terms(inner: str) -> TermsOf:
    shared: dict[str, Value] = {"lambda": 1.0, "normalize": False, "inner": inner}
    terms = Terms(FACTORS, sources={"density": (0.5,) * len(FACTORS)}, shared=shared)
    return lambda _: terms


def _errors(folders: Sequence[Path], out: Path) -> dict[str, float]:
    """Return the relative error of some modules, in the Frobenius norm, of full matrices."""
    merged, errors = open_adapter(out, reference="out"), {}
    sources = [open_adapter(folder, reference=folder.name) for folder in folders]
    tensors = [load_file(adapter.file.path) for adapter in (merged, *sources)]
    for part in merged.parts[:: len(merged.parts) // COMPARED]:
        ours = _product(merged, tensors[0], part.module)
        whole = torch.zeros_like(ours)
        for adapter, own, factor in zip(sources, tensors[1:], FACTORS, strict=True):
            whole.add_(_product(adapter, own, part.module), alpha=factor)
        error = torch.linalg.matrix_norm(ours - whole) / torch.linalg.matrix_norm(whole)
        errors[part.module] = float(error)
    return errors


def _product(adapter: Adapter, tensors: dict[str, torch.Tensor], module: str) -> torch.Tensor:
    part = next(part for part in adapter.parts if part.module == module)
    return part.scaling * (tensors[part.b].double() @ tensors[part.a].double())
