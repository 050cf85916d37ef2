"""One ingest: what changed is read, cut and embedded into a new segment, then one file is replaced and all of it is seen.

Up to that moment a search sees the version before; a kill leaves an orphan folder and the staged vectors of the documents
that were done, which the next ingest takes up. Not here: locks and searching (`retrieval.collection`).
"""

import hashlib
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from adapt.artifacts import sha256_file
from adapt.errors import DataError
from adapt.protocols import Progress, TextEmbedder
from adapt.records import Chunk, Document, ProgressEvent
from retrieval.chunking import CHUNKER_VERSION, ChunkSettings, chunk
from retrieval.files import Listing, locate
from retrieval.manifest import DocumentEntry, Manifest
from retrieval.readers import MAX_BYTES, READER_VERSION, read
from retrieval.segment import Vectors
from retrieval.versions import NextVersion, live_rows

GROUP = 256  # chunks embedded together: enough to sort by length, few enough to lose on a kill
HEADING_TOKENS = 64  # room for the heading path that is embedded before a chunk's text


@dataclass
class IngestReport:
    """What an ingest did. `added` to `removed` are document names; `failed` and `skipped` are (file, reason)."""

    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    chunks: int = 0
    seconds: float = 0.0


class Ingest:
    """The work on one collection's folder; its caller holds the collection's lock."""

    def __init__(
        self,
        folder: Path,
        manifest: Manifest,
        embedder: TextEmbedder,
        settings: ChunkSettings,
        progress: Progress,
    ) -> None:
        self._folder = folder
        self._manifest = manifest
        self._embedder = embedder
        self._settings = settings
        self._progress = progress
        self._cut = f"{READER_VERSION}.{CHUNKER_VERSION}.{settings.tokens}+{settings.overlap}"

    def run(self, listing: Listing, *, prune: bool) -> IngestReport:
        """Bring the collection in step with the files.

        Raises:
            DataError: nothing at all could be read.
        """
        started = time.monotonic()
        report = IngestReport(skipped=listing.skipped)
        todo = self._changed_files(listing, report)
        documents = dict(self._manifest.documents)
        if prune:
            report.removed = self._vanished(listing)
            for name in report.removed:
                del documents[name]
        with NextVersion(self._folder, self._manifest) as version:
            for document, chunks in self._embedded(todo, version, report):
                documents[document.name] = self._entry(document, chunks, version, listing)
            _refuse_nothing(listing, report)
            report.chunks = version.written
            if report.added or report.changed or report.removed:
                version.publish(documents, listing.sources, embedder=self._embedder.identity)
        shutil.rmtree(self._folder / "staged", ignore_errors=True)
        report.seconds = time.monotonic() - started
        return report

    def remove(self, names: Iterable[str]) -> None:
        """Publish a version without these documents."""
        gone = set(names)
        left = {n: e for n, e in self._manifest.documents.items() if n not in gone}
        with NextVersion(self._folder, self._manifest) as version:
            version.publish(left, self._manifest.sources, embedder=self._embedder.identity)

    def rebuild(self) -> int:
        """Embed every chunk anew with this embedder, beside the old index, then switch; return how many there were."""
        total = self._manifest.chunks
        with NextVersion(self._folder, self._manifest) as version:
            rows = live_rows(self._folder, self._manifest, list(self._manifest.segments))
            for chunks, _ in rows:
                version.write(chunks, self._vectors(chunks))
                self._progress(ProgressEvent("embed", version.written, total))
            version.publish_rewritten(embedder=self._embedder.identity)
        return total

    def _changed_files(self, listing: Listing, report: IngestReport) -> list[tuple[str, Path]]:
        todo = []
        for number, (name, path) in enumerate(listing.files.items()):
            self._progress(ProgressEvent("check", number, len(listing.files), name))
            entry = self._manifest.documents.get(name)
            if entry is not None and entry.source != listing.origin[name]:
                other = locate(name, entry.source, self._manifest.sources)
                report.failed.append((name, f"{path}: has the name of {other}; rename one of them"))
            elif entry is not None and entry.cut == self._cut and _has_hash(path, entry.revision):
                report.unchanged.append(name)
            else:
                todo.append((name, path))
        return todo

    def _vanished(self, listing: Listing) -> list[str]:
        """Return the documents that came from a folder now given, and whose file is not there any more."""
        gone = []
        for name, entry in self._manifest.documents.items():
            file = locate(name, entry.source, listing.sources)
            if name not in listing.files and any(file.is_relative_to(f) for f in listing.folders):
                gone.append(name)
        return gone

    def _embedded(
        self, todo: Sequence[tuple[str, Path]], version: NextVersion, report: IngestReport
    ) -> Iterator[tuple[Document, list[Chunk]]]:
        """Read, cut, embed and write; yield each document that is in the new segment."""
        group: list[tuple[Document, list[Chunk]]] = []
        for number, (name, path) in enumerate(todo):
            values = {"chunks": float(version.written)}
            self._progress(ProgressEvent("ingest", number, len(todo), name, values))
            known = name in self._manifest.documents
            try:
                document = read(path, name=name)
            except DataError as error:
                kept = "; what was read of it before stays" if known else ""
                report.failed.append((name, f"{error}{kept}"))
                continue
            (report.changed if known else report.added).append(name)
            cut = chunk(document, self._settings, count_tokens=self._embedder.count_tokens)
            group.append((document, cut))
            if sum(len(chunks) for _, chunks in group) >= GROUP:
                self._embed(group, version)
                yield from group
                group = []
        self._embed(group, version)
        yield from group
        self._progress(
            ProgressEvent("ingest", len(todo), len(todo), "", {"chunks": float(version.written)})
        )

    def _entry(
        self, document: Document, chunks: list[Chunk], version: NextVersion, listing: Listing
    ) -> DocumentEntry:
        return DocumentEntry(
            revision=document.sha256,
            segment=version.segment_id,
            chunks=len(chunks),
            cut=self._cut,
            source=listing.origin[document.name],
            title=document.title,
        )

    def _embed(self, group: Sequence[tuple[Document, list[Chunk]]], version: NextVersion) -> None:
        """Embed the documents that no interrupted ingest has embedded, keep their vectors, write all."""
        staged = self._folder / "staged"
        staged.mkdir(parents=True, exist_ok=True)
        paths = [staged / f"{self._staged_key(document)}.npy" for document, _ in group]
        found = [_load_vectors(path, len(c)) for path, (_, c) in zip(paths, group, strict=True)]
        missing = [i for i, vectors in enumerate(found) if vectors is None]
        fresh = self._vectors([c for i in missing for c in group[i][1]])
        start = 0
        for i in missing:
            own = fresh[start : start + len(group[i][1])]
            start += len(own)
            _save_vectors(paths[i], own)
            found[i] = own
        vectors = [v for v in found if v is not None]
        if vectors:  # in one call: Chroma takes a transaction for each
            version.write([c for _, chunks in group for c in chunks], np.concatenate(vectors))

    def _staged_key(self, document: Document) -> str:
        parts = (document.name, document.sha256, self._embedder.identity, self._cut)
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]

    def _vectors(self, chunks: Sequence[Chunk]) -> Vectors:
        parts = []
        for start in range(0, len(chunks), GROUP):
            texts = [self._text(c) for c in chunks[start : start + GROUP]]
            parts.append(np.asarray(self._embedder.embed(texts), dtype=np.float32))
        return np.concatenate(parts) if parts else np.zeros((0, 0), dtype=np.float32)

    def _text(self, chunk: Chunk) -> str:
        """Return what is embedded: a chunk from the middle of a section tells little without its heading."""
        if not chunk.heading or chunk.text.startswith("#"):
            return chunk.text
        if self._embedder.count_tokens(chunk.heading) > HEADING_TOKENS:
            return chunk.text
        return f"{chunk.heading}\n{chunk.text}"


def _refuse_nothing(listing: Listing, report: IngestReport) -> None:
    if report.added or report.changed or report.unchanged or report.removed:
        return
    if not report.failed:
        where = ", ".join(map(str, listing.folders))
        raise DataError(f"{where}: no file to ingest there; put documents in, or name others")
    others = len(report.failed) - 1
    more = f" (and {others} more could not be read)" if others else ""
    raise DataError(f"nothing was ingested: {report.failed[0][1]}{more}")


def _has_hash(path: Path, expected: str) -> bool:
    try:
        return path.stat().st_size <= MAX_BYTES and sha256_file(path) == expected
    except OSError:
        return False  # reading it will say why


def _save_vectors(path: Path, vectors: Vectors) -> None:
    temporary = path.with_suffix(".tmp")
    with temporary.open("wb") as file:
        np.save(file, vectors, allow_pickle=False)
    temporary.replace(path)


def _load_vectors(path: Path, count: int) -> Vectors | None:
    """Return the vectors of an interrupted ingest; None where there are none, or a power cut tore the file."""
    try:
        vectors: Vectors = np.load(path, allow_pickle=False)
    except (FileNotFoundError, ValueError, EOFError):
        return None
    return vectors if vectors.ndim == 2 and len(vectors) == count else None
