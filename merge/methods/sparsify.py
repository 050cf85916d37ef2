"""Which entries of a task vector a method keeps, and by what it multiplies them, block by block.

Each sparsifier is made once per tensor and adapter, from statistics that it takes in a pass over ΔW if it needs any; then
it answers for any block alone. Draws are a function of (seed, tensor, adapter's place in the recipe, entry): neither
threads, nor the order of blocks, nor other tensors or adapters change a mask.
Differences from mergekit 0.1.5 (`sparsify.py`) stand with each.
"""

import hashlib
import math
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from merge.methods.density import della_fault, kept, window
from merge.methods.k_largest import find_cuts
from merge.weights.delta_blocks import Grid
from merge.weights.floats import Array

Deltas = Callable[[int], Array]  # from a block's number to that block of ΔW
SMALLEST_NORM = 1e-7  # mergekit's: below it nothing is rescaled
DIGITS = 16  # of a probability; 2⁻¹⁷ is a thirtieth of what chance moves the share kept of 5 million entries


@dataclass(frozen=True)
class Kept:
    """What is kept of a block: `mask` (None keeps all) and the factor of what is kept, one or one per entry."""

    mask: NDArray[np.bool_] | None = None
    scale: float | NDArray[np.float64] = 1.0


class Sparsifier(Protocol):
    """Chooses entries of one task vector."""

    def keep(self, block: int, delta: Array) -> Kept:
        """Return what is kept of a block; `delta` is that block of ΔW."""
        ...


class Everything:
    """Keeps all entries as they are."""

    scale = 1.0

    def keep(self, block: int, delta: Array) -> Kept:
        """Return that all is kept."""
        del block, delta
        return Kept()

    def unscaled(self) -> "Everything":
        """Return itself: there is no factor to leave out."""
        return self


class BySize:
    """Keeps the entries from the `first`-th largest to before the `last`-th.

    TIES and magnitude pruning keep the ⌊density·n⌋ largest (Yadav et al. 2023, arXiv:2306.01708, section 3, "trim");
    breadcrumbs leaves out the largest as well (Davari and Belilovsky 2023, arXiv:2312.06795). With `rescale`
    what is kept is multiplied by ‖ΔW‖₁ / ‖kept‖₁, as mergekit does.
    Difference from mergekit: of entries of equal size the first in memory count as larger; there it is left open.
    """

    def __init__(self, deltas: Deltas, grid: Grid, *, first: int, last: int, rescale: bool) -> None:
        """Go over ΔW once for the thresholds, and once more for the norms."""

        def sizes(block: int) -> Array:
            delta = deltas(block)
            return np.abs(delta, out=delta)

        self._left_out, self._taken = find_cuts(
            sizes, len(grid), total=grid.size, counts=(first, last)
        )
        self._keeps_top = first == 0
        self._scale = 1.0
        if rescale:
            before = after = 0.0
            for block in range(len(grid)):
                entries = sizes(block)
                before += float(entries.sum(dtype=np.float64))
                after += float(entries.sum(dtype=np.float64, where=self._mask(block, entries)))
            self._scale = before / after if min(before, after) >= SMALLEST_NORM else 1.0

    def keep(self, block: int, delta: Array) -> Kept:
        """Return which entries lie between the thresholds."""
        return Kept(self._mask(block, np.abs(delta)), self._scale)

    def _mask(self, block: int, sizes: Array) -> NDArray[np.bool_]:
        mask = self._taken.mask(block, sizes)
        return mask if self._keeps_top else mask & ~self._left_out.mask(block, sizes)


class Draws:
    """Random numbers and choices, one per entry of a tensor, from a PCG64 stream keyed by (seed, tensor, place).

    The stream jumps to any entry at once (O'Neill 2014, `advance`), so that a draw depends on nothing else.
    """

    def __init__(self, seed: int, tensor: str, place: int, columns: int) -> None:
        key = hashlib.sha256(f"{seed}\0{place}\0{tensor}".encode()).digest()
        self._stream = np.random.PCG64(int.from_bytes(key, "little"))
        self._at = 0  # words of 64 bits taken so far
        self._columns = columns

    def block(self, rows: slice) -> NDArray[np.uint32]:
        """Return uniform numbers in [0, 2³²) for some rows, of shape (rows, columns); entry e's is the e-th half word."""
        first, last = rows.start * self._columns, rows.stop * self._columns
        start, stop = first // 2, (last + 1) // 2
        numbers = self._words(start, stop).view("<u4")
        return numbers[first - 2 * start : last - 2 * start].reshape(-1, self._columns)

    def choices(self, rows: slice, digits: Sequence[int]) -> NDArray[np.bool_]:
        """Return which entries of some rows are chosen, each with probability 0.d₁d₂…dₙ in binary; the last digit is 1.

        64 entries are decided at once, by a random word per digit, from the last digit to the first: each moves the
        probability p of so far to (d + p)/2. A number per entry, compared with the probability, takes 12 times as long
        at density ½ and 1.4 times at one of 16 digits.
        """
        first, last = rows.start * self._columns, rows.stop * self._columns
        start, stop = first // 64, -(-last // 64)
        count = len(digits)
        words = self._words(start * count, stop * count).reshape(-1, count)
        chosen = words[:, 0].copy()
        for place, digit in enumerate(reversed(digits[:-1]), 1):
            (np.bitwise_or if digit else np.bitwise_and)(chosen, words[:, place], out=chosen)
        bits = np.unpackbits(chosen.view(np.uint8), bitorder="little").view(np.bool_)
        return bits[first - 64 * start : last - 64 * start].reshape(-1, self._columns)

    def _words(self, start: int, stop: int) -> NDArray[np.uint64]:
        if start != self._at:
            self._stream.advance((start - self._at) % (1 << 128))
        self._at = stop
        return np.asarray(self._stream.random_raw(stop - start), "<u8")


