"""What a search ranks chunks by: one version's vectors and words, held open; each part scores every live chunk.

    segments/<id>/vectors.npy   float32 [n, dimensions], in the order of `lexical.safetensors`; read where it lies

Similarities are exact: every live vector is compared, by one product for each segment. Above `EXACT` chunks Chroma's index
proposes, and what it proposes is compared.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from adapt.errors import WorkspaceError
from adapt.records import Chunk
from retrieval.bm25 import Bm25, LivePart, Scored
from retrieval.lexical import LexicalSegment, LexicalWriter

VECTORS = "vectors.npy"
EXACT = 200_000  # chunks; about 20 ms on two cores

Vectors = npt.NDArray[np.float32]
Propose = Callable[[str, Vectors, int], list[str]]  # (segment, vector, how many) → chunk ids


@dataclass(frozen=True)
class Candidate:
    """A chunk that may answer, with its score by each part that ran; `coverage` is the share of the question's words."""

    chunk_id: str
    dense: float | None
    lexical: float | None
    coverage: float = 0.0
    language: str = ""


class IndexWriter:
    """Takes what is written into a segment, then writes its words and vectors beside it."""

    def __init__(self) -> None:
        self._words = LexicalWriter()
        self._vectors: list[Vectors] = []

    def add(self, chunks: Sequence[Chunk], vectors: Vectors) -> None:
        """Take chunks with their vectors."""
        self._words.add(chunks)
        self._vectors.append(vectors)

    def save(self, folder: Path) -> None:
        """Write the files of a segment."""
        self._words.save(folder)
        np.save(folder / VECTORS, np.concatenate(self._vectors), allow_pickle=False)


class SegmentIndex:
    """The words and vectors of one segment, open."""

    def __init__(self, folder: Path) -> None:
        """Open them.

        Raises:
            WorkspaceError: a file is missing or damaged.
        """
        if not folder.is_dir():
            raise WorkspaceError(f"{folder}: missing; restore it or ingest the documents again")
        self.words = LexicalSegment(folder)
        try:
            self.vectors: Vectors = np.load(folder / VECTORS, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise WorkspaceError(
                f"{folder / VECTORS}: the index cannot be used ({error}); ingest the documents into a new collection"
            ) from error
        if len(self.vectors) != len(self.words.lengths):
            raise WorkspaceError(
                f"{folder}: its files do not belong together; ingest the documents into a new collection"
            )


class VersionIndex:
    """The index of one version of a collection."""

    def __init__(
        self,
        segments: Mapping[str, SegmentIndex],
        live: Mapping[str, Mapping[str, str]],
        propose: Propose,
    ) -> None:
        """Take the segments, the keys of the live documents of each, and what proposes chunks where they are many."""
        self._names = list(segments)
        self._segments = list(segments.values())
        self._parts = [LivePart(one.words, live[name]) for name, one in segments.items()]
        self._bm25 = Bm25(self._parts)
        self._propose = propose

    def candidates(
        self, question: str, vector: Vectors | None, *, lexical: bool, limit: int
    ) -> list[Candidate]:
        """Return the `limit` best chunks of each part that runs, each with its scores by all of them.

        Args:
            vector: of the question, where the dense part runs.
        """
        scored = self._bm25.score(question) if lexical else None
        near = None if vector is None else self._near(vector, limit)
        chosen: set[tuple[int, int]] = set()
        if scored is not None:
            chosen |= _best(scored.scores, limit, above=0.0)
        if near is not None:
            chosen |= _best(near, limit, above=-np.inf)
        return [self._candidate(place, vector, near, scored) for place in sorted(chosen)]

    def _candidate(
        self,
        place: tuple[int, int],
        vector: Vectors | None,
        near: list[Vectors] | None,
        scored: Scored | None,
    ) -> Candidate:
        part, row = place
        dense = None
        if vector is not None and near is not None:
            dense = float(near[part][row])
            if not np.isfinite(dense):  # Chroma did not propose it
                dense = float(self._segments[part].vectors[row] @ vector)
        return Candidate(
            self._parts[part].segment.chunk_id(row),
            dense if dense is None else min(max(dense, -1.0), 1.0),
            None if scored is None else float(scored.scores[part][row]),
            0.0 if scored is None else scored.coverage(part, row),
            self._parts[part].segment.language(row),
        )

    def _near(self, vector: Vectors, limit: int) -> list[Vectors]:
        """Return the similarity of every chunk, -inf for those that are not live or were not proposed."""
        if sum(part.size for part in self._parts) > EXACT:
            return [self._proposed(place, vector, limit) for place in range(len(self._parts))]
        found = []
        for one, part in zip(self._segments, self._parts, strict=True):
            near = one.vectors @ vector
            near[~part.live] = -np.inf
            found.append(near)
        return found

    def _proposed(self, place: int, vector: Vectors, limit: int) -> Vectors:
        part, one = self._parts[place], self._segments[place]
        near = np.full(len(part.live), -np.inf, np.float32)
        # with as many more as are dead, `limit` live ones are among them, wherever the dead rank
        wanted = min(len(part.live), limit + len(part.live) - part.size)
        ids = self._propose(self._names[place], vector, wanted)
        rows = [row for i in ids if (row := one.words.row(i)) is not None and part.live[row]]
        near[rows] = one.vectors[rows] @ vector
        return near


def _best(scores: Sequence[Vectors], limit: int, *, above: float) -> set[tuple[int, int]]:
    """Return (segment, row) of the largest scores of all segments; of equal ones at the border the first."""
    flat = np.concatenate([*scores, np.zeros(0, np.float32)])
    count = min(limit, int((flat > above).sum()))
    if not count:
        return set()
    border = np.partition(flat, -count)[-count]
    sure = np.flatnonzero(flat > border)
    equal = np.flatnonzero(flat == border)[: count - len(sure)]
    ends = np.cumsum([len(one) for one in scores])
    places = np.concatenate([sure, equal])
    parts = np.searchsorted(ends, places, side="right")
    starts = ends - [len(one) for one in scores]
    return {(int(p), int(i - starts[p])) for p, i in zip(parts, places, strict=True)}
