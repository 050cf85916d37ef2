"""The files that a segment is searched by: its words, vectors and texts, written once, and held open."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from adapt.errors import WorkspaceError
from adapt.records import Chunk
from retrieval.index.filters import Filter, Mask, allowed
from retrieval.index.texts import ChunkTexts, TextWriter
from retrieval.index.vectors import EachVectors, NearVectors, Rows, embedders, save
from retrieval.index.word_index import LexicalSegment, LexicalWriter

FILTERS = 16  # that a segment remembers
GROUPS = 8  # of languages, whose codes a segment holds in memory: a byte for each number


class IndexWriter:
    """Takes what is written into a segment, then writes its words, vectors and texts beside it."""

    def __init__(self) -> None:
        self._words = LexicalWriter()
        self._texts = TextWriter()
        self._vectors: list[EachVectors] = []

    def add(self, chunks: Sequence[Chunk], vectors: EachVectors) -> None:
        """Take chunks with their vectors."""
        self._words.add(chunks)
        self._texts.add(chunks)
        self._vectors.append(vectors)

    def save(self, folder: Path) -> None:
        """Write the files of a segment."""
        self._words.save(folder)
        self._texts.save(folder)
        for embedder, vectors in enumerate(zip(*self._vectors, strict=True)):
            save(folder, np.concatenate(vectors), embedder)


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
        self.near = [NearVectors(folder, embedder) for embedder in range(embedders(folder))]
        self.texts = ChunkTexts(folder)
        if len({len(self.words.lengths), len(self.texts), *map(len, self.near)}) > 1:
            raise WorkspaceError(
                f"{folder}: its files do not belong together; ingest the documents into a new collection"
            )
        self._allowed: dict[Filter, Mask] = {}
        self._groups: dict[tuple[int, tuple[str, ...]], tuple[Rows, NearVectors]] = {}

    def chunks(self, rows: Sequence[int]) -> list[Chunk]:
        """Return the chunks at these places."""
        return [self.texts.get(row) for row in rows]

    def page_of(self, row: int) -> list[Chunk]:
        """Return the chunks of the page that a chunk is of, in reading order."""
        names = ("document", "revision", "part")
        columns = [self.texts.column(name) for name in names]
        same = np.logical_and.reduce([column == column[row] for column in columns])
        chunks = self.chunks(np.flatnonzero(same).tolist())
        return sorted(chunks, key=lambda chunk: chunk.start)

    def group(self, embedder: int, languages: tuple[str, ...]) -> tuple[Rows, NearVectors]:
        """Return the chunks in some languages, ascending, and their vectors by an embedder; a few such are kept."""
        known = self._groups.get((embedder, languages))
        if known is None:
            if len(self._groups) >= GROUPS:
                self._groups = {}
            rows = np.flatnonzero(self.allowed(Filter(languages=languages))).astype(np.int32)
            known = self._groups[embedder, languages] = rows, self.near[embedder].only(rows)
        return known

    def allowed(self, only: Filter) -> Mask:
        """Return which chunks a filter lets through, shape [n]."""
        known = self._allowed.get(only)
        if known is None:
            if len(self._allowed) >= FILTERS:
                self._allowed = {}
            known = self._allowed[only] = allowed(self.texts, only)
        return known
