"""Merge methods: from the task vectors ΔWᵢ of one weight to the ΔW of the merged model.

Pure functions on tensors; all tensors of a call have one shape and one dtype, and so has the result. A new method is
one function, an entry in `METHODS` (and in `LINEAR`, if it is a weighted sum), and one in `merge.specs`.
Definitions are mergekit's (0.1.5, `generalized_task_arithmetic.py`, `linear.py`), so that a recipe means the same.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from merge.terms import Terms


def task_arithmetic_coefficients(terms: Terms) -> tuple[float, ...]:
    """Return cᵢ of ΔW = Σ cᵢ·ΔWᵢ: λ·wᵢ, divided by Σ wⱼ where normalised (unless that sum is 0, as mergekit)."""
    total = math.fsum(terms.weights) if terms.flag("normalize") else 1.0
    divisor = total if abs(total) >= 1e-8 else 1.0
    return tuple(terms.number("lambda") * weight / divisor for weight in terms.weights)


def linear_coefficients(terms: Terms) -> tuple[float, ...]:
    """Return cᵢ = wᵢ / Σ wⱼ of a mean of models; the base's own weight counts in the sum.

    Raises:
        ValueError: the weights sum to 0.
    """
    total = math.fsum((*terms.weights, terms.base_weight))
    if total == 0:
        raise ValueError("the weights sum to 0, and a mean divides by their sum")
    return tuple(weight / total for weight in terms.weights)


def task_arithmetic(deltas: Sequence[Tensor], terms: Terms) -> Tensor:
    """Return λ·Σ wᵢ·ΔWᵢ (divided by Σ wᵢ if normalised), of the task vectors' shape.

    Reference: Ilharco et al. 2023, Editing models with task arithmetic, arXiv:2212.04089.
    """
    return _weighted_sum(deltas, task_arithmetic_coefficients(terms))


def linear(deltas: Sequence[Tensor], terms: Terms) -> Tensor:
    """Return Σ wᵢ·ΔWᵢ / Σ wᵢ, the mean of the models, of the task vectors' shape.

    Reference: Wortsman et al. 2022, Model soups, arXiv:2203.05482.
    """
    return _weighted_sum(deltas, linear_coefficients(terms))


def _weighted_sum(deltas: Sequence[Tensor], coefficients: Sequence[float]) -> Tensor:
    total = torch.zeros_like(deltas[0])
    for delta, coefficient in zip(deltas, coefficients, strict=True):
        total.add_(delta, alpha=coefficient)
    return total


def ties(deltas: Sequence[Tensor], terms: Terms) -> Tensor:
    """Return the TIES merge of task vectors: trim each, elect a sign per entry, average those that agree.

    With tᵢ = wᵢ·trim(ΔWᵢ) and the sign s = +1 where Σ tᵢ ≥ 0, else -1:
    ΔW = λ·Σ tᵢ[sign(tᵢ) = s] / Σ wᵢ[sign(tᵢ) = s]; no division where `normalize` is off or the divisor is 0.

    Reference: Yadav et al. 2023, TIES-Merging, arXiv:2306.01708, section 3; weighting, the tie of signs going to + and
    the division by weights instead of counts are mergekit's.
    """
    trimmed = [
        trim(delta, density=density).mul_(weight)
        for delta, density, weight in zip(
            deltas, terms.sources["density"], terms.weights, strict=True
        )
    ]
    total = torch.zeros_like(trimmed[0])
    for term in trimmed:
        total.add_(term)
    sign = torch.where(total >= 0, 1.0, -1.0).to(total.dtype)
    total.zero_()
    divisor = torch.zeros_like(total) if terms.flag("normalize") else None
    for term, weight in zip(trimmed, terms.weights, strict=True):
        term.mul_(sign).clamp_(min=0)  # positive where the entry agrees with the elected sign
        total.add_(term)
        if divisor is not None:
            divisor.add_(term > 0, alpha=weight)
    total.mul_(sign)
    if divisor is not None:
        divisor[divisor == 0] = 1
        total.div_(divisor)
    lam = terms.number("lambda")
    return total if lam == 1 else total.mul_(lam)


def trim(delta: Tensor, *, density: float) -> Tensor:
    """Return a copy of a task vector with its largest entries kept and the rest zero.

    Exactly `kept(n, density)` of n entries survive. Among entries of the size of the smallest one kept, those that come
    first in memory survive, so the result does not depend on threads.

    Args:
        density: share of entries kept, in (0, 1].

    Raises:
        ValueError: `density` is outside (0, 1].
    """
    count = kept(delta.numel(), density)
    if count >= delta.numel():
        return delta.clone()
    size = delta.abs().reshape(-1)
    # numpy's partition is a vectorised quickselect: 15 times torch.kthvalue, 50 times a sort
    ordered = size.numpy().copy()
    place = size.numel() - count
    ordered.partition(place)
    threshold = float(ordered[place])
    above = int(np.count_nonzero(ordered[place:] > threshold))
    keep = size > threshold
    at = torch.nonzero(size == threshold).reshape(-1)
    keep[at[: count - above]] = True
    return delta * keep.reshape(delta.shape)


def kept(entries: int, density: float) -> int:
    """Return how many of a task vector's entries trimming keeps: ⌊density·n⌋, but at least one of n ≥ 1, as mergekit.

    Raises:
        ValueError: `density` is outside (0, 1].
    """
    if not 0 < density <= 1:
        raise ValueError(f"density must be in (0, 1], got {density}")
    return min(entries, max(1, int(density * entries)))


METHODS: dict[str, Callable[[Sequence[Tensor], Terms], Tensor]] = {
    "task_arithmetic": task_arithmetic,
    "ties": ties,
    "linear": linear,
}
# The methods that are weighted sums: their ΔW need not be held all at once, and can be an adapter again.
LINEAR: dict[str, Callable[[Terms], tuple[float, ...]]] = {
    "task_arithmetic": task_arithmetic_coefficients,
    "linear": linear_coefficients,
}
