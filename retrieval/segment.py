"""`Segment`: a Chroma folder that is written once and then only read; the one place that speaks to Chroma.

Chroma changes its index in place, and a process killed meanwhile may leave it half changed. So a published segment is never
written again: an ingest makes a new one beside it, and a search opens only what the manifest names.
"""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import chromadb
import numpy as np
import numpy.typing as npt
from chromadb.api.client import Client
from chromadb.api.collection_configuration import CreateCollectionConfiguration
from chromadb.config import Settings as ChromaSettings
from chromadb.errors import ChromaError

from adapt.errors import WorkspaceError
from adapt.records import Chunk
from adapt.workspace import sync_folder

COLLECTION = "chunks"  # Chroma wants three letters or more; our collections' names may be shorter
BATCH = 1_000
LOW_SPACE = 4_000_000  # bytes; Chroma fails before the last one is taken
INDEX: CreateCollectionConfiguration = {
    "hnsw": {"space": "cosine", "ef_search": 200, "ef_construction": 200}
}

Vector = Sequence[float]
Vectors = npt.NDArray[np.float32]


class Segment:
    """One Chroma folder, open."""

    def __init__(self, path: Path, *, create: bool = False) -> None:
        """Open or create.

        Raises:
            WorkspaceError: it is missing or damaged.
        """
        self.path = path
        if create:
            path.mkdir(parents=True)
        elif not path.is_dir():  # Chroma would make an empty one
            raise WorkspaceError(f"{path}: missing; restore it or ingest the documents again")
        settings = ChromaSettings(anonymized_telemetry=False)
        with _guarded(path):
            client = chromadb.PersistentClient(str(path), settings=settings)
            self._client = cast(Client, client)  # what it is; its declared type has no `close`
            if create:
                self._chunks = self._client.create_collection(
                    COLLECTION, embedding_function=None, configuration=INDEX
                )
            else:
                self._chunks = self._client.get_collection(COLLECTION, embedding_function=None)

    def add(self, chunks: Sequence[Chunk], vectors: Vectors) -> None:
        """Write chunks with their vectors."""
        for start in range(0, len(chunks), BATCH):
            part = chunks[start : start + BATCH]
            with _guarded(self.path):
                self._chunks.add(
                    ids=[c.chunk_id for c in part],
                    embeddings=vectors[start : start + BATCH],
                    documents=[c.text for c in part],
                    metadatas=[_metadata(c) for c in part],
                )

    def nearest(self, vector: Vector, *, limit: int) -> list[tuple[str, float]]:
        """Return ids and cosine similarities, best first."""
        with _guarded(self.path):
            found = self._chunks.query(
                query_embeddings=np.asarray([vector], dtype=np.float32),
                n_results=limit,
                include=["distances"],
            )
        distances = (found["distances"] or [[]])[0]
        # Chroma returns cosine distance; from here on it is a score, larger is better
        return [
            (i, max(-1.0, min(1.0, 1.0 - d)))
            for i, d in zip(found["ids"][0], distances, strict=True)
        ]

    def get(self, ids: Sequence[str]) -> dict[str, Chunk]:
        """Return the chunks of these ids."""
        with _guarded(self.path):
            found = self._chunks.get(ids=list(ids), include=["documents", "metadatas"])
        texts, metadatas = found["documents"] or [], found["metadatas"] or []
        rows = zip(found["ids"], texts, metadatas, strict=True)
        return {i: _chunk(i, text, dict(metadata)) for i, text, metadata in rows}

    def rows(self) -> Iterator[tuple[list[Chunk], Vectors]]:
        """Yield all chunks with their vectors, in batches."""
        total = self.count()
        for offset in range(0, total, BATCH):
            with _guarded(self.path):
                found = self._chunks.get(
                    limit=BATCH, offset=offset, include=["documents", "metadatas", "embeddings"]
                )
            texts, metadatas = found["documents"] or [], found["metadatas"] or []
            rows = zip(found["ids"], texts, metadatas, strict=True)
            chunks = [_chunk(i, text, dict(metadata)) for i, text, metadata in rows]
            yield chunks, np.asarray(found["embeddings"], dtype=np.float32)

    def count(self) -> int:
        """Return how many chunks lie in it."""
        with _guarded(self.path):
            return self._chunks.count()

    def close(self) -> None:
        """Give back its files."""
        self._client.close()

    def seal(self) -> None:
        """Close it and make its files durable; it is only read from then on."""
        self.close()
        for file in self.path.rglob("*"):
            if file.is_dir():
                sync_folder(file)
            else:
                with file.open("rb") as handle:
                    os.fsync(handle.fileno())
        sync_folder(self.path)
        sync_folder(self.path.parent)


def _metadata(chunk: Chunk) -> dict[str, str | int | float | bool]:
    return {
        "document": chunk.document,
        "revision": chunk.revision,
        "page": chunk.page or 0,  # Chroma keeps no None; pages count from 1
        "heading": chunk.heading,
        "start": chunk.start,
        "end": chunk.end,
        "language": chunk.language,
        "part": chunk.part,
    }


def _chunk(chunk_id: str, text: str, metadata: dict[str, object]) -> Chunk:
    return Chunk(
        chunk_id=chunk_id,
        document=str(metadata["document"]),
        revision=str(metadata["revision"]),
        text=text,
        page=int(str(metadata["page"])) or None,
        heading=str(metadata["heading"]),
        start=int(str(metadata["start"])),
        end=int(str(metadata["end"])),
        language=str(metadata["language"]),
        part=int(str(metadata["part"])),
    )


@contextmanager
def _guarded(path: Path) -> Iterator[None]:
    """Turn what Chroma raises into one sentence."""
    try:
        yield
    except (ChromaError, OSError, ValueError) as error:
        why = " ".join(str(error).split())[:160]
        # Chroma's text for a full disk is "Failed to apply logs to the metadata segment"
        if path.is_dir() and shutil.disk_usage(path).free < LOW_SPACE:
            raise WorkspaceError(
                f"{path}: the disk is full; free some space and run the same again"
            ) from error
        raise WorkspaceError(
            f"{path}: the index cannot be used ({why}); ingest the documents into a new collection"
        ) from error
