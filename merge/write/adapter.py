"""Several adapters as one: the factors of the merged ΔW, written as a LoRA adapter that works on the unmerged base.

Weighted sums are exact by concatenation: B = [c₁s₁B₁ | c₂s₂B₂ | …], A = [A₁; A₂; …], so that B·A = Σ cᵢ·ΔWᵢ, of the
sum of the ranks. Methods on factors give theirs. A lower rank is the best of its rank (SVD), and what it loses is reported.
The scaling is folded into B (so alpha = rank). The base is not opened.
"""

import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from adapt.errors import ModelError, RecipeError
from adapt.workspace.folder import sync_file, sync_folder
from merge.methods.catalogue import SPECS
from merge.methods.terms import LINEAR, TermsOf
from merge.methods.whole.by_name import FACTORED
from merge.methods.whole.thin_products import Cost, Factors, total_cost, truncate
from merge.weights.adapters import PREFIX, WEIGHTS, Adapter, Part
from merge.weights.delta_tensors import DTYPES, read_finite
from merge.weights.dtypes import CODES, DType
from merge.weights.lora_config import CONFIG
from merge.weights.safetensors_file import TensorRecord, write_header
from merge.write.whole_tensor import one_thread


@dataclass(frozen=True)
class WrittenAdapter:
    """What became of the rank: one entry per module, by its name in the loaded model.

    Attributes:
        ranks: of the written factors.
        errors: ‖cut ΔW - ΔW‖ / ‖ΔW‖ in the Frobenius norm, exact from the singular values; 0 where nothing was cut. The
            rounding into the output dtype is not counted.
        error: the same of all modules together.
    """

    ranks: Mapping[str, int]
    errors: Mapping[str, float]
    error: float


@dataclass(frozen=True)
class Contribution:
    """One adapter's part of a module; `place` is that of the adapter in the recipe."""

    place: int
    adapter: Adapter
    part: Part

    @property
    def shape(self) -> tuple[int, int]:
        """Return (out, in)."""
        tensors = self.adapter.file.tensors
        return tensors[self.part.b].shape[0], tensors[self.part.a].shape[1]

    def factors(self) -> Factors:
        """Return B with the scaling, of shape (out, rank), and A, of shape (rank, in), in fp64."""
        b = read_finite(self.adapter, self.part.b, torch.float64)
        return b.mul_(self.part.scaling), read_finite(self.adapter, self.part.a, torch.float64)


@dataclass(frozen=True)
class Module:
    """One module of the merged adapter, as it is written."""

    rank: int
    cost: Cost
    tensors: dict[str, Tensor]


def write_adapter(  # noqa: PLR0913  what to merge, how, and how large
    adapters: Sequence[Adapter],
    out: Path,
    *,
    method: str,
    terms: TermsOf,
    base: str,
    output_dtype: DType | None = None,
    max_rank: int | None = None,
    max_error: float | None = None,
) -> WrittenAdapter:
    """Write a folder that `PeftModel.from_pretrained` opens; its ΔW is the method's, rounded once into `output_dtype`.

    Needs as much memory as the written adapter is large.

    Args:
        terms: a tensor's values by its name, one weight per adapter, in order.
        base: what the adapter's configuration names as its base.
        output_dtype: of the written factors; None is float32.
        max_rank: the largest rank of a module; what is above is cut off by SVD.
        max_error: of each module, the smallest rank is taken whose relative error is not above this.

    Raises:
        ModelError: an adapter holds NaN or infinity, or a factor is beyond the range of `output_dtype`.
        RecipeError: the method gives no low rank, an adapter is more than B·A (DoRA, whole tensors, biases), the
            adapters do not fit each other, nothing is left to write, or a limit is out of its range.
    """
    _check(adapters, method=method, max_rank=max_rank, max_error=max_error)
    dtype = CODES[output_dtype or "float32"]

    def compute(contributions: list[Contribution]) -> Module | None:
        merged = _merged(contributions, method=method, terms=terms)
        if merged is None:
            return None
        left, right, cost = _limited(*merged, max_rank=max_rank, max_error=max_error)
        names = _names(contributions[0].part)
        return Module(
            left.shape[1], cost, _rounded(dict(zip(names, (right, left), strict=True)), dtype)
        )

    modules = _modules(adapters)
    # side by side, each in one thread: threads inside such small products wait for each other more than they work
    with one_thread(), ThreadPoolExecutor(os.cpu_count()) as pool:
        pairs = zip(modules, pool.map(compute, modules.values()), strict=True)
        changed = {name: module for name, module in pairs if module is not None}
    if not changed:
        raise RecipeError(
            "all weights are 0, or no adapter changes anything, so the merged adapter would be empty; give one a weight"
        )
    ranks = {name: module.rank for name, module in changed.items()}
    tensors = {
        name: tensor for module in changed.values() for name, tensor in module.tensors.items()
    }
    _write_tensors(out / WEIGHTS, tensors, dtype)
    config = _config(ranks, base=base, fan_in_fan_out=adapters[0].config.fan_in_fan_out)
    with (out / CONFIG).open("wb") as file:
        file.write(json.dumps(config, indent=2).encode() + b"\n")
        sync_file(file)
    sync_folder(out)
    errors = {name: module.cost.error for name, module in changed.items()}
    total = total_cost(module.cost for module in changed.values())
    return WrittenAdapter(ranks, errors, total.error)