def binary_digits(share: float) -> tuple[int, ...]:
    """Return a share's binary digits after the point, rounded to `DIGITS` of them; none where it comes to 1."""
    _, exponent = math.frexp(share)
    places = DIGITS - exponent  # the zeros before its first 1 do not count
    number = round(math.ldexp(share, places))
    return () if number >> places else tuple(map(int, f"{number:0{places}b}".rstrip("0")))


class AtRandom:
    """Keeps each entry with probability `density`; with `rescale` divides what is kept by it.

    ΔW' = m·ΔW / density with m ~ Bernoulli(density): Yu et al. 2023, Language models are super Mario (DARE),
    arXiv:2311.03099, whose drop rate is 1 - density. The draw takes the density to 16 significant binary digits, so at
    most 2⁻¹⁷ of it off.
    Difference from mergekit: it matches the L1 norm before and after instead of dividing by the density, which is the
    same in expectation; the paper's is unbiased.
    """

    def __init__(self, draws: Draws, grid: Grid, *, density: float, rescale: bool) -> None:
        self._draws = draws
        self._grid = grid
        self._digits = binary_digits(density)
        self.scale = 1 / density if rescale else 1.0

    def keep(self, block: int, delta: Array) -> Kept:
        """Return the draw of a block."""
        del delta
        return Kept(self._draws.choices(self._grid.span(block), self._digits), self.scale)

    def unscaled(self) -> "AtRandom":
        """Return the same choice without its factor, for a ΔW that is multiplied by it beforehand."""
        same = copy(self)
        same.scale = 1.0
        return same


class BySizeAtRandom:
    """Keeps each entry with a probability that grows with its rank in its row; with `rescale` divides by it.

    The smallest entry of a row has density - ε, the largest density + ε, the others evenly between: Deep et al. 2024,
    DELLA-Merging, arXiv:2406.11617 (MagPrune), with mergekit's ε, half of the paper's.
    Differences from mergekit: it matches the L1 norm instead of dividing by each entry's probability, as the paper does;
    in a row of one entry it has no probability, ours is the density; of equals the first in memory has the lower rank.
    """

    def __init__(
        self, draws: Draws, grid: Grid, *, density: float, epsilon: float, rescale: bool
    ) -> None:
        """Raise a ValueError if a probability is outside (0, 1)."""
        fault = della_fault(density, epsilon)
        if fault:
            raise ValueError(fault)
        steps = grid.columns - 1
        spread = np.arange(grid.columns) * (2 * epsilon / steps) if steps else np.array([epsilon])
        self._chances = density - epsilon + spread
        self._draws = draws
        self._grid = grid
        self._rescale = rescale

    def keep(self, block: int, delta: Array) -> Kept:
        """Return the draw of a block."""
        chances = self._chances[_ranks(np.abs(delta))]
        mask = self._draws.block(self._grid.span(block)) < chances * 2.0**32
        return Kept(mask, 1 / chances if self._rescale else 1.0)


def _ranks(sizes: Array) -> NDArray[np.intp]:
    """Return each entry's rank in its row, 0 the smallest; of equals the first in memory has the lower."""
    columns = sizes.shape[1]
    if (
        sizes.dtype == np.float32
    ):  # size and column in one integer: sorted three times as fast as by a stable argsort
        keys = sizes.view(np.uint32).astype(np.uint64) << 32
        keys |= np.arange(columns, dtype=np.uint64)
        keys.sort(axis=1)
        order = (keys & 0xFFFFFFFF).astype(np.intp)
    else:
        order = np.argsort(sizes, axis=1, kind="stable")
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, np.broadcast_to(np.arange(columns), order.shape), axis=1)
    return ranks


def trimmed(deltas: Deltas, grid: Grid, *, density: float, rescale: bool) -> Sparsifier:
    """Return what keeps the largest entries (magnitude, TIES)."""
    last = kept(grid.size, density)
    if last >= grid.size:
        return Everything()
    return BySize(deltas, grid, first=0, last=last, rescale=rescale)


def breadcrumbs(
    deltas: Deltas, grid: Grid, *, density: float, gamma: float, rescale: bool
) -> Sparsifier:
    """Return what keeps neither the largest nor the smallest entries."""
    first, last = window(grid.size, density, gamma)
    if last - first >= grid.size:
        return Everything()
    return BySize(deltas, grid, first=first, last=last, rescale=rescale)


def dropped(draws: Draws, grid: Grid, *, density: float, rescale: bool) -> Sparsifier:
    """Return what keeps entries at random (DARE)."""
    if not binary_digits(density):
        return Everything()
    return AtRandom(draws, grid, density=density, rescale=rescale)


def dropped_by_size(
    draws: Draws, grid: Grid, *, density: float, epsilon: float, rescale: bool
) -> Sparsifier:
    """Return what keeps large entries more often than small ones (DELLA)."""
    if density == 1:
        return Everything()
    return BySizeAtRandom(draws, grid, density=density, epsilon=epsilon, rescale=rescale)
