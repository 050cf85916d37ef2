"""`Collection`: named documents that can be ingested, listed and searched, for one user.

To who may not read it, a collection does not exist. Not here: what its owner does with it as a whole
(`retrieval.collections.owner`), how files become chunks (`retrieval.ingest.ingest`), which version is seen
(`retrieval.versions.snapshot`), how parts become passages (`retrieval.search.search`).
"""

import builtins
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from adapt.errors import AdaptError, NotFoundError, RecipeError
from adapt.protocols import Progress, TextEmbedder, no_progress
from adapt.records import Passage, PassageView
from adapt.workspace.folder import Workspace, check_name
from retrieval.chunks.cut import HEADING_TOKENS, ChunkSettings
from retrieval.collections.access import Access, load_access, save_access, visible_names
from retrieval.index.filters import Filter
from retrieval.index.stores.chroma.server import ChromaSettings
from retrieval.ingest.files import find_files, locate
from retrieval.ingest.ingest import Distribute, Ingest, IngestReport, IngestSettings
from retrieval.prompt.cited_page import view
from retrieval.sandbox.limits import ReaderLimits
from retrieval.search.evaluate import Quality, evaluate, read_questions
from retrieval.search.search import SearchResult, SearchSettings, rankings, run
from retrieval.versions.lock import writing
from retrieval.versions.manifest import (
    DocumentEntry,
    Manifest,
    ParkedFile,
    load_any_format,
    load_kept,
)
from retrieval.versions.names import MANIFEST, find_document
from retrieval.versions.next_version import VersionSettings
from retrieval.versions.snapshot import Snapshot

__all__ = ["Collection", "IngestReport"]


