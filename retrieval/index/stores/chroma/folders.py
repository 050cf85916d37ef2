"""Chroma in process: its own folder in the folder of each segment, written once by the ingest, then only read.

    segments/<id>/chroma/    a `chromadb.PersistentClient`: for each embedder a collection of vectors and chunk ids, no text

So it lives and goes with its segment: a version that is brought back finds its own, a removed document goes with the
segment that held it, and what a kill left half-made is never opened. A segment that has none is compared whole; the next
ingest makes it. It is made by a child process (`retrieval.index.stores.chroma.build`).
"""

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from adapt.errors import WorkspaceError
from adapt.protocols import Progress, no_progress
from adapt.records import ProgressEvent
from retrieval.index.segment_index import SegmentIndex
from retrieval.index.stores.chroma.proposals import near_proposed
from retrieval.index.stores.store import Near
from retrieval.index.vectors import Rows, Vectors

if TYPE_CHECKING:
    import chromadb
    from chromadb.api.client import Client

FOLDER = "chroma"
PART = ".part"  # how the name of a folder ends that is not whole
ROOT = Path(__file__).parents[4]
BUILDER = "retrieval.index.stores.chroma.build"
OPENING = threading.Lock()  # chromadb counts the clients of a folder without one


class ChromaFolders:
    """The Chroma folders of one collection's segments."""

    def __init__(self, segments: Path) -> None:
        """Point at the folder of a collection's segments."""
        self._folder = segments
        self._clients: dict[str, Client] = {}
        self._collections: dict[tuple[str, int], chromadb.Collection] = {}

    def near(self, segments: Mapping[str, SegmentIndex], near: Near) -> list[Rows]:
        """Return the rows of the nearest chunks, for each segment, ascending.

        Raises:
            WorkspaceError: a folder is damaged.
        """
        self._close(lambda name: name not in segments)
        return near_proposed(self._propose, segments, near)

    def keep(
        self,
        current: Collection[str],
        needed: Collection[str],
        progress: Progress = no_progress,
    ) -> None:
        """Make what is missing beside the segments that are seen; a segment that goes takes its own with it.

        Raises:
            WorkspaceError: it cannot be made.
        """
        del needed
        lacking = [name for name in current if not (self._folder / name / FOLDER).is_dir()]
        for number, name in enumerate(lacking):
            progress(ProgressEvent("index", number, len(lacking), "Chroma"))
            _build(self._folder / name)

    def close(self) -> None:
        """Give back the files; the next question opens them again."""
        self._close(lambda _: True)

    def _propose(
        self, name: str, segment: SegmentIndex, embedder: int, vector: Vectors, count: int
    ) -> list[str] | None:
        del segment
        folder = self._folder / name / FOLDER
        if (name, embedder) not in self._collections and not folder.is_dir():
            return None
        with _guarded(folder):
            if (name, embedder) not in self._collections:
                self._collections[name, embedder] = self._client(name).get_collection(
                    collection_name(embedder), embedding_function=None
                )
            answer = self._collections[name, embedder].query(
                query_embeddings=np.asarray(vector[None], np.float32), n_results=count, include=[]
            )
        return answer["ids"][0]

    def _client(self, name: str) -> "Client":
        if name not in self._clients:
            with OPENING:
                self._clients[name] = open_client(self._folder / name / FOLDER)
        return self._clients[name]

    def _close(self, gone: Callable[[str], bool]) -> None:
        for name in [name for name in self._clients if gone(name)]:
            with OPENING:
                self._clients.pop(name).close()
            for key in [key for key in self._collections if key[0] == name]:
                del self._collections[key]


def open_client(folder: Path) -> "Client":
    """Return a client of a folder, which is made if need be."""
    import chromadb  # a second; only who asks it pays
    from chromadb.config import Settings as ClientSettings

    settings = ClientSettings(anonymized_telemetry=False)
    # its stated type has no `close`
    return cast("Client", chromadb.PersistentClient(str(folder), settings=settings))


def collection_name(embedder: int) -> str:
    """Return what the vectors of the embedder at a place are called in Chroma."""
    return f"vectors-{embedder}"


def drop(segments: Path) -> None:
    """Remove Chroma's folders of all segments."""
    for folder in segments.glob(f"*/{FOLDER}*"):
        shutil.rmtree(folder)


def _build(segment: Path) -> None:
    """Have a segment's folder made by a child, which ends when this process does.

    A process of its own holds nothing but this segment's vectors: Chroma writes memory that it never set, in which removed
    ones would be found.
    """
    known = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    for left in segment.glob(f"{FOLDER}*{PART}"):
        shutil.rmtree(left)
    with subprocess.Popen(  # noqa: S603  the command is ours
        [sys.executable, "-P", "-m", BUILDER, str(segment)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, known))},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as child:
        output = b"" if child.stderr is None else child.stderr.read()
        code = child.wait()
    if code:
        lines = output.decode("utf-8", "replace").split("\n")
        why = next((line for line in reversed(lines) if line.strip()), f"it ended with {code}")
        raise WorkspaceError(
            f"{segment / FOLDER}: cannot be made ({why[:200]}); ingest again, or set collections.store to 'exact' in "
            "adapt.toml"
        )


@contextmanager
def _guarded(folder: Path) -> Iterator[None]:
    """Turn what Chroma raises of a folder into one sentence."""
    from chromadb.errors import ChromaError

    try:
        yield
    except (ChromaError, ValueError, OSError) as error:
        why = " ".join(str(error).split())[:160]
        raise WorkspaceError(
            f"{folder}: cannot be used ({why}); remove that folder and ingest again, or set collections.store to 'exact' "
            "in adapt.toml"
        ) from error
