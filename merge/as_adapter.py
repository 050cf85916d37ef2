"""Several adapters as one, exactly: B = [c₁s₁B₁ | c₂s₂B₂ | …], A = [A₁; A₂; …], so that B·A = Σ cᵢ·ΔWᵢ.

The rank is the sum of the ranks, the scaling is folded into B (so alpha = rank). The base is not opened.
"""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import torch

from adapt.errors import RecipeError
from adapt.workspace import sync_folder
from merge.adapters import PREFIX, WEIGHTS, Adapter, Part
from merge.deltas import DTYPES, read_finite
from merge.lora_config import CONFIG
from merge.plan import CODES
from merge.recipe import DType
from merge.tensor_file import TensorRecord, sync_file, write_header


def write_adapter(
    adapters: Sequence[Adapter],
    coefficients: Sequence[float],
    out: Path,
    *,
    base: str,
    output_dtype: DType | None = None,
) -> None:
    """Write a folder that `PeftModel.from_pretrained` opens; its ΔW is Σ cᵢ·ΔWᵢ, rounded once into `output_dtype`.

    Args:
        output_dtype: of the written factors; None is float32.

    Raises:
        RecipeError: an adapter is more than B·A (DoRA, whole tensors, biases), or all coefficients are 0.
    """
    modules = _modules(adapters, coefficients)
    dtype = CODES[output_dtype or "float32"]
    records: list[TensorRecord] = []
    shapes: dict[str, tuple[int, int, int]] = {}
    for module, sources in modules.items():
        adapter, part, _ = sources[0]
        rank = sum(p.rank for _, p, _ in sources)
        rows, columns = adapter.file.tensors[part.b].shape[0], adapter.file.tensors[part.a].shape[1]
        shapes[module] = (rank, rows, columns)
        ends = (
            ("lora_embedding_A", "lora_embedding_B")
            if part.embedding
            else ("lora_A.weight", "lora_B.weight")
        )
        records.append(TensorRecord(f"{PREFIX}{module}.{ends[0]}", dtype, (rank, columns)))
        records.append(TensorRecord(f"{PREFIX}{module}.{ends[1]}", dtype, (rows, rank)))
    with (out / WEIGHTS).open("wb") as file:
        write_header(file, records)
        for sources in modules.values():
            for tensor in _joined(sources):
                cast = tensor.to(DTYPES[dtype]).contiguous()
                file.write(cast.reshape(-1).view(torch.uint8).numpy().tobytes())
        sync_file(file)
    ranks = {module: shape[0] for module, shape in shapes.items()}
    config = _config(ranks, base=base, fan_in_fan_out=adapters[0].config.fan_in_fan_out)
    with (out / CONFIG).open("wb") as file:
        file.write(json.dumps(config, indent=2).encode() + b"\n")
        sync_file(file)
    sync_folder(out)


Sources = list[tuple[Adapter, Part, float]]


def _modules(adapters: Sequence[Adapter], coefficients: Sequence[float]) -> dict[str, Sources]:
    """Return, for each module that is changed, the parts that change it and their factors."""
    if len({adapter.config.fan_in_fan_out for adapter in adapters}) > 1:
        raise RecipeError(
            "the adapters differ in fan_in_fan_out; merge them to a full model instead"
        )
    modules: dict[str, Sources] = {}
    for adapter, coefficient in zip(adapters, coefficients, strict=True):
        if not adapter.is_plain:
            raise RecipeError(
                f"adapter '{adapter.reference}' is more than B·A (DoRA, modules_to_save or biases) and cannot be "
                "joined into one adapter; merge to a full model"
            )
        for part in adapter.parts:
            if coefficient:
                modules.setdefault(part.module, []).append((adapter, part, coefficient))
    if not modules:
        raise RecipeError(
            "all weights are 0, so the merged adapter would be empty; give one a weight"
        )
    return dict(sorted(modules.items()))


def _joined(sources: Sources) -> tuple[torch.Tensor, torch.Tensor]:
    """Return A, of shape (Σ rank, in), and B, of shape (out, Σ rank), of one module in fp64."""
    a = [read_finite(adapter, part.a, torch.float64) for adapter, part, _ in sources]
    b = [
        read_finite(adapter, part.b, torch.float64) * (factor * part.scaling)
        for adapter, part, factor in sources
    ]
    return torch.cat(a, dim=0), torch.cat(b, dim=1)


def _config(ranks: dict[str, int], *, base: str, fan_in_fan_out: bool) -> dict[str, object]:
    rank = Counter(ranks.values()).most_common(1)[0][0]
    others = {module: r for module, r in ranks.items() if r != rank}
    return {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base,
        "r": rank,
        "lora_alpha": rank,
        "rank_pattern": others,
        "alpha_pattern": others,
        "target_modules": list(ranks),
        "fan_in_fan_out": fan_in_fan_out,
        "bias": "none",
        "lora_dropout": 0.0,
        "inference_mode": True,
    }
