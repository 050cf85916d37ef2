"""Which store a version of a collection is asked from: `[collections] store`, a server's URL, and how large it is."""

import hashlib
from collections.abc import Collection
from pathlib import Path
from typing import Literal

from adapt.protocols import Progress, no_progress
from retrieval.index.stores.chroma.folders import ChromaFolders, drop
from retrieval.index.stores.chroma.server import ChromaServer, ChromaSettings
from retrieval.index.stores.store import ExactStore, VectorStore

StoreName = Literal["auto", "exact", "chroma"]


class Stores:
    """The stores of one collection; Chroma's index lies on the server where one is set, else beside the segments."""

    def __init__(self, folder: Path, store: StoreName, chroma: ChromaSettings) -> None:
        """Take a collection's folder and what the workspace says."""
        self._folder = folder
        self._store = store
        self._chroma = chroma
        self._exact = ExactStore()
        self._server: ChromaServer | None = None
        self._folders = ChromaFolders(folder / "segments")

    def of(self, chunks: int) -> VectorStore:
        """Return the store of a version of so many chunks.

        Raises:
            WorkspaceError: it lies on a server that does not answer.
        """
        if not self._by_chroma(chunks):
            return self._exact
        return self._connected() if self._chroma.url else self._folders

    def keep(
        self,
        chunks: int,
        current: Collection[str],
        needed: Collection[str],
        progress: Progress = no_progress,
    ) -> None:
        """Bring the stores in step with a version of so many chunks, after a change.

        Args:
            current: the segments of this version.
            needed: those, and the ones of earlier versions that are kept.

        Raises:
            WorkspaceError: a store cannot be used.
        """
        if self._chroma.url:
            self._connected().keep(current, needed, progress)
        if self._by_chroma(chunks) and not self._chroma.url:
            self._folders.keep(current, needed, progress)
        else:
            drop(self._folder / "segments")

    def close(self) -> None:
        """Give back files; the next question opens them again."""
        self._folders.close()

    def _by_chroma(self, chunks: int) -> bool:
        if self._store == "auto":
            # in this process Chroma's index was slower at every size that was measured (`retrieval/NOTES.md`)
            return bool(self._chroma.url) and chunks > self._chroma.above
        return self._store == "chroma"

    def _connected(self) -> ChromaServer:
        if self._server is None:
            digest = hashlib.sha256(str(self._folder).encode()).hexdigest()[:16]
            self._server = ChromaServer(self._chroma.url, f"adapt-{digest}-")
        return self._server