def _check(
    adapters: Sequence[Adapter], *, method: str, max_rank: int | None, max_error: float | None
) -> None:
    """Refuse what cannot be one adapter."""
    if not SPECS[method].gives_adapter:
        raise RecipeError(
            f"{method} cannot give an adapter: its result has no low rank; merge to a full model, or use "
            "task_arithmetic or core_space"
        )
    if max_rank is not None and max_rank < 1:
        raise RecipeError(f"the rank of a merged adapter must be at least 1, got {max_rank}")
    if max_error is not None and not 0 <= max_error < 1:
        raise RecipeError(
            f"the relative error allowed to a merged adapter must be in [0, 1), got {max_error:g}"
        )
    if len({adapter.config.fan_in_fan_out for adapter in adapters}) > 1:
        raise RecipeError(
            "the adapters differ in fan_in_fan_out; merge them to a full model instead"
        )
    for adapter in adapters:
        if not adapter.is_plain:
            raise RecipeError(
                f"adapter '{adapter.reference}' is more than B·A (DoRA, modules_to_save or biases) and cannot be "
                "joined into one adapter; merge to a full model"
            )


def _modules(adapters: Sequence[Adapter]) -> dict[str, list[Contribution]]:
    """Return, for each module that is changed, what changes it, in the adapters' order."""
    modules: dict[str, list[Contribution]] = {}
    for place, adapter in enumerate(adapters):
        for part in adapter.parts:
            modules.setdefault(part.module, []).append(Contribution(place, adapter, part))
    for module, contributions in modules.items():
        if (
            len(
                {
                    (contribution.shape, contribution.part.embedding)
                    for contribution in contributions
                }
            )
            > 1
        ):
            names = ", ".join(
                f"'{contribution.adapter.reference}'" for contribution in contributions
            )
            raise RecipeError(
                f"the adapters {names} change {module} in different shapes; they were trained on different bases"
            )
    return dict(sorted(modules.items()))


def _merged(
    contributions: Sequence[Contribution], *, method: str, terms: TermsOf
) -> Factors | None:
    """Return the factors of one module's merged ΔW as peft keeps them, or None where nothing is left of it."""
    values = terms(contributions[0].part.target)
    if method in LINEAR:
        coefficients = LINEAR[method](values)
        scaled = [
            (left.mul_(coefficients[contribution.place]), right)
            for contribution in contributions
            if coefficients[contribution.place]
            for left, right in (contribution.factors(),)
        ]
        if not scaled:
            return None
        return torch.cat([left for left, _ in scaled], dim=1), torch.cat([r for _, r in scaled])
    active = [contribution for contribution in contributions if values.weights[contribution.place]]
    if not active or values.number("lambda") == 0:
        return None
    left, right = FACTORED[method](
        [s.factors() for s in active], values.only([s.place for s in active])
    )
    return (left, right) if left.shape[1] else None


def _limited(
    left: Tensor, right: Tensor, *, max_rank: int | None, max_error: float | None
) -> tuple[Tensor, Tensor, Cost]:
    """Return factors within the limits, never of a higher rank than their product can have."""
    has_limit = max_rank is not None or max_error is not None
    if has_limit or left.shape[1] > min(left.shape[0], right.shape[1]):
        return truncate(left, right, max_rank=max_rank, max_error=max_error)
    return left, right, Cost(0.0, 0.0)


def _names(part: Part) -> tuple[str, str]:
    """Return peft's names of A and B."""
    ends = (
        ("lora_embedding_A", "lora_embedding_B")
        if part.embedding
        else ("lora_A.weight", "lora_B.weight")
    )
    return f"{PREFIX}{part.module}.{ends[0]}", f"{PREFIX}{part.module}.{ends[1]}"


def _rounded(tensors: Mapping[str, Tensor], dtype: str) -> dict[str, Tensor]:
    rounded = {name: tensor.to(DTYPES[dtype]).contiguous() for name, tensor in tensors.items()}
    for name, tensor in rounded.items():
        if not torch.isfinite(tensor).all():
            raise ModelError(
                f"{name}: the merged factor is beyond the range of {dtype}; use smaller weights, or dtype: bfloat16"
            )
    return rounded


def _write_tensors(path: Path, tensors: Mapping[str, Tensor], dtype: str) -> None:
    with path.open("wb") as file:
        write_header(
            file, [TensorRecord(name, dtype, tuple(t.shape)) for name, t in tensors.items()]
        )
        for tensor in tensors.values():
            file.write(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
        sync_file(file)


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
