"""`Collection`: named documents that can be searched, ingested again, listed and removed.

Any number of processes may search while one ingests. What a search sees is the manifest (`retrieval.manifest`), read anew
when its file has changed. Not here: how files become chunks (`retrieval.ingest`), how parts become passages
(`retrieval.search`).
"""

import builtins
import errno
import hashlib
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import numpy as np
from filelock import Timeout

from adapt.errors import NotFoundError, RecipeError, WorkspaceError
from adapt.protocols import Progress, TextEmbedder, no_progress
from adapt.records import Chunk, Passage
from adapt.workspace import Workspace, check_name, locked_out
from retrieval.chunking import ChunkSettings
from retrieval.files import find_files
from retrieval.filters import Filter
from retrieval.index import Candidate, SegmentIndex, Vectors, VersionIndex
from retrieval.ingest import HEADING_TOKENS, Ingest, IngestReport
from retrieval.manifest import DocumentEntry, Manifest, load
from retrieval.names import MANIFEST, collection_names
from retrieval.quality import Quality, evaluate, read_questions
from retrieval.search import SearchResult, SearchSettings, rankings, run
from retrieval.segment import Segment

__all__ = ["Collection", "IngestReport"]

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
LOCK_SECONDS = 1.0  # an ingest takes minutes; waiting for another one would look like hanging
Found = TypeVar("Found")


