"""Segments: folders of chunks, written once by one ingest, then only read (`retrieval.index.version_index` has their files).

Not here: which segments a version is made of (`retrieval.versions.manifest`, `retrieval.versions.next_version`).
"""

import os
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from adapt.records import Chunk
from adapt.workspace.folder import sync_folder
from retrieval.index.segment_index import IndexWriter, SegmentIndex
from retrieval.index.texts import ChunkTexts
from retrieval.index.version_index import EachVectors

BATCH = 1_000  # chunks


class SegmentWriter:
    """Takes chunks with their vectors; they lie in the folder once it is sealed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0
        self._index = IndexWriter()

    def add(self, chunks: Sequence[Chunk], vectors: EachVectors) -> None:
        """Take chunks with their vectors."""
        self._index.add(chunks, vectors)
        self.count += len(chunks)

    def seal(self) -> None:
        """Write the files and make them durable."""
        self.path.mkdir(parents=True)
        self._index.save(self.path)
        for file in self.path.iterdir():
            with file.open("rb") as handle:
                os.fsync(handle.fileno())
        sync_folder(self.path)
        sync_folder(self.path.parent)


def rows(path: Path, keys: Collection[str]) -> Iterator[tuple[list[Chunk], EachVectors]]:
    """Yield the chunks of a segment that are of the documents with these keys, with their vectors, in batches.

    Raises:
        WorkspaceError: a file is missing or damaged.
    """
    segment = SegmentIndex(path)
    for places, chunks in _batches(segment.texts, keys):
        yield chunks, tuple(near.vectors[places] for near in segment.near)


def chunks(path: Path, keys: Collection[str]) -> Iterator[list[Chunk]]:
    """Yield the chunks alone, in batches; of the segment's files only the texts are opened.

    Raises:
        WorkspaceError: they are missing or damaged.
    """
    for _, batch in _batches(ChunkTexts(path), keys):
        yield batch


def _batches(texts: ChunkTexts, keys: Collection[str]) -> Iterator[tuple[list[int], list[Chunk]]]:
    for start in range(0, len(texts), BATCH):
        places = range(start, min(start + BATCH, len(texts)))
        pairs = [(row, texts.get(row)) for row in places]
        kept = [pair for pair in pairs if pair[1].chunk_id.partition("-")[0] in keys]
        if kept:
            yield [row for row, _ in kept], [chunk for _, chunk in kept]
