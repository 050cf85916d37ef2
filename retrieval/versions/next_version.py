"""`NextVersion`: the segments in which the next version of a collection is made, and the step by which it is seen.

A search sees the version before until one file is replaced. What a kill leaves is an orphan folder that nothing names.
Not here: which documents go in (`retrieval.ingest.ingest`).
"""

import shutil
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from pydantic import Field

from adapt.records import Chunk
from adapt.workspace.settings import Settings
from retrieval.index.stores.choice import StoreName
from retrieval.index.version_index import EachVectors
from retrieval.versions.manifest import FORMAT, Manifest, named_segments, publish
from retrieval.versions.segment import SegmentWriter, chunks as chunks_of, rows

DEAD_SHARE = 0.25  # a segment with more dead chunks is written again
SEGMENT_CHUNKS = (
    100_000  # of one segment of an ingest: it is held in memory, some 400 MB, until it is written
)


class VersionSettings(Settings):
    """Section `[collections]`."""

    # earlier versions that can be brought back; what they hold and the newest does not takes room on the disk
    keep_versions: int = Field(3, ge=0, le=1_000)
    # where the nearest vectors are looked for: `exact` compares all, `chroma` asks Chroma's index, which may miss some;
    # `auto` asks it where it was measured to be faster, which is on a server, above `chroma.above` chunks
    store: StoreName = "auto"


class NextVersion:
    """Used with `with`; left by an exception, Ctrl-C included, it takes its half-made segments away."""

    def __init__(self, folder: Path, manifest: Manifest, settings: VersionSettings) -> None:
        self.written = 0
        self._folder = folder
        self._manifest = manifest
        self._keep = settings.keep_versions
        self._sealed: dict[str, int] = {}  # segments that are written, and their chunks
        self._writer = self._new_writer()

    def __enter__(self) -> "NextVersion":
        sweep(self._folder)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # an interrupt just after the switch finds the segments named, and leaves them
        sweep(self._folder)

    @property
    def segment_id(self) -> str:
        """Return the segment into which chunks are written now."""
        return self._writer.path.name

    def write(self, chunks: Sequence[Chunk], vectors: EachVectors) -> None:
        """Add chunks to the segment of now."""
        self._writer.add(chunks, vectors)
        self.written += len(chunks)

    def make_room(self) -> None:
        """Begin another segment where this one is full; a document lies in one segment, so this is for between two."""
        if self._writer.count >= SEGMENT_CHUNKS:
            self._seal()

    def publish(self, draft: Manifest, *, purge: bool = False) -> None:
        """Take small and half-dead segments into the new one, then switch.

        Args:
            draft: the documents, sources and parked files of the new version; its number and segments are set here.
            purge: leave no byte of what is not live: every segment with a dead chunk is written again, and the
                versions before go.
        """
        fresh = self._fresh()
        draft = draft.model_copy(update={"segments": {**self._manifest.segments, **fresh}})
        absorbed = _to_absorb(draft, fresh, self._writer.count, 0.0 if purge else DEAD_SHARE)
        for chunks, vectors in live_rows(self._folder, draft, absorbed):
            self.write(chunks, vectors)
        moved = {
            name: e.model_copy(update={"segment": self.segment_id}) if e.segment in absorbed else e
            for name, e in draft.documents.items()
        }
        needed = {entry.segment for entry in moved.values()}
        segments = {**draft.segments, **self._fresh()}
        kept = {segment: count for segment, count in segments.items() if segment in needed}
        self._switch(draft, {"documents": moved, "segments": kept}, purge=purge)

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
        changes = {
            "format": FORMAT,
            "embedder": embedder,
            "documents": documents,
            "segments": self._fresh(),
        }
        self._switch(self._manifest, changes)

    def _switch(
        self, draft: Manifest, changes: Mapping[str, object], *, purge: bool = False
    ) -> None:
        self._seal()
        stamp = {"version": self._manifest.version + 1, "made_at": now()}
        manifest = draft.model_copy(update={**changes, **stamp})
        publish(self._folder, manifest, keep=0 if purge else self._keep)

    def _fresh(self) -> dict[str, int]:
        """Return the new segments and how many chunks each has so far."""
        own = {self.segment_id: self._writer.count} if self._writer.count else {}
        return {**self._sealed, **own}

    def _seal(self) -> None:
        if self._writer.count:
            self._writer.seal()
            self._sealed[self.segment_id] = self._writer.count
            self._writer = self._new_writer()

    def _new_writer(self) -> SegmentWriter:
        return SegmentWriter(self._folder / "segments" / uuid.uuid4().hex)


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
) -> Iterator[tuple[list[Chunk], EachVectors]]:
    """Yield the live chunks of these segments with their vectors, in batches."""
    live = manifest.live()
    for segment_id in segments:
        yield from rows(folder / "segments" / segment_id, live[segment_id])


def live_chunks(folder: Path, manifest: Manifest) -> Iterator[list[Chunk]]:
    """Yield the live chunks of a version in batches; only their texts are read, whatever made their vectors."""
    for segment_id, keys in manifest.live().items():
        yield from chunks_of(folder / "segments" / segment_id, keys)


def _to_absorb(
    manifest: Manifest, fresh: Collection[str], size: int, dead_share: float
) -> list[str]:
    """Return the segments to write again: many small ones make a search slow, dead chunks make it read for nothing.

    Args:
        size: the chunks of the segment into which they would be written.
    """
    dead = manifest.dead()
    absorbed = []
    live = {s: total - dead[s] for s, total in manifest.segments.items() if s not in fresh}
    for segment, count in sorted(live.items(), key=lambda item: item[1]):
        small = count <= 2 * size and count + size <= SEGMENT_CHUNKS
        if count and (small or dead[segment] > dead_share * manifest.segments[segment]):
            absorbed.append(segment)
            size += count
    return absorbed
