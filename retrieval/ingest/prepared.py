"""Documents that are ready to be written, kept in a file each until the version that holds them is seen.

An ingest that was killed finds them again, and so does one whose documents other machines have prepared.

    staged/<key>.safetensors    vectors-<e> float32 [n, dimensions], those of embedder e; header: the document and its
                                chunks as JSON
"""

import hashlib
import uuid
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from adapt.records import Chunk
from retrieval.index.version_index import EachVectors

HEADER = "prepared"


@dataclass(frozen=True)
class IngestFile:
    """A file of an ingest: its document's name, where it lies, and the SHA-256 of its bytes."""

    name: str
    path: Path
    revision: str


@dataclass(frozen=True)
class Text:
    """What is known of a document beside its vectors: `revision` is the SHA-256 of the bytes that were read."""

    name: str
    revision: str
    title: str
    pages: int
    warnings: tuple[str, ...]
    chunks: tuple[Chunk, ...]


@dataclass(frozen=True)
class Prepared:
    """A document ready to be written, with the vectors of its chunks."""

    text: Text
    vectors: EachVectors


TEXT = TypeAdapter(Text)


class Staged:
    """The folder of prepared documents of one way to prepare them."""

    def __init__(self, folder: Path, recipe: str) -> None:
        """Point at a folder.

        Args:
            recipe: all that the result depends on beside the file: readers, chunk settings, embedder.
        """
        self.folder = folder
        self._recipe = recipe

    def holds(self, file: IngestFile) -> bool:
        """Return whether a file is prepared; a file that a power cut tore is not."""
        try:
            with safe_open(self._path(file), framework="numpy") as tensors:
                return HEADER in (tensors.metadata() or {})
        except (OSError, SafetensorError):
            return False

    def load(self, file: IngestFile) -> Prepared:
        """Return a prepared document that is there."""
        with safe_open(self._path(file), framework="numpy") as tensors:
            vectors = tuple(tensors.get_tensor(name) for name in sorted(tensors.keys()))
            return Prepared(TEXT.validate_json(tensors.metadata()[HEADER]), vectors)

    def save(self, file: IngestFile, prepared: Prepared) -> None:
        """Keep a prepared document; it appears whole."""
        self.folder.mkdir(parents=True, exist_ok=True)
        temporary = self.folder / f"{uuid.uuid4().hex}.tmp"
        header = {HEADER: TEXT.dump_json(prepared.text).decode()}
        named = {
            f"vectors-{embedder}": np.ascontiguousarray(vectors)
            for embedder, vectors in enumerate(prepared.vectors)
        }
        save_file(named, temporary, header)
        temporary.replace(self._path(file))

    def _path(self, file: IngestFile) -> Path:
        parts = (file.name, file.revision, self._recipe)
        digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()
        return self.folder / f"{digest[:32]}.safetensors"
