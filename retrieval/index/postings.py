"""Postings: which chunks or documents hold a term, ascending, and how often in each field; counted, kept flat, joined.

Not here: the file that they lie in (`retrieval.index.word_index`).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.int32]
Scores = npt.NDArray[np.float32]
Starts = npt.NDArray[np.int64]
Counts = npt.NDArray[np.integer]


class Lists(NamedTuple):
    """The postings of all terms: where each one's begin, who holds it, and how often in each field, shape [fields][p]."""

    starts: Starts
    rows: Rows
    counts: tuple[Counts, ...]


class Holders(NamedTuple):
    """The postings of one term: who holds it, ascending, and how often in each field, shape [fields][n]."""

    rows: Rows
    counts: tuple[Counts, ...]


def counted(
    of_term: npt.NDArray[np.int64],
    holders: npt.NDArray[np.integer],
    fields: npt.NDArray[np.integer],
    *,
    terms: int,
    depth: int,
) -> Lists:
    """Return the postings of what stands somewhere: of each occurrence its term, who holds it and in which field.

    Args:
        terms: how many terms there are.
        depth: how many fields.
    """
    most = int(holders.max(initial=0)) + 1
    # one number for each triple, so that sorting them sorts postings
    triples, counts = np.unique((of_term * most + holders) * depth + fields, return_counts=True)
    pairs, field = np.divmod(triples, depth)
    begins = np.ones(len(pairs), np.bool_)
    begins[1:] = pairs[1:] != pairs[:-1]
    first, of_pair = np.flatnonzero(begins), np.cumsum(begins) - 1
    table = np.zeros((depth, len(first)), np.int64)
    table[field, of_pair] = counts
    by_term, holder = np.divmod(pairs[first], most)
    starts = np.searchsorted(by_term, np.arange(terms + 1)).astype(np.int64)
    return Lists(starts, holder.astype(np.int32), tuple(table))


def joined(lists: Lists, places: Sequence[int]) -> Holders:
    """Return the postings of some terms as those of one."""
    parts = [slice(*lists.starts[place : place + 2].tolist()) for place in places]
    if len(parts) < 2:
        part = parts[0] if parts else slice(0)
        return Holders(lists.rows[part], tuple(field[part] for field in lists.counts))
    rows = np.concatenate([lists.rows[part] for part in parts])
    order = np.argsort(rows, kind="stable")  # ascending runs: they are merged, not sorted
    rows = rows.take(order)
    counts = [np.concatenate([field[part] for part in parts]).take(order) for field in lists.counts]
    again = rows[1:] == rows[:-1]
    if not again.any():
        return Holders(rows, tuple(counts))
    first = np.flatnonzero(np.concatenate([[True], ~again]))
    sums = (np.add.reduceat(field, first, dtype=np.int32) for field in counts)
    return Holders(rows[first], tuple(sums))
