"""A 5-gram model to stand beside the starter: interpolated Kneser-Ney over the same tokens.

Kneser and Ney 1995, as interpolated by Chen and Goodman 1999 with one discount per order, n1 / (n1 + 2 n2).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Keys = NDArray[np.uint64]
ORDER = 5
_FACTOR = np.uint64(
    0x9E3779B97F4A7C15
)  # 2^64 / golden ratio: spreads keys; n-grams of 64-bit keys practically never meet


class NGrams:
    """Counts of all n-grams up to `order` in a sequence of token ids; `size` is the vocabulary's."""

    def __init__(self, ids: Sequence[int], *, size: int, order: int = ORDER) -> None:
        self._order, self._size = order, size
        sequence = np.asarray(ids, dtype=np.uint64)
        self._tables: list[tuple[Keys, NDArray[np.float64]]] = []
        self._contexts: list[tuple[Keys, NDArray[np.float64], NDArray[np.float64]]] = []
        self._discounts: list[float] = []
        for n in range(1, order + 1):
            starts = len(sequence) - n + 1
            first = np.arange(starts)
            if n < order:  # lower orders count the different tokens that stand before
                first = np.unique(_keys(sequence, n + 1), return_index=True)[1] + 1
            grams = _keys(sequence, n)[first]
            known, index, counts = np.unique(grams, return_index=True, return_counts=True)
            values = counts.astype(np.float64)
            ones, twos = float((values == 1).sum()), float((values == 2).sum())
            discount = ones / (ones + 2 * twos) if ones else 0.5
            contexts = (
                _keys(sequence, n - 1)[first[index]] if n > 1 else np.zeros(len(known), np.uint64)
            )
            met, place = np.unique(contexts, return_inverse=True)
            totals = np.bincount(place, weights=values).astype(np.float64)
            kinds = np.bincount(place).astype(np.float64)
            self._tables.append((known, values))
            self._contexts.append((met, totals, kinds))
            self._discounts.append(discount)

    def bits(self, ids: Sequence[int]) -> float:
        """Return the bits that the model needs for all tokens but the first."""
        sequence = np.asarray(ids, dtype=np.uint64)
        places = np.arange(1, len(sequence))
        chance = np.full(len(places), 1.0 / self._size)
        for n in range(1, min(self._order, len(sequence)) + 1):
            usable = places >= n - 1
            starts = places[usable] - (n - 1)
            known, values = self._tables[n - 1]
            met, totals, kinds = self._contexts[n - 1]
            contexts = _keys(sequence, n - 1)[starts] if n > 1 else np.zeros(len(starts), np.uint64)
            total, _ = _look_up(met, totals, contexts)
            kind, _ = _look_up(met, kinds, contexts)
            count, _ = _look_up(known, values, _keys(sequence, n)[starts])
            discount = self._discounts[n - 1]
            lower = chance[usable]
            seen = total > 0
            higher = (np.maximum(count - discount, 0) + discount * kind * lower)[seen] / total[seen]
            lower[seen] = higher
            chance[usable] = lower
        return float(-np.log2(chance).sum())


def _keys(sequence: Keys, n: int) -> Keys:
    """Return a 64-bit key for the n-gram that begins at each place."""
    keys = np.zeros(len(sequence) - n + 1, dtype=np.uint64)
    with np.errstate(over="ignore"):
        for offset in range(n):
            keys = (keys ^ (sequence[offset : offset + len(keys)] + np.uint64(1))) * _FACTOR
            keys ^= keys >> np.uint64(29)
    return keys


def _look_up(
    known: Keys, values: NDArray[np.float64], wanted: Keys
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the value of each wanted key, 0 where it is not known, and whether it is."""
    places = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    is_known = known[places] == wanted
    return np.where(is_known, values[places], 0.0), is_known
