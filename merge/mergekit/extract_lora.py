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
from merge.weights.adapters import PREFIX, WEIGHTS
from merge.weights.checkpoint import Checkpoint, open_checkpoint
from merge.weights.delta_tensors import read_tensor
from merge.weights.lora_config import CONFIG
from merge.weights.safetensors_file import read_tensor_file

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
    include = STRINGS.validate_python(config.get("include") or [])
    exclude = STRINGS.validate_python(config.get("exclude") or [])
    changes = changed(*checkpoints)
    touched = {name.rpartition(".")[0] for name in changes}
    same = {name.rpartition(".")[0] for name in checkpoints[1].home} - touched
    LoaderCache().setup(options)
    plan = plan_extraction(
        base_model_ref=_reference(base),
        model_ref=_reference(model),
        modules_to_save=[],
        out_path=str(out),
        options=options,
        max_rank=int(str(config["rank"])),
        include_regexes=include,
        exclude_regexes=[*exclude, *(f"^{re.escape(module)}$" for module in sorted(same))],
    )
    for _ in Executor(plan.tasks).run():
        pass
    wanted = [
        name
        for name in changes
        if not any(re.search(e, name.rpartition(".")[0]) for e in exclude)
        and (not include or any(re.search(i, name.rpartition(".")[0]) for i in include))
    ]
    return _describe(out, *checkpoints, wanted)


def _reference(folder: Path) -> ModelReference:
    return ModelReference.model_validate({"model": {"path": str(folder)}})


def changed(base: Checkpoint, model: Checkpoint) -> list[str]:
    """Return the tensors of a model that are not the base's, byte for byte."""
    return [name for name in model.home if not _is_same(name, base, model)]


def _is_same(name: str, base: Checkpoint, model: Checkpoint) -> bool:
    if name not in base.home:
        return False
    ours, theirs = model.record(name), base.record(name)
    if (ours.dtype, ours.shape) != (theirs.dtype, theirs.shape):
        return False
    pairs = zip(model.home[name].chunks(name), base.home[name].chunks(name), strict=True)
    return all(a == b for a, b in pairs)


def _describe(
    out: Path, base: Checkpoint, model: Checkpoint, wanted: Sequence[str]
) -> dict[str, JsonValue]:
    """Write peft's configuration of what the file holds, and return a summary of it.

    Raises:
        ModelError: one of the tensors that differ (`wanted`) is not in it.
    """
    names = [name.removeprefix(PREFIX) for name in read_tensor_file(out / WEIGHTS).tensors]
    modules = sorted(name.removesuffix(A) for name in names if name.endswith(A))
    whole = sorted({n.rpartition(".")[0] for n in names if not n.endswith((A, B, OFFSET))})
    written = {n.replace(A, ".weight").replace(OFFSET, ".bias") for n in names}
    lost = [name for name in wanted if name not in written]
    if lost:
        raise ModelError(
            f"{lost[0]} differs from the base's, and mergekit leaves it out; leave its module out with 'exclude'"
        )
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
