"""An adapter out of a full model, by mergekit's truncated SVD; modules that are as in the base are left out.

ΔW = W - W₀ of each linear layer becomes B·A of the given rank. What cannot be decomposed (norms, embeddings) is kept whole
(`modules_to_save`) where it differs.
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from mergekit.common import ModelReference
from mergekit.graph import Executor
from mergekit.io.tasks import LoaderCache
from mergekit.options import MergeOptions
from mergekit.scripts.extract_lora import plan_extraction
from pydantic import JsonValue, TypeAdapter
from safetensors.torch import load_file

from adapt.errors import ModelError
from merge.adapters import PREFIX, WEIGHTS
from merge.checkpoint import Checkpoint, open_checkpoint
from merge.deltas import read_tensor
from merge.lora_config import CONFIG
from merge.tensor_file import read_tensor_file

STRINGS = TypeAdapter(list[str])
A, B, OFFSET = ".lora_A.weight", ".lora_B.weight", ".lora_B.bias"


def extract(
    config: Mapping[str, JsonValue], out: Path, options: MergeOptions
) -> dict[str, JsonValue]:
    """Write an adapter that makes `model` of `base_model`; return its size, and ‖ΔW - B·A‖ / ‖ΔW‖ over all of it.

    Args:
        config: `model` and `base_model` (folders), `rank`, `include` and `exclude` (regular expressions).
        options: mergekit's.

    Raises:
        ModelError: no linear layer differs, or a tied embedding does, which an adapter cannot hold.
    """
    base, model = Path(str(config["base_model"])), Path(str(config["model"]))
    checkpoints = open_checkpoint(base), open_checkpoint(model)
    LoaderCache().setup(options)
    plan = plan_extraction(
        base_model_ref=_reference(base),
        model_ref=_reference(model),
        modules_to_save=[],
        out_path=str(out),
        options=options,
        max_rank=int(str(config["rank"])),
        include_regexes=STRINGS.validate_python(config.get("include") or []),
        exclude_regexes=[
            *STRINGS.validate_python(config.get("exclude") or []),
            *(f"^{re.escape(module)}$" for module in unchanged(*checkpoints)),
        ],
    )
    for _ in Executor(plan.tasks).run():
        pass
    return _describe(out, *checkpoints)


def _reference(folder: Path) -> ModelReference:
    return ModelReference.model_validate({"model": {"path": str(folder)}})


def unchanged(base: Checkpoint, model: Checkpoint) -> list[str]:
    """Return the modules whose tensors are all the same, byte for byte."""
    same: dict[str, bool] = {}
    for name, file in model.home.items():
        module = name.rpartition(".")[0]
        other = base.home.get(name)
        equal = (
            other is not None
            and base.record(name).dtype == model.record(name).dtype
            and base.record(name).shape == model.record(name).shape
            and all(a == b for a, b in zip(other.chunks(name), file.chunks(name), strict=True))
        )
        same[module] = same.get(module, True) and equal
    return [module for module, is_same in same.items() if is_same]


def _describe(out: Path, base: Checkpoint, model: Checkpoint) -> dict[str, JsonValue]:
    """Write peft's configuration of what the file holds, and return what there is to tell of it."""
    names = [name.removeprefix(PREFIX) for name in read_tensor_file(out / WEIGHTS).tensors]
    modules = sorted(name.removesuffix(A) for name in names if name.endswith(A))
    whole = sorted({n.rpartition(".")[0] for n in names if not n.endswith((A, B, OFFSET))})
    if not modules:
        raise ModelError("no linear layer of the model differs from the base; nothing to extract")
    if base.is_tied and base.embedding and base.embedding.removesuffix(".weight") in whole:
        raise ModelError(
            "the embedding differs from the base's and is its output head as well, which an adapter cannot hold; "
            "leave it out with exclude: [embed_tokens]"
        )
    ranks, error, size = {}, 0.0, 0.0
    weights = load_file(out / WEIGHTS)
    for module in modules:
        a, b = (weights[f"{PREFIX}{module}{end}"].double() for end in (A, B))
        name = f"{module}.weight"
        delta = read_tensor(model.home[name], name).double()
        delta -= read_tensor(base.home[name], name).double()
        ranks[module] = a.shape[0]
        error += float((delta - b @ a).square().sum())
        size += float(delta.square().sum())
    _write_config(out, ranks, whole, has_offsets=any(name.endswith(OFFSET) for name in names))
    return {
        "modules": len(modules),
        "rank": max(ranks.values()),
        "kept_whole": len(whole),
        "relative_error": (error / size) ** 0.5,
    }


def _write_config(
    out: Path, ranks: Mapping[str, int], whole: Sequence[str], *, has_offsets: bool
) -> None:
    """Write peft's configuration; modules by their full names, since a short one would mean every layer's."""
    most = max(ranks.values())
    lower = {module: rank for module, rank in ranks.items() if rank != most}
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": None,
        "target_modules": list(ranks),
        "modules_to_save": list(whole) or None,
        "r": most,
        "lora_alpha": most,
        "rank_pattern": lower,
        "alpha_pattern": lower,
        "lora_bias": has_offsets,
        "lora_dropout": 0.0,
        "fan_in_fan_out": False,
        "use_rslora": False,
        "inference_mode": True,
    }
    (out / CONFIG).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
