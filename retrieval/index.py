"""What a search ranks chunks by: one version's vectors, words and texts, held open; each part scores every live chunk.

Similarities are exact: no live vector is left out (`retrieval.nearest`), unless a Chroma server proposes for a large
collection (`retrieval.chroma`): then what it proposes is compared.
"""

import itertools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from adapt.errors import WorkspaceError
from adapt.records import Chunk
from retrieval.bm25 import Bm25, LivePart, Scored
from retrieval.filters import Filter, Mask, allowed
from retrieval.lexical import LexicalSegment, LexicalWriter
from retrieval.nearest import NearVectors, Rows, Vectors, nearest, save, similarities
from retrieval.texts import ChunkTexts, TextWriter
from retrieval.top import best

__all__ = ["Candidate", "IndexWriter", "SegmentIndex", "Vectors", "VersionIndex"]

FILTERS = 16  # that a segment remembers

Propose = Callable[
    [str, "SegmentIndex", Vectors, int], list[str]
]  # (its name, it, vector, how many) → chunk ids


class Candidate(NamedTuple):
    """A chunk that may answer, with its score by each part that ran; `coverage` is the share of the question's words.

    `vector` is its own. Two are told apart by `chunk_id`, which is written out when it is asked for: of a few hundred
    candidates a handful is shown.
    """

    name: str | int  # its id, or its place in `words`
    dense: float | None
    lexical: float | None
    coverage: float = 0.0
    language: str = ""
    vector: Vectors | None = None
    words: LexicalSegment | None = None
    named: float = (
        0.0  # how far the question names it: a number, a date or a label in it, or its file
    )

    @property
    def chunk_id(self) -> str:
        """Return its id."""
        if self.words is None or isinstance(self.name, str):
            return str(self.name)
        return self.words.id(self.name)


class IndexWriter:
    """Takes what is written into a segment, then writes its words, vectors and texts beside it."""

    def __init__(self) -> None:
        self._words = LexicalWriter()
        self._texts = TextWriter()
        self._vectors: list[Vectors] = []

    def add(self, chunks: Sequence[Chunk], vectors: Vectors) -> None:
        """Take chunks with their vectors."""
        self._words.add(chunks)
        self._texts.add(chunks)
        self._vectors.append(vectors)

    def save(self, folder: Path) -> None:
        """Write the files of a segment."""
        self._words.save(folder)
        self._texts.save(folder)
        save(folder, np.concatenate(self._vectors))


class SegmentIndex:
    """The words, vectors and texts of one segment, open."""

    def __init__(self, folder: Path) -> None:
        """Open them.

        Raises:
            WorkspaceError: a file is missing or damaged.
        """
        if not folder.is_dir():
            raise WorkspaceError(f"{folder}: missing; restore it or ingest the documents again")
        self.words = LexicalSegment(folder)
        self.near = NearVectors(folder)
        self.texts = ChunkTexts(folder)
        if not len(self.near) == len(self.words.lengths) == len(self.texts):
            raise WorkspaceError(
                f"{folder}: its files do not belong together; ingest the documents into a new collection"
            )
        self._allowed: dict[Filter, Mask] = {}

    @property
    def vectors(self) -> Vectors:
        """Return its vectors, float32 [n, dimensions]."""
        return self.near.vectors

    def chunks(self, rows: Sequence[int]) -> list[Chunk]:
        """Return the chunks at these places."""
        return [self.texts.get(row) for row in rows]

    def page_of(self, row: int) -> list[Chunk]:
        """Return the chunks of the page that a chunk is of, in reading order."""
        names = ("document", "revision", "part")
        columns = [self.texts.column(name) for name in names]
        same = np.logical_and.reduce([column == column[row] for column in columns])
        chunks = self.chunks(np.flatnonzero(same).tolist())
        return sorted(chunks, key=lambda one: one.start)

    def allowed(self, only: Filter) -> Mask:
        """Return which chunks a filter lets through, shape [n]."""
        known = self._allowed.get(only)
        if known is None:
            if len(self._allowed) >= FILTERS:
                self._allowed = {}
            known = self._allowed[only] = allowed(self.texts, only)
        return known


