"""The vectors of a segment, and which of them are nearest to a question: exactly, though most are looked at in eight bits.

    segments/<id>/vectors-<e>.npy   float32 [n, dimensions], those of embedder e, counted from 0; read where it lies
    segments/<id>/codes-<e>.npy     int8    [n, dimensions], each vector as `scale * code`, rounded; read where it lies
    segments/<id>/scales-<e>.npy    float32 [3, n]: scale, length of what rounding took away, length of the vector

With v = s·a + e and q = t·b + f (codes a and b, remainders e and f), v·q differs from s·t·(a·b) by no more than
(|v| + |e|)·|f| + |e|·|q|, by Cauchy and Schwarz. So every vector whose estimate lies within twice that bound of the k-th
best estimate is compared in float32, and no other can be among the k nearest.
"""

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import simsimd

from adapt.errors import WorkspaceError
from retrieval.index.k_largest import best, border

VECTORS, CODES, SCALES = "vectors", "codes", "scales"
LARGEST = 127
ROUNDING = 2.0**-24  # of one operation in float32
LOWEST = np.finfo(np.float32).min  # of a vector that counts; those that do not are at -inf
BATCH = 8_192  # vectors that are coded at once

Vectors = npt.NDArray[np.float32]
EachVectors = tuple[Vectors, ...]  # of each embedder of a collection, in its order: [n, dimensions]
Rows = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.int8]


class NearVectors:
    """The vectors that one embedder made of a segment, open."""

    def __init__(self, folder: Path, embedder: int = 0) -> None:
        """Open them.

        Args:
            embedder: its place among those of the collection.

        Raises:
            WorkspaceError: a file is missing or damaged.
        """
        self.vectors: Vectors = _open(_file(folder, VECTORS, embedder))
        self._codes: Codes = _open(_file(folder, CODES, embedder))
        scales = np.array(_open(_file(folder, SCALES, embedder)))
        sizes = {len(self.vectors), len(self._codes), scales.shape[-1]}
        if len(sizes) > 1 or self.vectors.shape != self._codes.shape or scales.shape[0] != 3:
            raise WorkspaceError(
                f"{folder}: its files do not belong together; ingest the documents into a new collection"
            )
        self._scales: Vectors = scales[0]
        self._lost = float(scales[1].max(initial=0.0))
        self._longest = float(scales[2].max(initial=0.0))
        self._rows: Rows | None = None  # which of the segment's these are; None for all

    def __len__(self) -> int:
        return len(self._codes)

    def only(self, rows: Rows) -> "NearVectors":
        """Return some of them, renumbered; their codes are copied, so that comparing them reads nothing else."""
        chosen = copy.copy(self)
        vars(chosen).update(_codes=self._codes[rows], _scales=self._scales[rows], _rows=rows)
        return chosen

    def exact(self, places: npt.NDArray[np.intp], vector: Vectors) -> Vectors:
        """Return the dot_products of some of them."""
        rows = places if self._rows is None else self._rows[places]
        return dot_products(self.vectors.take(rows, axis=0), vector)

    def estimates(self, codes: Codes, scales: Vectors) -> tuple[Vectors, float]:
        """Return the similarity of every vector as the codes have it, shape [n], and by how much one may be wrong.

        Args:
            codes: the question's, shape [1, dimensions], and its scales, shape [3, 1], as `encode` gives them.
        """
        if not len(self):
            return np.zeros(0, np.float32), 0.0
        near: Vectors = np.asarray(simsimd.dot(codes, self._codes, out_dtype="float32"))
        near *= self._scales
        near *= scales[0, 0]
        lost, length = float(scales[1, 0]), float(scales[2, 0])
        # what both products, this one and the one in float32, may lose by rounding
        rounding = 2 * (codes.shape[1] + 8) * ROUNDING * self._longest * length
        return near, (self._longest + self._lost) * lost + self._lost * length + rounding


def dot_products(vectors: Vectors, vector: Vectors) -> Vectors:
    """Return the dot products of some vectors with one, in float32; equal vectors have equal ones, wherever they stand."""
    if not len(vectors):
        return np.zeros(0, np.float32)
    return np.asarray(simsimd.dot(vectors, vector[None], out_dtype="float32"))


def nearest(
    parts: Sequence[NearVectors], vector: Vectors, masks: Sequence[Mask | None], count: int
) -> list[Rows]:
    """Return the `count` nearest vectors of several segments, for each its rows, ascending; of equal ones the first.

    Args:
        masks: of each segment, which of its vectors count; None for all.
    """
    near, errors = [], []
    codes, scales = encode(vector[None])
    for part, mask in zip(parts, masks, strict=True):
        estimates, error = part.estimates(codes, scales)
        if mask is not None:
            estimates[~mask] = -np.inf
        near.append(estimates)
        errors.append(error)
    # the k-th best is at least this
    least = border(
        [estimates - np.float32(error) for estimates, error in zip(near, errors, strict=True)],
        count,
    )
    rows, exact = [], []
    for part, estimates, error in zip(parts, near, errors, strict=True):
        likely = np.flatnonzero(estimates >= max(np.float32(least - error), LOWEST))
        rows.append(likely.astype(np.int32))
        exact.append(part.exact(likely, vector))
    return [candidates[places] for candidates, places in zip(rows, best(exact, count), strict=True)]


def encode(vectors: Vectors) -> tuple[Codes, Vectors]:
    """Return codes, shape [n, dimensions], and scales, lost lengths and lengths, shape [3, n], the last two rounded up."""
    scales = np.abs(vectors).max(axis=1, initial=0.0) / np.float32(LARGEST)
    scales = np.where(scales > 0, scales, 1).astype(np.float32)
    codes = np.rint(vectors / scales[:, None]).astype(np.int8)
    exact = vectors.astype(np.float64)
    lost = np.linalg.norm(exact - codes * scales[:, None].astype(np.float64), axis=1)
    lengths = np.linalg.norm(exact, axis=1)
    above = [
        np.nextafter(values.astype(np.float32), np.float32(np.inf)) for values in (lost, lengths)
    ]
    return codes, np.stack([scales, *above])


def embedders(folder: Path) -> int:
    """Return of how many embedders a segment has vectors; at least 1, so that a missing file is reported."""
    return max(1, len(list(folder.glob(f"{VECTORS}-*.npy"))))


def save(folder: Path, vectors: Vectors, embedder: int = 0) -> None:
    """Write the vectors that an embedder made of a segment, and their codes."""
    np.save(_file(folder, VECTORS, embedder), vectors, allow_pickle=False)
    parts = [encode(vectors[start : start + BATCH]) for start in range(0, len(vectors), BATCH)]
    codes = [*(encoded for encoded, _ in parts), np.zeros((0, vectors.shape[1]), np.int8)]
    scales = [*(encoded for _, encoded in parts), np.zeros((3, 0), np.float32)]
    np.save(_file(folder, CODES, embedder), np.concatenate(codes), allow_pickle=False)
    np.save(_file(folder, SCALES, embedder), np.concatenate(scales, axis=1), allow_pickle=False)


def _file(folder: Path, kind: str, embedder: int) -> Path:
    return folder / f"{kind}-{embedder}.npy"


def _open(path: Path) -> npt.NDArray[Any]:
    try:
        # without numpy's own class for memory maps, which is slow to index
        array: npt.NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False).view(np.ndarray)
    except (OSError, ValueError, EOFError) as error:
        raise WorkspaceError(
            f"{path}: the index cannot be used ({error}); ingest the documents into a new collection"
        ) from error
    return array
