"""Generalised task arithmetic: sparsify each task vector, agree on a sign per entry or not, add.

    ΔW = λ·Σ tᵢ·[agrees] / D,   tᵢ = wᵢ·sparsify(ΔWᵢ)

One rule per method says how it sparsifies and whether signs are agreed on. All of them work entry by entry once their
statistics are taken, so a tensor is merged block by block, and no ΔW is ever whole in memory.
Meaning and names are mergekit's (0.1.5, `generalized_task_arithmetic.py`); differences stand in `merge.methods.sparsify`.

| method | paper | sparsify | signs |
|---|---|---|---|
| task_arithmetic | Ilharco et al. 2023, arXiv:2212.04089, section 2 | - | - |
| linear | Wortsman et al. 2022, Model soups, arXiv:2203.05482 | - | - |
| magnitude | the trim of TIES alone | by size | - |
| ties | Yadav et al. 2023, arXiv:2306.01708, section 3 | by size | agreed |
| dare_linear, dare_ties | Yu et al. 2023, arXiv:2311.03099 | at random | - / agreed |
| breadcrumbs, breadcrumbs_ties | Davari and Belilovsky 2023, arXiv:2312.06795 | by size, no outliers | - / agreed |
| della_linear, della | Deep et al. 2024, arXiv:2406.11617 | by rank, at random | - / agreed |

Agreeing (TIES, "elect" and "disjoint merge"): the sign is that of Σ tᵢ, + where the sum is 0; entries of the other sign
are left out; D = Σ wᵢ of those that agree where `normalize` is on, or 1 where that is 0. Without agreeing D = Σ wᵢ of all.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from merge.methods.sparsify import (
    Draws,
    Everything,
    Kept,
    Sparsifier,
    breadcrumbs,
    dropped,
    dropped_by_size,
    trimmed,
)
from merge.methods.task_vectors import Summand, TaskVector, folded
from merge.methods.terms import LINEAR, Terms, task_arithmetic_coefficients
from merge.weights.delta_blocks import Grid
from merge.weights.floats import Array


@dataclass(frozen=True)
class SparsifierInput:
    """One task vector of one tensor with its parameters, for making a sparsifier."""

    vector: TaskVector
    grid: Grid
    terms: Terms
    index: int

    def value(self, name: str) -> float:
        """Return this source's value of a parameter."""
        return self.terms.sources[name][self.index]

    @property
    def rescale(self) -> bool:
        """Return whether to make up for what is left out."""
        return self.terms.flag("rescale")

    @property
    def draws(self) -> Draws:
        """Return the random numbers of this tensor and adapter."""
        place = self.terms.places[self.index] if self.terms.places else self.index
        seed = int(self.terms.number("seed", 0))
        return Draws(seed, self.terms.tensor, place, self.grid.columns)

    def deltas(self, block: int) -> Array:
        """Return a block of ΔW."""
        return self.vector.block(self.grid.span(block))


def _everything(given: SparsifierInput) -> Sparsifier:
    del given
    return Everything()


def _trim(given: SparsifierInput) -> Sparsifier:
    return trimmed(given.deltas, given.grid, density=given.value("density"), rescale=given.rescale)


def _breadcrumbs(given: SparsifierInput) -> Sparsifier:
    density, gamma = given.value("density"), given.value("gamma")
    return breadcrumbs(
        given.deltas, given.grid, density=density, gamma=gamma, rescale=given.rescale
    )


def _dare(given: SparsifierInput) -> Sparsifier:
    return dropped(given.draws, given.grid, density=given.value("density"), rescale=given.rescale)


def _della(given: SparsifierInput) -> Sparsifier:
    density, epsilon = given.value("density"), given.value("epsilon")
    return dropped_by_size(
        given.draws, given.grid, density=density, epsilon=epsilon, rescale=given.rescale
    )


@dataclass(frozen=True)
class Rule:
    """What a method does to each task vector, and whether their signs are agreed on."""

    sparsifier: Callable[[SparsifierInput], Sparsifier]
    agrees: bool = False


RULES: dict[str, Rule] = {
    "task_arithmetic": Rule(_everything),
    "linear": Rule(_everything),
    "magnitude": Rule(_trim),
    "ties": Rule(_trim, agrees=True),
    "dare_linear": Rule(_dare),
    "dare_ties": Rule(_dare, agrees=True),
    "breadcrumbs": Rule(_breadcrumbs),
    "breadcrumbs_ties": Rule(_breadcrumbs, agrees=True),
    "della_linear": Rule(_della),
    "della": Rule(_della, agrees=True),
}


def needs_float64(method: str, terms: Terms) -> bool:
    """Return whether float32 could be far off: where weights of both signs are divided by their sum."""
    both = min(terms.weights, default=0.0) < 0 < max(terms.weights, default=0.0)
    return both and RULES[method].agrees and terms.flag("normalize")


def merge_entries(
    method: str, vectors: Sequence[TaskVector], grid: Grid, terms: Terms, *, places: Sequence[int]
) -> "EntriesMerge":
    """Return the merge of one tensor, its statistics taken; its blocks are computed when asked for.

    Args:
        vectors: the task vectors that change this tensor.
        terms: of all adapters, those included that leave this tensor alone: their weights count in a mean.
        places: which of the adapters each vector is.
    """
    coefficients = LINEAR.get(method, task_arithmetic_coefficients)(terms)
    return EntriesMerge(
        RULES[method], vectors, grid, terms.only(places), [coefficients[i] for i in places]
    )