class VersionIndex:
    """The index of one version of a collection. Safe to share between threads: nothing of it changes."""

    def __init__(
        self,
        segments: Mapping[str, SegmentIndex],
        live: Mapping[str, Mapping[str, str]],
        propose: Propose | None = None,
    ) -> None:
        """Take the segments, the keys of the live documents of each, and what proposes chunks; None: all are compared."""
        self._names = list(segments)
        self._segments = list(segments.values())
        self._parts = [LivePart(one.words, live[name]) for name, one in segments.items()]
        self._bm25 = Bm25(self._parts)
        self._propose = propose

    def candidates(
        self,
        question: str,
        vector: Vectors | None,
        *,
        lexical: bool,
        limit: int,
        only: Filter | None = None,
    ) -> list[Candidate]:
        """Return the `limit` best chunks of each part that runs, each with its scores by all of them.

        Args:
            vector: of the question, where the dense part runs.
            only: which chunks are looked at; None for all.
        """
        masks = self._masks(only)
        scored = self._bm25.score(question, masks) if lexical else None
        chosen = [np.zeros(0, np.int32) for _ in self._parts]
        if scored is not None:
            places = best(scored.scores, limit)
            chosen = [rows[at] for rows, at in zip(scored.rows, places, strict=True)]
        if vector is not None:
            near = self._near(vector, masks, limit, narrowed=bool(only))
            chosen = [np.union1d(*both) for both in zip(chosen, near, strict=True)]
        found: list[Candidate] = []
        for part, rows in enumerate(chosen):
            found += self._candidates(part, rows, vector, scored)
        return found

    def chunks(self, ids: Sequence[str]) -> dict[str, Chunk]:
        """Return the live chunks of these ids; what is not of this version is left out."""
        found = {}
        for one in ids:
            for segment, part in zip(self._segments, self._parts, strict=True):
                row = segment.words.row(one)
                if row is not None and part.live[row]:
                    found[one] = segment.texts.get(row)
        return found

    def _masks(self, only: Filter | None) -> list[Mask | None]:
        if not only:
            return [part.mask for part in self._parts]
        return [
            one.allowed(only) & part.live
            for one, part in zip(self._segments, self._parts, strict=True)
        ]

    def _candidates(
        self, part: int, rows: Rows, vector: Vectors | None, scored: Scored | None
    ) -> list[Candidate]:
        segment, count = self._segments[part], len(rows)
        dense: list[float | None] = [None] * count
        lexical: list[float | None] = [None] * count
        vectors = segment.vectors.take(rows, axis=0)
        coverage, named = [0.0] * count, [0.0] * count
        if vector is not None:
            dense = np.clip(similarities(vectors, vector), -1.0, 1.0).tolist()
        if scored is not None:
            lexical = scored.of(part, rows).tolist()
            coverage = scored.coverage(part, rows).tolist()
            named = scored.named(part, rows).tolist()
        languages, words = segment.words.spoken(rows), itertools.repeat(segment.words)
        return list(
            map(
                Candidate, rows.tolist(), dense, lexical, coverage, languages, vectors, words, named
            )
        )

    def _near(
        self, vector: Vectors, masks: Sequence[Mask | None], limit: int, *, narrowed: bool
    ) -> list[Rows]:
        """Return the rows of the nearest live chunks; a filter Chroma does not know, so it is not asked then."""
        if narrowed or self._propose is None:
            return nearest([one.near for one in self._segments], vector, masks, limit)
        propose = self._propose
        rows = [self._proposed(propose, at, vector, limit) for at in range(len(self._parts))]
        near = [
            similarities(one.vectors[held], vector)
            for one, held in zip(self._segments, rows, strict=True)
        ]
        return [held[at] for held, at in zip(rows, best(near, limit), strict=True)]

    def _proposed(self, propose: Propose, place: int, vector: Vectors, limit: int) -> Rows:
        part, one = self._parts[place], self._segments[place]
        # with as many more as are dead, `limit` live ones are among them, wherever the dead rank
        wanted = min(len(part.live), limit + len(part.live) - part.size)
        ids = propose(self._names[place], one, vector, wanted)
        rows = [row for i in ids if (row := one.words.row(i)) is not None and part.live[row]]
        return np.array(sorted(rows), np.int32)
