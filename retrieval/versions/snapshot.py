"""The version of a collection that is seen now, read again when an ingest has switched it; its segments are held open.

Any number of processes may read while one ingests. Not here: writing (`retrieval.versions.lock`), what a search does with it
(`retrieval.search.search`).
"""

import functools
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from adapt.errors import WorkspaceError
from adapt.language.question_language import language_of_question
from adapt.protocols import Progress, TextEmbedder, no_progress
from adapt.records import Chunk
from retrieval.index.filters import Filter
from retrieval.index.meaning import Embedders, Meaning
from retrieval.index.segment_index import SegmentIndex
from retrieval.index.stores.choice import StoreName, Stores
from retrieval.index.stores.chroma.server import ChromaSettings
from retrieval.index.version_index import Candidate, Vectors, VersionIndex
from retrieval.versions.manifest import Manifest, load, load_kept, named_segments
from retrieval.versions.names import MANIFEST
from retrieval.versions.next_version import live_chunks

Result = TypeVar("Result")


class Snapshot:
    """A collection's folder, open for reading: the index that a search asks. Safe to share between threads."""

    def __init__(
        self, folder: Path, embedder: TextEmbedder, chroma: ChromaSettings, store: StoreName
    ) -> None:
        self.folder = folder
        self._embedder = embedder
        self._embedders = Embedders.of(embedder)
        self._stores = Stores(folder, store, chroma)
        self._lock = threading.RLock()
        self._stamp: tuple[int, int, int] | None = None
        self._manifest = Manifest()
        self._opened: dict[str, SegmentIndex] = {}
        self._index: tuple[int, VersionIndex] | None = None  # and the version that it is of

    def manifest(self) -> Manifest:
        """Return the manifest of now; of version 0 where there is no collection yet.

        Raises:
            WorkspaceError: it is damaged or of another version of adapt.
        """
        with self._lock:
            try:
                stat = (self.folder / MANIFEST).stat()
            except FileNotFoundError:
                return self._manifest
            stamp = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
            if stamp != self._stamp:
                manifest = load(self.folder)
                if manifest is not None:
                    self._manifest, self._stamp = manifest, stamp
            return self._manifest

    def check(self, manifest: Manifest) -> None:
        """Check that a version's vectors are of this embedder.

        Raises:
            WorkspaceError: they are not.
        """
        if manifest.version and manifest.embedder != self._embedder.identity:
            name = self.folder.name
            raise WorkspaceError(
                f"collection '{name}' was made with the embedder {manifest.embedder}, this is "
                f"{self._embedder.identity}; rebuild it with 'adapt ingest PATH --collection {name} "
                "--rebuild', or use that embedder"
            )

    @property
    def embedded_languages(self) -> frozenset[str] | None:
        """Return the languages that the embedder knows, None for any."""
        return self._embedder.languages

    def candidates(
        self, question: str, *, dense: bool, lexical: bool, limit: int, only: Filter | None = None
    ) -> list[Candidate]:
        """Return the `limit` best chunks of each part that runs, with their scores by all of them."""
        meaning = self._meaning(question) if dense else None
        return self._read(
            lambda manifest: self._ranks(manifest).candidates(
                question, meaning, lexical=lexical, limit=limit, only=only
            )
        )

    def _meaning(self, question: str) -> Meaning:
        """Return a question as those embedders have it that this collection asks in its language."""
        # an embedder that is sensitive to case takes words all in capitals for names
        asked = question.lower() if question.isupper() else question
        known = self._embedder.languages or frozenset()
        meaning = Meaning(
            [functools.partial(_embed, part, asked) for part in self._embedder.parts],
            language_of_question(question) if len(known) > 1 else "",
        )
        # before the index is locked; what a newer version asks besides is made there
        for place in self._read(lambda manifest: self._ranks(manifest).asked(meaning.language)):
            meaning.by(place)
        return meaning

    def chunks(self, ids: Sequence[str]) -> dict[str, Chunk]:
        """Return the live chunks of these ids."""
        return self._read(lambda manifest: self._ranks(manifest).chunks(ids))

    def live_chunks(self) -> Iterator[Chunk]:
        """Yield every chunk of the version of now."""
        manifest = self.manifest()
        for chunks in live_chunks(self.folder, manifest):
            yield from chunks

    def page(self, chunk_id: str) -> tuple[Chunk, list[Chunk], bool] | None:
        """Return a chunk, those of its page by place, and whether it is of the version of now; None if no version has it.

        Earlier versions are looked through too, as long as they are kept: old citations still open.
        """
        with self._lock:
            current = self.manifest()
            for manifest in (current, *reversed(load_kept(self.folder))):
                for name, keys in manifest.live().items():
                    if chunk_id.partition("-")[0] in keys:
                        path = self.folder / "segments" / name
                        segment = self._opened.get(name) or SegmentIndex(path)
                        row = segment.words.row(chunk_id)
                        if row is not None:
                            page = segment.page_of(row)
                            return segment.texts.get(row), page, manifest is current
        return None

    def _read(self, action: Callable[[Manifest], Result]) -> Result:
        """Act on the current version; if an ingest took its files away meanwhile, on the one after."""
        with self._lock:
            manifest = self.manifest()
            self.check(manifest)
            try:
                return action(manifest)
            except WorkspaceError:
                newer = self.manifest()
                if newer.version == manifest.version:
                    raise
                self.check(newer)
                return action(newer)

    def _ranks(self, manifest: Manifest) -> VersionIndex:
        """Return the index of a version; the files of its segments are opened once."""
        if self._index is None or self._index[0] != manifest.version:
            for segment in manifest.segments.keys() - self._opened.keys():
                self._opened[segment] = SegmentIndex(self.folder / "segments" / segment)
            for segment in self._opened.keys() - manifest.segments.keys():
                del self._opened[segment]
            segments = {name: self._opened[name] for name in manifest.segments}
            store = self._stores.of(manifest.chunks)
            self._index = (
                manifest.version,
                VersionIndex(segments, manifest.live(), store, self._embedders),
            )
        return self._index[1]

    def close(self) -> None:
        """Give back the files; the next search opens them again."""
        with self._lock:
            self._index = None
            self._opened.clear()
            self._stores.close()

    def tidy(self, progress: Progress = no_progress) -> None:
        """Bring Chroma's index in step after a change, where it is used, and remove what no version needs any more."""
        manifest = self.manifest() if (self.folder / MANIFEST).exists() else Manifest()
        needed = named_segments(self.folder)
        # without the lock: it may take minutes, in which others search
        self._stores.keep(manifest.chunks, manifest.segments, needed, progress)


def _embed(embedder: TextEmbedder, text: str) -> Vectors:
    vector: Vectors = embedder.embed_array([text])[0]
    return vector