class Collection:
    """One collection of a workspace, with the embedder that its vectors are from. Safe to share between threads."""

    def __init__(self, workspace: Workspace, name: str, embedder: TextEmbedder, user: str) -> None:
        """Point at a collection; `open` and `open_or_create` also check that it can be used."""
        self.name = check_name("collection", name)
        self.user = user
        self.workspace = workspace
        self.folder = workspace.collections / name
        self._embedder = embedder
        self._new_access: Access | None = None
        chroma = workspace.settings("chroma", ChromaSettings)
        store = workspace.settings("collections", VersionSettings).store
        self._snapshot = Snapshot(self.folder, embedder, chroma, store)

    @classmethod
    def open(
        cls, workspace: Workspace, name: str, embedder: TextEmbedder, *, user: str = ""
    ) -> "Collection":
        """Return a collection that exists.

        Args:
            user: who asks; nobody in particular sees the public ones.

        Raises:
            NotFoundError: this user sees none of that name; the text offers those that they see.
            WorkspaceError: it was made with another embedder, or is damaged.
        """
        collection = cls(workspace, name, embedder, user)
        collection.check_reader()
        collection.index.check(collection.index.manifest())
        return collection

    @classmethod
    def open_or_create(
        cls,
        workspace: Workspace,
        name: str,
        embedder: TextEmbedder,
        *,
        user: str = "",
        access: Access | None = None,
    ) -> "Collection":
        """Return a collection to write into; a new one takes shape with its first ingest.

        Args:
            access: who may read it, where it is new; everyone where None.

        Raises:
            AdaptError: the name is not safe or another user's, it was made with another embedder, or is damaged.
        """
        collection = cls(workspace, name, embedder, user)
        collection._new_access = access
        collection.check_owner()
        collection.index.check(collection.index.manifest())
        return collection

    @staticmethod
    def list(workspace: Workspace, *, user: str = "") -> builtins.list[str]:
        """Return the names of the collections that a user may read."""
        return visible_names(workspace, user)

    @property
    def index(self) -> Snapshot:
        """Return what a search asks."""
        return self._snapshot

    @property
    def exists(self) -> bool:
        """Return whether it holds a version."""
        return (self.folder / MANIFEST).exists()

    @property
    def access(self) -> Access:
        """Return who may read it."""
        return load_access(self.folder)

    @property
    def version(self) -> int:
        """Return the number of the version that is seen now; 0 before the first ingest."""
        return self._snapshot.manifest().version

    @property
    def size(self) -> int:
        """Return how many chunks the version holds that is seen now."""
        return self._snapshot.manifest().chunks

    def documents(self) -> dict[str, DocumentEntry]:
        """Return the documents of the version that is seen now, by name."""
        return dict(sorted(self._snapshot.manifest().documents.items()))

    def file_of(self, document: str) -> Path | None:
        """Return the file that a document, or a parked file, came from; None where there is none of that name."""
        manifest = self._snapshot.manifest()
        name = find_document(document, [*manifest.documents, *manifest.parked])
        entry = manifest.documents.get(name or "") or manifest.parked.get(name or "")
        return locate(name, entry.source, manifest.sources) if name and entry else None

    def parked(self) -> dict[str, ParkedFile]:
        """Return the files that could not be read, by name."""
        return dict(sorted(self._snapshot.manifest().parked.items()))

    def versions(self) -> builtins.list[Manifest]:
        """Return the version that is seen and the earlier ones that can be brought back, newest first."""
        current = self._snapshot.manifest()
        earlier = [
            manifest for manifest in load_kept(self.folder) if manifest.version != current.version
        ]
        return [current, *reversed(earlier)]

    def ingest(
        self,
        paths: Sequence[Path],
        *,
        prune: bool = False,
        retry: bool = False,
        progress: Progress = no_progress,
        settings: ChunkSettings | None = None,
        distribute: Distribute | None = None,
    ) -> IngestReport:
        """Bring the collection in step with files and folders; the new version is seen at once, or not at all.

        Args:
            prune: also remove documents of these folders whose file is no longer there.
            retry: try files again that could not be read before, though they have not changed.
            distribute: has other machines prepare the files that changed.

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
        with self.changing(progress, chosen) as (work, manifest):
            known = [*manifest.documents, *manifest.parked]
            listing = find_files(paths, manifest.sources, known)
            return work.run(listing, prune=prune, retry=retry, distribute=distribute)

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
        return run(self._snapshot, question, top_k=top_k, settings=chosen, only=only)

    def evaluate(self, questions: Path, *, progress: Progress = no_progress) -> Quality:
        """Return how well each part of a search finds what a file of questions says is right.

        Raises:
            DataError: the file cannot be read, or names what the collection does not hold.
        """
        manifest = self._snapshot.manifest()
        names = {key: name for live in manifest.live().values() for key, name in live.items()}
        settings = self.workspace.settings("search", SearchSettings)
        return evaluate(
            read_questions(questions, manifest.documents),
            lambda question: rankings(self._snapshot, question, settings),
            lambda chunk_id: names.get(chunk_id.partition("-")[0], ""),
            progress=progress,
        )

    def open_passage(self, chunk_id: str, text: str = "") -> PassageView | None:
        """Return a passage in its page, of this version or a kept one; None where no version has it.

        Args:
            text: what was cited, where neighbours were joined to the chunk.
        """
        located = self._snapshot.page(chunk_id)
        if located is None:
            return None
        chunk, page, current = located
        return view(chunk, page, text, current=current)

    def close(self) -> None:
        """Give back the files of the index; the next search opens them again."""
        self._snapshot.close()

    def check_reader(self) -> None:
        """Refuse whom it does not exist for.

        Raises:
            NotFoundError: there is none of that name, or not for this user.
        """
        if not self.exists or not self.access.may_read(self.user):
            seen = visible_names(self.workspace, self.user)
            hint = "; make one with 'adapt ingest PATH --collection NAME'"
            raise NotFoundError("collection", self.name, seen, hint=hint)

    def check_owner(self) -> None:
        """Refuse who may not change it.

        Raises:
            AdaptError: it is another user's; to who may not read it, the text does not say whose.
        """
        access = self.access
        if access.may_write(self.user):
            return
        if not access.may_read(self.user):
            # says only that the name is not available: content and owner stay private
            raise AdaptError(f"the name '{self.name}' cannot be used here; choose another")
        raise AdaptError(
            f"collection '{self.name}' belongs to {access.owner}, who alone may change it; use another name"
        )

    @contextmanager
    def changing(
        self,
        progress: Progress = no_progress,
        chunks: ChunkSettings | None = None,
        *,
        check: bool = True,
    ) -> Iterator[tuple[Ingest, Manifest]]:
        """Yield the work on this collection's folder and the version of now, under its lock.

        Args:
            check: refuse what another embedder, or an earlier version of adapt, has made.
        """
        with writing(self.workspace, self.name) as folder:
            self.check_owner()
            manifest = self._snapshot.manifest() if check else load_any_format(folder) or Manifest()
            if not manifest.version and self._new_access is not None:
                save_access(folder, self._new_access)  # before there is anything to see
            if check:
                self._snapshot.check(manifest)
            settings = IngestSettings(
                chunks=chunks or self.workspace.settings("chunks", ChunkSettings),
                readers=self.workspace.settings("readers", ReaderLimits),
                versions=self.workspace.settings("collections", VersionSettings),
            )
            yield Ingest(folder, manifest, self._embedder, settings, progress), manifest
            self._snapshot.tidy(progress)
