"""The k largest of many numbers, exactly, where only a block of them is in memory at a time.

A sample shows between which two sizes the k-th largest lies; one pass counts what is above and keeps what is between, and
the k-th is found among those few. If the sample misled, the next pass takes a wider bracket: the result is always exact.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from adapt.errors import ModelError
from merge.weights.floats import Array

SAMPLED_BLOCKS = 32
SAMPLE = 1 << 15
MARGIN = 5.0  # standard deviations of the sample's quantile

Sizes = Callable[[int], Array]  # from a block's number to the sizes of its entries, none negative


@dataclass(frozen=True)
class Cut:
    """The first k entries in order of falling size; of equals, those come first that lie first in memory.

    Attributes:
        threshold: all larger ones are in.
        quota: how many of those equal to the threshold are in.
        ties: how many entries of each block equal the threshold.
        before: how many of the earlier blocks do.
    """

    threshold: float
    quota: int = 0
    ties: Sequence[int] = ()
    before: Sequence[int] = ()

    def mask(self, block: int, sizes: Array) -> NDArray[np.bool_]:
        """Return which entries of a block are in, of the block's shape."""
        if not self.ties or not self.ties[block]:
            return sizes > self.threshold
        left = self.quota - self.before[block]
        if left >= self.ties[block]:
            return sizes >= self.threshold
        mask = sizes > self.threshold
        if left > 0:
            mask.reshape(-1)[np.flatnonzero(sizes == self.threshold)[:left]] = True
        return mask


@dataclass
class _Bracket:
    """Two sizes between which the `count`-th largest may lie, and what a pass found of it."""

    count: int
    low: float
    high: float
    above: int = 0
    at_high: list[int] = field(default_factory=list)
    at_low: list[int] = field(default_factory=list)
    inside: list[Array] = field(default_factory=list)

    def take(self, sizes: Array) -> None:
        """Look at one block."""
        above_low, below_high = sizes > self.low, sizes < self.high
        from_high = int(np.count_nonzero(sizes >= self.high))
        above_high = int(np.count_nonzero(sizes > self.high))
        from_low = int(np.count_nonzero(sizes >= self.low))
        self.above += above_high
        self.at_high.append(from_high - above_high)
        self.at_low.append(from_low - int(np.count_nonzero(above_low)))
        above_low &= below_high
        self.inside.append(sizes[above_low])

    @property
    def is_whole(self) -> bool:
        """Return whether every number lies in it."""
        return self.low < 0 and math.isinf(self.high)

    def cut(self) -> Cut | None:
        """Return the cut if it lies in the bracket, else None."""
        left = self.count - self.above
        if left <= 0:
            return None
        if left <= sum(self.at_high):
            return _cut(self.high, left, self.at_high)
        left -= sum(self.at_high)
        between = np.concatenate(self.inside)
        if left <= between.size:
            place = between.size - left
            threshold = np.partition(between, place)[place]
            left -= int(np.count_nonzero(between > threshold))
            ties = [int(np.count_nonzero(sizes == threshold)) for sizes in self.inside]
            return _cut(float(threshold), left, ties)
        left -= between.size
        if left <= sum(self.at_low):
            return _cut(self.low, left, self.at_low)
        return None


def _cut(threshold: float, quota: int, ties: Sequence[int]) -> Cut:
    ends = np.cumsum(ties)
    return Cut(threshold, quota, ties, (ends - np.asarray(ties)).tolist())


def find_cuts(sizes: Sizes, blocks: int, *, total: int, counts: Sequence[int]) -> list[Cut]:
    """Return, for each count, the cut that so many of all entries pass.

    Args:
        sizes: gives a block's sizes; the same for the same block at every call.
        total: of the entries of all blocks.
        counts: each in [0, total].

    Raises:
        ModelError: a size is no number.
    """
    open_counts = {count for count in counts if 0 < count < total}
    cuts = {0: Cut(math.inf), total: Cut(-1.0)}
    sample = _sample(sizes, blocks, total) if open_counts else np.empty(0, np.float32)
    margin = MARGIN
    while open_counts:
        brackets = [_bracket(sample, count, total, margin) for count in open_counts]
        for block in range(blocks):
            block_sizes = sizes(block)
            for bracket in brackets:
                bracket.take(block_sizes)
        for bracket in brackets:
            cut = bracket.cut()
            if cut is not None:
                cuts[bracket.count] = cut
                open_counts.remove(bracket.count)
            elif bracket.is_whole:
                raise ModelError(
                    "a task vector holds NaN: its product is beyond the range of its numbers"
                )
        margin *= 8
    return [cuts[count] for count in counts]


def _sample(sizes: Sizes, blocks: int, total: int) -> Array:
    """Return some of the sizes, sorted: every so many entries of every so many blocks."""
    chosen = range(0, blocks, max(1, blocks // SAMPLED_BLOCKS))
    step = (
        max(1, total * len(chosen) // (blocks * SAMPLE)) | 1
    )  # odd, so as not to stay in few columns
    # copies: a slice would keep its whole block in memory
    return np.sort(np.concatenate([sizes(block).reshape(-1)[::step].copy() for block in chosen]))


def _bracket(sample: Array, count: int, total: int, margin: float) -> _Bracket:
    share = 1 - count / total
    middle = share * sample.size
    width = margin * math.sqrt(share * (1 - share) * sample.size) + margin
    low, high = math.floor(middle - width), math.ceil(middle + width)
    return _Bracket(
        count,
        low=float(sample[low]) if low >= 0 else -1.0,
        high=float(sample[high]) if high < sample.size else math.inf,
    )