class Collection:
    """One collection of a workspace, with the embedder that its vectors are from. Safe to share between threads."""

    def __init__(self, workspace: Workspace, name: str, embedder: TextEmbedder) -> None:
        """Point at a collection; `open` and `open_or_create` also check that it can be used."""
        self.name = check_name("collection", name)
        self.workspace = workspace
        self.folder = workspace.collections / name
        self._embedder = embedder
        self._lock = threading.RLock()
        self._stamp: tuple[int, int, int] | None = None
        self._manifest = Manifest(embedder=embedder.identity)
        self._segments: dict[str, Segment] = {}
        self._opened: dict[str, SegmentIndex] = {}
        self._index: tuple[int, VersionIndex] | None = None  # and the version that it is of

    @classmethod
    def open(cls, workspace: Workspace, name: str, embedder: TextEmbedder) -> "Collection":
        """Return a collection that exists.

        Raises:
            NotFoundError: there is none of that name; the text offers those that there are.
            WorkspaceError: it was made with another embedder, or is damaged.
        """
        if name not in cls.list(workspace):
            hint = "; make one with 'adapt ingest PATH --collection NAME'"
            raise NotFoundError("collection", name, cls.list(workspace), hint=hint)
        collection = cls(workspace, name, embedder)
        collection._check_embedder(collection._current())
        return collection

    @classmethod
    def open_or_create(
        cls, workspace: Workspace, name: str, embedder: TextEmbedder
    ) -> "Collection":
        """Return a collection; a new one takes shape with its first ingest.

        Raises:
            AdaptError: the name is not safe, it was made with another embedder, or is damaged.
        """
        collection = cls(workspace, name, embedder)
        collection._check_embedder(collection._current())
        return collection

    @staticmethod
    def list(workspace: Workspace) -> builtins.list[str]:
        """Return the names of the collections."""
        return collection_names(workspace)

    @property
    def version(self) -> int:
        """Return the number of the version that is seen now; 0 before the first ingest."""
        return self._current().version

    def documents(self) -> dict[str, DocumentEntry]:
        """Return the documents of the version that is seen now, by name."""
        return dict(sorted(self._current().documents.items()))

    def ingest(
        self,
        paths: Sequence[Path],
        *,
        prune: bool = False,
        progress: Progress = no_progress,
        settings: ChunkSettings | None = None,
    ) -> IngestReport:
        """Bring the collection in step with files and folders; the new version is seen at once, or not at all.

        Args:
            prune: also remove documents of these folders whose file is no longer there.

        Raises:
            DataError: a path does not exist, or nothing at all could be read.
            WorkspaceError: another process ingests into it, or the disk is full.
        """
        chosen = settings or self.workspace.settings("chunks", ChunkSettings)
        room = self._embedder.max_tokens - HEADING_TOKENS
        if chosen.tokens > room:
            raise RecipeError(
                f"chunks.tokens: {chosen.tokens} is more than this embedder reads with a heading ({room}); lower it"
            )
        with self._writing(progress, chosen) as work:
            manifest = self._current()
            listing = find_files(paths, manifest.sources, manifest.documents)
            return work.run(listing, prune=prune)

    def remove(self, document: str) -> None:
        """Remove one document.

        Raises:
            NotFoundError: none is called that.
        """
        with self._writing() as work:
            known = self._current().documents
            if document not in known:
                raise NotFoundError("document", document, known)
            work.remove([document])

    @classmethod
    def rebuild(
        cls,
        workspace: Workspace,
        name: str,
        embedder: TextEmbedder,
        *,
        progress: Progress = no_progress,
    ) -> "Collection":
        """Embed a collection anew with another embedder, from its stored chunks, beside the old index; then switch."""
        if name not in cls.list(workspace):
            raise NotFoundError("collection", name, cls.list(workspace))
        collection = cls(workspace, name, embedder)
        with collection._writing(progress, check=False) as work:
            work.rebuild()
        return collection

    def search(
        self,
        question: str,
        *,
        top_k: int | None = None,
        settings: SearchSettings | None = None,
        only: Filter | None = None,
    ) -> builtins.list[Passage]:
        """Return passages for a question, best first; empty where nothing is close enough.

        Args:
            only: which passages are looked at; None for all.

        Raises:
            DataError: the question is empty.
        """
        return builtins.list(self.ask(question, top_k=top_k, settings=settings, only=only).passages)

    def ask(
        self,
        question: str,
        *,
        top_k: int | None = None,
        settings: SearchSettings | None = None,
        only: Filter | None = None,
    ) -> SearchResult:
        """Return what `search` does, with the account of which parts ran."""
        chosen = settings or self.workspace.settings("search", SearchSettings)
        return run(self, question, top_k=top_k, settings=chosen, only=only)

    def evaluate(self, questions: Path, *, progress: Progress = no_progress) -> Quality:
        """Return how well each part of a search finds what a file of questions says is right.

        Raises:
            DataError: the file cannot be read, or names what the collection does not hold.
        """
        manifest = self._current()
        names = {key: name for live in manifest.live().values() for key, name in live.items()}
        settings = self.workspace.settings("search", SearchSettings)
        return evaluate(
            read_questions(questions, manifest.documents),
            lambda question: rankings(self, question, settings),
            lambda chunk_id: names.get(chunk_id.partition("-")[0], ""),
            progress=progress,
        )

    def close(self) -> None:
        """Give back the files of the index; the next search opens them again."""
        with self._lock:
            self._index = None
            self._opened.clear()
            while self._segments:
                self._segments.popitem()[1].close()

    @property
    def embedded_languages(self) -> frozenset[str] | None:
        """Return the languages that the embedder knows, None for any."""
        return self._embedder.languages

    def candidates(
        self, question: str, *, dense: bool, lexical: bool, limit: int, only: Filter | None = None
    ) -> builtins.list[Candidate]:
        """Return the `limit` best chunks of each part that runs, with their scores by all of them."""
        vector = np.asarray(self._embedder.embed([question])[0], np.float32) if dense else None
        return self.candidates_near(question, vector, lexical=lexical, limit=limit, only=only)

    def candidates_near(
        self,
        question: str,
        vector: Vectors | None,
        *,
        lexical: bool,
        limit: int,
        only: Filter | None = None,
    ) -> builtins.list[Candidate]:
        """Return what `candidates` does, for a question that was embedded before."""
        return self._read(
            lambda manifest: self._ranks(manifest).candidates(
                question, vector, lexical=lexical, limit=limit, only=only
            )
        )

    def chunks(self, ids: Sequence[str]) -> dict[str, Chunk]:
        """Return the live chunks of these ids."""
        return self._read(lambda manifest: self._ranks(manifest).chunks(ids))

    def _read(self, action: Callable[[Manifest], Found]) -> Found:
        """Act on the current version; if an ingest took its files away meanwhile, on the one after."""
        with self._lock:
            manifest = self._current()
            self._check_embedder(manifest)
            try:
                return action(manifest)
            except WorkspaceError:
                newer = self._current()
                if newer.version == manifest.version:
                    raise
                self._check_embedder(newer)
                return action(newer)

    def _current(self) -> Manifest:
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
                    for segment in self._segments.keys() - manifest.segments.keys():
                        self._segments.pop(segment).close()
            return self._manifest

    def _ranks(self, manifest: Manifest) -> VersionIndex:
        """Return the index of a version; the files of its segments are opened once."""
        if self._index is None or self._index[0] != manifest.version:
            for segment in manifest.segments.keys() - self._opened.keys():
                self._opened[segment] = SegmentIndex(self.folder / "segments" / segment)
            for segment in self._opened.keys() - manifest.segments.keys():
                del self._opened[segment]
            segments = {one: self._opened[one] for one in manifest.segments}
            self._index = (
                manifest.version,
                VersionIndex(segments, manifest.live(), self._propose),
            )
        return self._index[1]

    def _propose(self, segment: str, vector: Vectors, count: int) -> builtins.list[str]:
        return [i for i, _ in self._segment(segment).nearest(vector.tolist(), limit=count)]

    def _segment(self, segment_id: str) -> Segment:
        if segment_id not in self._segments:
            self._segments[segment_id] = Segment(self.folder / "segments" / segment_id)
        return self._segments[segment_id]

    def _check_embedder(self, manifest: Manifest) -> None:
        if manifest.embedder != self._embedder.identity:
            raise WorkspaceError(
                f"collection '{self.name}' was made with the embedder {manifest.embedder}, this is "
                f"{self._embedder.identity}; rebuild it with 'adapt ingest PATH --collection {self.name} "
                "--rebuild', or use that embedder"
            )

    @contextmanager
    def _writing(
        self,
        progress: Progress = no_progress,
        settings: ChunkSettings | None = None,
        *,
        check: bool = True,
    ) -> Iterator[Ingest]:
        """Yield the work on this collection's folder, under its lock."""
        digest = hashlib.sha256(self.name.encode()).hexdigest()[:16]
        lock = self.workspace.lock(f"collection-{digest}", timeout_seconds=LOCK_SECONDS)
        try:
            lock.acquire()
        except Timeout as error:
            raise locked_out(f"collection '{self.name}'", error) from error
        try:
            manifest = self._current()
            if check:
                self._check_embedder(manifest)
            self.folder.mkdir(exist_ok=True)
            yield Ingest(
                self.folder, manifest, self._embedder, settings or ChunkSettings(), progress
            )
        except OSError as error:
            if error.errno not in FULL:
                raise
            raise WorkspaceError(
                f"{self.folder}: the disk is full; free some space and run the same again"
            ) from error
        finally:
            self._leave_no_shell()
            lock.release()

    def _leave_no_shell(self) -> None:
        """Remove the folder of a collection that never came to be, unless it holds vectors to take up again."""
        staged = self.folder / "staged"
        kept = (self.folder / MANIFEST).exists() or (staged.is_dir() and any(staged.iterdir()))
        if not kept:
            shutil.rmtree(self.folder, ignore_errors=True)
