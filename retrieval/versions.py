"""`NextVersion`: the segment in which the next version of a collection is made, and the step by which it is seen.

A search sees the version before until one file is replaced. What a kill leaves is an orphan folder that nothing names.
Not here: which documents go in (`retrieval.ingest`).
"""

import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from pydantic import Field

from adapt.config import Settings
from adapt.records import Chunk
from retrieval.index import IndexWriter
from retrieval.manifest import Manifest, named_segments, publish
from retrieval.segment import Segment, Vectors

DEAD_SHARE = 0.25  # a segment with more dead chunks is written anew


class VersionSettings(Settings):
    """Section `[collections]`."""

    # earlier versions that can be brought back; what they hold and the newest does not takes room on the disk
    keep_versions: int = Field(3, ge=0, le=1_000)


class NextVersion:
    """Used with `with`; left by an exception, Ctrl-C included, it takes its half-made segment away."""

    def __init__(self, folder: Path, manifest: Manifest, settings: VersionSettings) -> None:
        self.segment_id = uuid.uuid4().hex
        self.written = 0
        self._folder = folder
        self._manifest = manifest
        self._keep = settings.keep_versions
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

    def publish(self, draft: Manifest, *, purge: bool = False) -> None:
        """Take small and half-dead segments into the new one, then switch.

        Args:
            draft: the documents, sources and parked files of the new version; its number and segments are set here.
            purge: leave no byte of what is not live: every segment with a dead chunk is written anew, and the
                versions before go.
        """
        fresh = {self.segment_id: self.written} if self.written else {}
        draft = draft.model_copy(update={"segments": {**self._manifest.segments, **fresh}})
        absorbed = _to_absorb(draft, self.segment_id, dead_share=0.0 if purge else DEAD_SHARE)
        for chunks, vectors in live_rows(self._folder, draft, absorbed):
            self.write(chunks, vectors)
        moved = {
            name: e.model_copy(update={"segment": self.segment_id}) if e.segment in absorbed else e
            for name, e in draft.documents.items()
        }
        needed = {entry.segment for entry in moved.values()}
        segments = {s: n for s, n in draft.segments.items() if s in needed}
        if self.segment_id in needed:
            segments[self.segment_id] = self.written
        self._switch(draft, {"documents": moved, "segments": segments}, purge=purge)

    def note(self, draft: Manifest) -> None:
        """Write what changes nothing that is seen, such as parked files, into the version of now."""
        publish(self._folder, draft, keep=self._keep)

    def publish_again(self, earlier: Manifest) -> None:
        """Switch to what an earlier version held; the files that could not be read are those of now."""
        self._switch(earlier, {"parked": self._manifest.parked})

    def publish_rewritten(self, *, embedder: str) -> None:
        """Switch to the same documents, all of whose chunks were written into the new segment."""
        documents = {
            name: entry.model_copy(update={"segment": self.segment_id})
            for name, entry in self._manifest.documents.items()
        }
        segments = {self.segment_id: self.written} if self.written else {}
        changes = {"embedder": embedder, "documents": documents, "segments": segments}
        self._switch(self._manifest, changes)

    def _switch(
        self, draft: Manifest, changes: Mapping[str, object], *, purge: bool = False
    ) -> None:
        if self._segment is not None:
            self._index.save(self._path)
            self._segment.seal()
            self._segment = None
        stamp = {"version": self._manifest.version + 1, "made_at": now()}
        manifest = draft.model_copy(update={**changes, **stamp})
        publish(self._folder, manifest, keep=0 if purge else self._keep)


def now() -> str:
    """Return the time as manifests hold it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def sweep(folder: Path) -> None:
    """Remove the segments that neither the version that is seen nor a kept one needs."""
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


def _to_absorb(manifest: Manifest, fresh: str, *, dead_share: float) -> list[str]:
    """Return the segments to write anew: many small ones make a search slow, dead chunks make it read in vain."""
    dead = manifest.dead()
    size = manifest.segments.get(fresh, 0)
    absorbed = []
    live = {s: total - dead[s] for s, total in manifest.segments.items() if s != fresh}
    for segment, count in sorted(live.items(), key=lambda item: item[1]):
        if count and (count <= 2 * size or dead[segment] > dead_share * manifest.segments[segment]):
            absorbed.append(segment)
            size += count
    return absorbed
