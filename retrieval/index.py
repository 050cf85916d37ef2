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
from retrieval.lexical import LexicalSegment, LexicalWriter, Rows

VECTORS = "vectors.npy"
EXACT = 200_000  # chunks; where comparing all becomes slower than asking Chroma is not measured

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
        words = [] if scored is None else _best(scored.scores, limit, above=0.0)
        meant = [] if near is None else _best(near, limit, above=-np.inf)
        found = []
        for part in range(len(self._parts)):
            rows = np.unique(np.concatenate([one[part] for one in (words, meant) if one]))
            similar = (
                None if vector is None or near is None else self._similar(part, rows, near, vector)
            )
            found += self._candidates(part, rows, similar, scored)
        return found

    def _similar(self, part: int, rows: Rows, near: Sequence[Vectors], vector: Vectors) -> Vectors:
        """Return the similarities of some chunks, those that Chroma did not propose among them."""
        similar = near[part][rows]
        left = ~np.isfinite(similar)
        similar[left] = self._segments[part].vectors[rows[left]] @ vector
        return np.clip(similar, -1.0, 1.0)

    def _candidates(
        self, part: int, rows: Rows, similar: Vectors | None, scored: Scored | None
    ) -> list[Candidate]:
        segment = self._parts[part].segment
        words = None if scored is None else scored.scores[part][rows].tolist()
        coverage = [0.0] * len(rows) if scored is None else scored.coverage(part, rows).tolist()
        dense = None if similar is None else similar.tolist()
        return [
            Candidate(
                segment.chunk_id(row),
                None if dense is None else dense[place],
                None if words is None else words[place],
                coverage[place],
                segment.language(row),
            )
            for place, row in enumerate(rows.tolist())
        ]

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


def _best(scores: Sequence[Vectors], limit: int, *, above: float) -> list[Rows]:
    """Return the rows of the largest scores of all segments, for each segment; of equal ones at the border the first."""
    flat = np.concatenate([*scores, np.zeros(0, np.float32)])
    count = min(limit, len(flat))
    border = np.partition(flat, -count)[-count] if count else np.float32(above)
    chosen = [np.flatnonzero((one > border) & (one > above)) for one in scores]
    left = limit - sum(map(len, chosen))
    for place, one in enumerate(scores if border > above else []):
        equal = np.flatnonzero(one == border)[:left]
        chosen[place] = np.concatenate([chosen[place], equal])
        left -= len(equal)
    return [rows.astype(np.int32) for rows in chosen]
