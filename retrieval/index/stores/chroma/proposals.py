"""What Chroma proposes, compared: it knows neither which chunks are live nor languages, and its distances are its own."""

import math
from collections.abc import Callable, Mapping

import numpy as np

from retrieval.index.filters import Filter
from retrieval.index.k_largest import best
from retrieval.index.segment_index import SegmentIndex
from retrieval.index.stores.store import Near
from retrieval.index.vectors import Mask, Rows, Vectors, dot_products, nearest

# (a segment's name, it, place of the embedder, vector, how many) → ids of its chunks; None where it is not held
Propose = Callable[[str, SegmentIndex, int, Vectors, int], list[str] | None]


def near_proposed(propose: Propose, segments: Mapping[str, SegmentIndex], near: Near) -> list[Rows]:
    """Return the rows of the nearest chunks among those proposed, for each segment, ascending.

    A segment that is not held is compared whole.
    """
    proposed = [
        _rows(propose, name, segment, near, mask)
        for (name, segment), mask in zip(segments.items(), near.masks, strict=True)
    ]
    close = [
        dot_products(segment.near[near.embedder].vectors.take(rows, axis=0), near.vector)
        for segment, rows in zip(segments.values(), proposed, strict=True)
    ]
    return [rows[at] for rows, at in zip(proposed, best(close, near.count), strict=True)]


def _rows(
    propose: Propose, name: str, segment: SegmentIndex, near: Near, mask: Mask | None
) -> Rows:
    counts = _counting(segment, near, mask)
    total = len(segment.texts)
    inside = total if counts is None else int(np.count_nonzero(counts))
    wanted = min(near.count, inside)
    if not wanted:
        return np.zeros(0, np.int32)
    asked = math.ceil(wanted * total / inside)  # as many as hold those wanted on average
    while True:
        asked = min(asked, total)
        ids = propose(name, segment, near.embedder, near.vector, asked)
        if ids is None:
            return nearest([segment.near[near.embedder]], near.vector, [counts], near.count)[0]
        places = (segment.words.row(chunk_id) for chunk_id in ids)
        rows = [row for row in places if row is not None and (counts is None or counts[row])]
        if len(rows) >= wanted or asked == total:
            return np.array(sorted(rows), np.int32)
        asked *= 2  # those that do not count lie nearer than others


def _counting(segment: SegmentIndex, near: Near, mask: Mask | None) -> Mask | None:
    if near.languages is None:
        return mask
    spoken = segment.allowed(Filter(languages=near.languages))
    return spoken if mask is None else mask & spoken
