"""Merge methods that need every task vector of a weight whole, and the base's weight.

From ΔWᵢ (all of one shape and dtype) and W to the merged ΔW; an adapter that leaves the weight alone counts, with a ΔW
of zeros. Definitions are mergekit's (0.1.5) for the models W + ΔWᵢ, its thresholds included.
"""

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor

from merge.methods.terms import Terms

LINEAR_ABOVE = 0.9995  # cosine above which slerp is a straight line
TINY = 1e-6  # mergekit's floor of divisors


def sce(deltas: Sequence[Tensor], base: Tensor, terms: Terms) -> Tensor:
    """Return the SCE merge: select the entries that vary most, calculate weights, erase the signs in the minority.

    Kept are the ⌊`select_topk`·n⌋ of n entries with a variance over the models; wᵢ = mean(ΔWᵢ²)/Σ mean(ΔWⱼ²) of what
    is kept (equal weights where that sum is below 1e-6); ΔW = Σ wᵢ·ΔWᵢ[agrees] / Σ wᵢ[agrees], where those entries
    agree that have the sign of Σ ΔWᵢ, 0 counting as positive.

    Reference: Wan et al. 2024, FuseChat, arXiv:2408.07990 (select, calculate, erase).
    """
    share = terms.number("select_topk")
    if share < 1:
        deltas = _most_varied(deltas, share=share)
    mean = torch.stack([delta.square().mean() for delta in deltas])
    total = float(mean.sum())
    weights = (mean / total).tolist() if total >= TINY else [1 / len(deltas)] * len(deltas)
    sign = torch.where(_sum(deltas) >= 0, 1.0, -1.0).to(base.dtype)
    merged, divisor = torch.zeros_like(base), torch.zeros_like(base)
    for delta, weight in zip(deltas, weights, strict=True):
        agrees = delta.sign() == sign
        merged.add_(delta * agrees, alpha=weight)
        divisor.add_(agrees, alpha=weight)
    return merged.div_(divisor.clamp_(min=TINY))


def _most_varied(deltas: Sequence[Tensor], *, share: float) -> list[Tensor]:
    """Return the task vectors with zeros outside the share of entries whose variance over the models is largest.

    Of entries that vary as much as the last one kept, those that come first in memory are kept.
    """
    mean = _sum(deltas).div_(len(deltas))
    variance = _sum([(delta - mean).square_() for delta in deltas]).reshape(-1)
    count = int(int(torch.count_nonzero(variance)) * share)
    if not count:
        return [torch.zeros_like(delta) for delta in deltas]
    values = variance.numpy().copy()
    place = values.size - count
    values.partition(place)  # a quickselect: many times faster than a sort
    least = float(values[place])
    keep = variance > least
    equal = torch.nonzero(variance == least).reshape(-1)
    keep[equal[: count - int(keep.sum())]] = True
    return [delta * keep.reshape(delta.shape) for delta in deltas]


def model_stock(deltas: Sequence[Tensor], base: Tensor, terms: Terms) -> Tensor:
    """Return the Model Stock merge: t times the mean task vector, t from the angle between the task vectors.

    t = N·cos θ / (1 + (N - 1)·cos θ) with cos θ the mean over all pairs of N task vectors; of the whole tensor, or of
    each row with `filter_wise`. Where the divisor is 0 the base stays.

    Reference: Jang et al. 2024, Model Stock, arXiv:2403.19522 (the ratio for N models).
    """
    shape = base.shape if terms.flag("filter_wise") and base.dim() > 1 else (1, -1)
    flat = [delta.reshape(shape) for delta in deltas]
    norms = [torch.linalg.vector_norm(delta, dim=-1) for delta in flat]
    cosines = [
        ((flat[i] * flat[j]).sum(dim=-1) / (norms[i] * norms[j]).clamp(min=TINY)).clamp(-1, 1)
        for i, j in itertools.combinations(range(len(flat)), 2)
    ]
    cosine = torch.stack(cosines).mean(dim=0).unsqueeze(-1)
    divisor = 1 + (len(flat) - 1) * cosine
    is_singular = divisor.abs() < TINY
    ratio = len(flat) * cosine / torch.where(is_singular, 1.0, divisor)
    ratio = torch.where(is_singular, 0.0, ratio)
    return (_sum(flat).div_(len(flat)) * ratio).reshape(base.shape)


def slerp(deltas: Sequence[Tensor], base: Tensor, terms: Terms) -> Tensor:
    """Return the way from the first model's whole weight to the second's along an arc, as a task vector.

    With θ the angle between W + ΔW₁ and W + ΔW₂, W + ΔW = (sin((1-t)θ)·(W + ΔW₁) + sin(tθ)·(W + ΔW₂)) / sin θ; a
    straight line where |cos θ| > 0.9995, as of two adapters of one base it nearly always is.

    Reference: Shoemake 1985, Animating rotation with quaternion curves, doi:10.1145/325165.325242
    """
    t = terms.number("t")
    first, second = (base + delta for delta in deltas)
    norms = [float(torch.linalg.vector_norm(model)) for model in (first, second)]
    size = [norm if norm > 1e-8 else 1.0 for norm in norms]
    cosine = (first.mul_(second).sum() / (size[0] * size[1])).clamp(-1, 1)
    if cosine.abs() > LINEAR_ABOVE:
        return deltas[0] * (1 - t) + deltas[1] * t
    angle = cosine.acos()
    a, b = (torch.sin(part * angle) / angle.sin() for part in (1 - t, t))
    return deltas[0] * a + deltas[1] * b + base * (a + b - 1)


def nuslerp(deltas: Sequence[Tensor], base: Tensor, terms: Terms) -> Tensor:
    """Return the way from one task vector to the other along an arc, at the second's share of the weights.

    t = w₂/(w₁ + w₂), a half where that sum is 0; ΔW = (sin((1-t)θ)·ΔW₁ + sin(tθ)·ΔW₂) / sin θ, a straight line where
    both point the same or opposite ways. One angle θ for the whole tensor (`nuslerp_flatten`), else one along its last
    dimension, or along its first with `nuslerp_row_wise`.

    Reference: Shoemake 1985, doi:10.1145/325165.325242; on task vectors, as mergekit has it.
    """
    total = sum(terms.weights)
    t = terms.weights[1] / total if abs(total) >= TINY else 0.5
    if terms.flag("nuslerp_flatten"):
        return _arc(deltas[0].reshape(-1), deltas[1].reshape(-1), t, axis=0).reshape(base.shape)
    return _arc(deltas[0], deltas[1], t, axis=0 if terms.flag("nuslerp_row_wise") else -1)


def _arc(first: Tensor, second: Tensor, t: float, *, axis: int) -> Tensor:
    lengths = [
        torch.linalg.vector_norm(delta, dim=axis, keepdim=True).clamp(min=1e-7)
        for delta in (first, second)
    ]
    cosine = ((first / lengths[0]) * (second / lengths[1])).sum(dim=axis, keepdim=True).clamp(-1, 1)
    is_line = (1 - cosine.square()) <= 1e-16
    angle = torch.where(is_line, 0.0, cosine).acos()
    a, b = (
        torch.where(is_line, part, torch.sin(part * angle) / angle.sin()) for part in (1 - t, t)
    )
    return a * first + b * second


def _sum(tensors: Sequence[Tensor]) -> Tensor:
    total = torch.zeros_like(tensors[0])
    for tensor in tensors:
        total.add_(tensor)
    return total