class EntriesMerge:
    """The merge of one tensor."""

    def __init__(
        self,
        rule: Rule,
        vectors: Sequence[TaskVector],
        grid: Grid,
        terms: Terms,
        coefficients: Sequence[float],
    ) -> None:
        """Take each task vector's statistics."""
        self._grid = grid
        self._weights = terms.weights
        self._agrees = rule.agrees
        self._normalizes = terms.flag("normalize")
        self._lam = terms.number("lambda")
        factors = terms.weights if rule.agrees else coefficients
        summands = [
            Summand(vector, rule.sparsifier(SparsifierInput(vector, grid, terms, index)), factor)
            for index, (vector, factor) in enumerate(zip(vectors, factors, strict=True))
        ]
        self._summands = summands if rule.agrees else folded(summands)

    def block(self, number: int, base: Array, *, dtype: type[np.floating]) -> Array:
        """Return W + ΔW of one block of rows, computed in `dtype`, in memory of its own.

        In float32, entries that cancel so far that its error could show after rounding to bfloat16 are computed again in
        float64.
        """
        rows = self._grid.span(number)
        terms, kept = [], []
        for summand in self._summands:
            term = summand.vector.block(rows, base)
            selection = summand.sparsifier.keep(number, term)
            factor = selection.scale * summand.factor
            if isinstance(factor, np.ndarray) or factor != 1:
                term *= np.asarray(factor, dtype)
            if selection.mask is not None:
                term *= selection.mask
            terms.append(term)
            kept.append(selection)
        agreed = self._agree(terms) if self._agrees else None
        total = terms[0]
        for term in terms[1:]:
            total += term
        if agreed is not None:
            self._finish(total, agreed)
        total += base
        if dtype is np.float32:
            self._mend(total, rows, base, kept, agreed)
        return total

    def _agree(self, terms: Sequence[Array]) -> list[NDArray[np.bool_]]:
        """Zero in place what does not have the elected sign, and return what has it."""
        elected = terms[0] + terms[1] if len(terms) > 1 else terms[0].copy()
        for term in terms[2:]:
            elected += term
        is_positive = elected >= 0
        agreed = []
        for term in terms:
            agrees = (term > 0) == is_positive
            agrees &= term != 0
            np.multiply(term, agrees, out=term)
            agreed.append(agrees)
        return agreed

    def _finish(self, total: Array, agreed: Sequence[NDArray[np.bool_]]) -> None:
        """Divide by the weights that agree, and multiply by λ, in place."""
        if self._normalizes:
            total /= self._divisor(agreed, total.dtype.type)
        if self._lam != 1:
            total *= total.dtype.type(self._lam)

    def _divisor(self, agreed: Sequence[NDArray[np.bool_]], dtype: type[np.floating]) -> Array:
        if len(set(self._weights)) == 1:  # counting is three times as fast
            counts = np.zeros(agreed[0].shape, np.uint8 if len(agreed) < 256 else np.int64)
            for agrees in agreed:
                counts += agrees
            taking_part: Array = np.maximum(counts, 1).astype(dtype)
            taking_part *= dtype(self._weights[0])
            return taking_part
        divisor = np.zeros(agreed[0].shape, dtype)
        for agrees, weight in zip(agreed, self._weights, strict=True):
            divisor += np.multiply(agrees, dtype(weight), dtype=dtype)
        divisor[divisor == 0] = 1
        return divisor

    def _mend(
        self,
        total: Array,
        rows: slice,
        base: Array,
        kept: Sequence[Kept],
        agreed: Sequence[NDArray[np.bool_]] | None,
    ) -> None:
        """Compute again in float64, in place, what float32 may have got wrong by half a step of bfloat16."""
        # half a step is 2⁻⁹ of the value or more
        limits = (self._error(rows, base, kept) * 2.0**9).astype(np.float32).reshape(-1)
        sizes = np.abs(total).reshape(-1)
        # one limit for all rows first, three times as fast as one for each
        places = np.flatnonzero(sizes < np.fmax.reduce(limits, initial=0))
        places = places[sizes[places] < limits[places // self._grid.columns]]
        if not places.size:
            return
        at = np.divmod(places, self._grid.columns)
        exact = np.zeros(places.size)
        for i, (summand, selection) in enumerate(zip(self._summands, kept, strict=True)):
            entries = summand.vector.exact(rows, base, at)
            entries *= summand.factor * (
                selection.scale[at] if isinstance(selection.scale, np.ndarray) else selection.scale
            )
            if selection.mask is not None:
                entries *= selection.mask[at]
            if agreed is not None:
                entries *= agreed[i][at]
            exact += entries
        if agreed is not None:
            self._finish(exact, [agrees[at] for agrees in agreed])
        total[at] = exact + base[at]

    def _error(self, rows: slice, base: Array, kept: Sequence[Kept]) -> NDArray[np.float64]:
        """Return how far each row of a block computed in float32 may be from exact, of shape (rows, 1)."""
        additions = len(kept) + 4
        errors = []
        for summand, selection in zip(self._summands, kept, strict=True):
            scale = (
                selection.scale.max()
                if isinstance(selection.scale, np.ndarray)
                else selection.scale
            )
            error = summand.vector.error(rows, base, additions=additions)
            is_mean = (
                self._agrees and self._normalizes
            )  # of weights of one sign, see `needs_float64`
            errors.append(error * abs(scale if is_mean else scale * summand.factor))
        lam = abs(self._lam) if self._agrees else 1.0
        together = np.maximum.reduce(errors) if self._agrees and self._normalizes else sum(errors)
        return np.asarray(together * lam)
