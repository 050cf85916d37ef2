"""Which texts an encoder takes at once: those of as many tokens, in batches small enough for the processor's caches.

Each core takes batches of its own, which needs no waiting for each other within a layer. Nothing is padded, so a vector does
not depend, to the last bit, on what it is embedded with: an index that took up what a killed ingest had made equals one
made at once.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

ROWS = 512  # tokens of a batch; of 416 to 8,192 the fewer were the faster for each token, by a fifth for long texts

Vectors = npt.NDArray[np.float32]
Rows = Sequence[Sequence[int]]  # the tokens of some texts


def in_batches(
    rows: Rows, encode: Callable[[Rows], Vectors], width: int, pool: ThreadPoolExecutor
) -> Vectors:
    """Return the vectors of texts, shape [n, width], as `encode` makes them of a batch."""
    vectors = np.empty((len(rows), width), np.float32)

    def work(batch: list[int]) -> None:
        vectors[batch] = encode([rows[place] for place in batch])

    chosen = batches(list(map(len, rows)))
    if len(chosen) == 1:
        work(chosen[0])
    else:
        list(pool.map(work, chosen))  # a list, so that what went wrong is raised
    return vectors


def batches(lengths: Sequence[int]) -> list[list[int]]:
    """Return the places of texts in batches of one length and at most `ROWS` tokens, the longest first."""
    groups: list[list[int]] = []
    left, length = 0, 0  # texts of that length that the last batch has room for
    for place in sorted(range(len(lengths)), key=lambda place: -lengths[place]):
        if not left or lengths[place] != length:
            groups.append([])
            length = lengths[place]
            left = max(1, ROWS // length)
        groups[-1].append(place)
        left -= 1
    return groups


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
