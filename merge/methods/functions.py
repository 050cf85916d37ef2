"""Merge methods as functions on whole tensors: from the task vectors ΔWᵢ of one weight to the ΔW of the merged model.

Pure functions; all tensors of a call have one shape and one dtype (float32 or float64), and so has the result. The
arithmetic is `merge.methods.entrywise`, which works by blocks; these are for tensors that are in memory anyway.
Not here: methods that need whole matrices or factors (`merge.methods.whole.by_name`).
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from merge.methods.density import kept
from merge.methods.entrywise import RULES, merge_entries
from merge.methods.sparsify import trimmed
from merge.methods.terms import LINEAR, Terms, linear_coefficients, task_arithmetic_coefficients
from merge.weights.delta_blocks import Grid, Places
from merge.weights.floats import Array

__all__ = ["LINEAR", "kept", "linear_coefficients", "task_arithmetic_coefficients"]


def task_arithmetic(deltas: Sequence[Tensor], terms: Terms) -> Tensor:
    """Return λ·Σ wᵢ·ΔWᵢ (divided by Σ wᵢ if normalised), of the task vectors' shape.

    Reference: Ilharco et al. 2023, Editing models with task arithmetic, arXiv:2212.04089.
    """
    return combine("task_arithmetic", deltas, terms)


def linear(deltas: Sequence[Tensor], terms: Terms) -> Tensor:
    """Return Σ wᵢ·ΔWᵢ / Σ wᵢ, the mean of the models, of the task vectors' shape.

    Reference: Wortsman et al. 2022, Model soups, arXiv:2203.05482.
    """
    return combine("linear", deltas, terms)


def ties(deltas: Sequence[Tensor], terms: Terms) -> Tensor:
    """Return the TIES merge of task vectors: trim each, elect a sign per entry, average those that agree.

    With tᵢ = wᵢ·trim(ΔWᵢ) and the sign s = +1 where Σ tᵢ ≥ 0, else -1:
    ΔW = λ·Σ tᵢ[sign(tᵢ) = s] / Σ wᵢ[sign(tᵢ) = s]; no division where `normalize` is off or the divisor is 0.

    Reference: Yadav et al. 2023, TIES-Merging, arXiv:2306.01708, section 3; weighting, the tie of signs going to + and
    the division by weights instead of counts are mergekit's.
    """
    return combine("ties", deltas, terms)


def combine(method: str, deltas: Sequence[Tensor], terms: Terms) -> Tensor:
    """Return the merged ΔW of whole task vectors by any method of `merge.methods.entrywise`."""
    if method not in RULES:
        raise ValueError(f"{method} does not work entry by entry")
    shape = tuple(deltas[0].shape)
    grid = Grid.of(shape)
    arrays = [delta.detach().numpy().reshape(grid.rows, grid.columns) for delta in deltas]
    places = range(len(deltas))
    merge = merge_entries(method, [_Whole(a) for a in arrays], grid, terms, places=places)
    merged = np.empty_like(arrays[0])
    for number, rows in enumerate(grid):
        nothing = np.zeros_like(arrays[0][rows])
        merged[rows] = merge.block(number, nothing, dtype=arrays[0].dtype.type)
    return torch.from_numpy(merged.reshape(shape))


def trim(delta: Tensor, *, density: float) -> Tensor:
    """Return a copy of a task vector with its largest entries kept and the rest zero.

    Exactly `kept(n, density)` of n entries survive. Among entries of the size of the smallest one kept, those that come
    first in memory survive, so the result does not depend on threads.

    Args:
        density: share of entries kept, in (0, 1].

    Raises:
        ValueError: `density` is outside (0, 1].
    """
    grid = Grid.of(tuple(delta.shape))
    flat = delta.detach().numpy().reshape(grid.rows, grid.columns)
    whole = _Whole(flat)
    chosen = trimmed(
        lambda block: whole.block(grid.span(block)), grid, density=density, rescale=False
    )
    out = np.empty_like(flat)
    for number, rows in enumerate(grid):
        mask = chosen.keep(number, flat[rows]).mask
        out[rows] = flat[rows] if mask is None else flat[rows] * mask
    return torch.from_numpy(out.reshape(tuple(delta.shape)))


class _Whole:
    """A task vector that is in memory, of shape (rows, columns), and taken as exact."""

    def __init__(self, delta: Array) -> None:
        self._delta = delta

    def block(self, rows: slice, base: Array | None = None) -> Array:
        """Return a copy of some rows."""
        del base
        return self._delta[rows].copy()

    def exact(self, rows: slice, base: Array, at: Places) -> NDArray[np.float64]:
        """Return single entries of some rows in float64."""
        del base
        return self._delta[rows][at].astype(np.float64)

    def error(self, rows: slice, base: Array, *, additions: int) -> NDArray[np.float64]:
        """Return 0: what is given is what is meant."""
        del base, additions
        return np.zeros((rows.stop - rows.start, 1))
