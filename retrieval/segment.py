"""Segments: folders of chunks, written once by one ingest and then only read (`retrieval.index` has their files).

Not here: which segments a version is made of (`retrieval.manifest`, `retrieval.versions`).
"""

import os
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from adapt.records import Chunk
from adapt.workspace import sync_folder
from retrieval.index import IndexWriter, SegmentIndex, Vectors

BATCH = 1_000  # chunks


class SegmentWriter:
    """Takes chunks with their vectors; they lie in the folder once it is sealed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0
        self._index = IndexWriter()

    def add(self, chunks: Sequence[Chunk], vectors: Vectors) -> None:
        """Take chunks with their vectors, shape [n, dimensions]."""
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


def rows(path: Path, keys: Collection[str]) -> Iterator[tuple[list[Chunk], Vectors]]:
    """Yield the chunks of a segment that are of the documents with these keys, with their vectors, in batches.

    Raises:
        WorkspaceError: a file is missing or damaged.
    """
    segment = SegmentIndex(path)
    for start in range(0, len(segment.texts), BATCH):
        chunks = segment.chunks(range(start, min(start + BATCH, len(segment.texts))))
        keep = [i for i, one in enumerate(chunks) if one.chunk_id.partition("-")[0] in keys]
        if keep:
            yield [chunks[i] for i in keep], segment.vectors[[start + i for i in keep]]
