"""`NextVersion`: the segment in which the next version of a collection is made, and the step by which it is seen.

A search sees the version before until one file is replaced. What a kill leaves is an orphan folder that nothing names.
Not here: which documents go in (`retrieval.ingest`).
"""

import shutil
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType

from adapt.records import Chunk
from retrieval.index import IndexWriter
from retrieval.manifest import DocumentEntry, Manifest, named_segments, publish
from retrieval.segment import Segment, Vectors

DEAD_SHARE = 0.25  # a segment with more dead chunks is written anew


class NextVersion:
    """Used with `with`; left by an exception, Ctrl-C included, it takes its half-made segment away."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.segment_id = uuid.uuid4().hex
        self.written = 0
        self._folder = folder
        self._manifest = manifest
        self._path = folder / "segments" / self.segment_id
        self._segment: Segment | None = None
        self._index = IndexWriter()

    def __enter__(self) -> "NextVersion":
        sweep(self._folder)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._segment is not None:
            self._segment.close()
        sweep(
            self._folder
        )  # an interrupt just after the switch finds the segment named, and leaves it

    def write(self, chunks: Sequence[Chunk], vectors: Vectors) -> None:
        """Add chunks to the new segment, which is made at the first call."""
        if self._segment is None:
            self._segment = Segment(self._path, create=True)
        self._segment.add(chunks, vectors)
        self._index.add(chunks, vectors)
        self.written += len(chunks)

    def publish(
        self, documents: dict[str, DocumentEntry], sources: dict[str, str], *, embedder: str
    ) -> None:
        """Take small and half-dead segments into the new one, then switch."""
        fresh = {self.segment_id: self.written} if self.written else {}
        draft = Manifest(documents=documents, segments={**self._manifest.segments, **fresh})
        absorbed = _to_absorb(draft, self.segment_id)
        for chunks, vectors in live_rows(self._folder, draft, absorbed):
            self.write(chunks, vectors)
        moved = {
            name: e.model_copy(update={"segment": self.segment_id}) if e.segment in absorbed else e
            for name, e in documents.items()
        }
        needed = {entry.segment for entry in moved.values()}
        segments = {s: n for s, n in draft.segments.items() if s in needed}
        if self.segment_id in needed:
            segments[self.segment_id] = self.written
        self._switch(
            Manifest(
                version=self._manifest.version + 1,
                embedder=embedder,
                sources=sources,
                documents=moved,
                segments=segments,
            )
        )

    def publish_rewritten(self, *, embedder: str) -> None:
        """Switch to the same documents, all of whose chunks were written into the new segment."""
        documents = {
            name: entry.model_copy(update={"segment": self.segment_id})
            for name, entry in self._manifest.documents.items()
        }
        changes = {
            "version": self._manifest.version + 1,
            "embedder": embedder,
            "documents": documents,
            "segments": {self.segment_id: self.written} if self.written else {},
        }
        self._switch(self._manifest.model_copy(update=changes))

    def _switch(self, manifest: Manifest) -> None:
        if self._segment is not None:
            self._index.save(self._path)
            self._segment.seal()
            self._segment = None
        publish(self._folder, manifest)


def sweep(folder: Path) -> None:
    """Remove the segments that neither the version that is seen nor the one before it needs."""
    needed = named_segments(folder)
    for segment in (folder / "segments").glob("*"):
        if segment.name not in needed:
            shutil.rmtree(segment)


def live_rows(
    folder: Path, manifest: Manifest, segments: Sequence[str]
) -> Iterator[tuple[list[Chunk], Vectors]]:
    """Yield the live chunks of these segments with their vectors, in batches."""
    live = manifest.live()
    for segment_id in segments:
        segment = Segment(folder / "segments" / segment_id)
        try:
            for chunks, vectors in segment.rows():
                keys = [chunk.chunk_id.partition("-")[0] for chunk in chunks]
                keep = [i for i, key in enumerate(keys) if key in live[segment_id]]
                if keep:
                    yield [chunks[i] for i in keep], vectors[keep]
        finally:
            segment.close()


def _to_absorb(manifest: Manifest, fresh: str) -> list[str]:
    """Return the segments to write anew: many small ones make a search slow, dead chunks make it read in vain."""
    dead = manifest.dead()
    size = manifest.segments.get(fresh, 0)
    absorbed = []
    live = {s: total - dead[s] for s, total in manifest.segments.items() if s != fresh}
    for segment, count in sorted(live.items(), key=lambda item: item[1]):
        if count and (count <= 2 * size or dead[segment] > DEAD_SHARE * manifest.segments[segment]):
            absorbed.append(segment)
            size += count
    return absorbed
