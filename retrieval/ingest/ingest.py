"""One ingest: what changed is prepared and written into a new segment, then one file is replaced and all of it is seen.

Up to that moment a search sees the version before; a kill leaves an orphan folder and the documents that were prepared,
which the next ingest takes up. Not here: locks (`retrieval.versions.lock`), reading and embedding
(`retrieval.ingest.prepare`).
"""

import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from adapt.errors import DataError
from adapt.protocols import Progress, TextEmbedder
from adapt.records import Document, ProgressEvent
from adapt.registry.artifacts import sha256_file
from retrieval.chunks.cut import ChunkSettings
from retrieval.ingest.files import NO_FILE, Listing, locate
from retrieval.ingest.prepare import Preparer, Unread
from retrieval.ingest.prepared import IngestFile, Prepared
from retrieval.ingest.rates import Rates
from retrieval.readers.read import MAX_BYTES, READER_VERSION
from retrieval.sandbox.limits import ReaderLimits
from retrieval.versions.manifest import DocumentEntry, Manifest, ParkedFile
from retrieval.versions.next_version import NextVersion, VersionSettings, live_chunks


@dataclass
class IngestReport:
    """What an ingest did. `added` to `removed` are document names; the others are (file, reason).

    `parked` are files that could not be read before and have not changed since: they were not tried again.
    """

    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
    parked: list[tuple[str, str]] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    warnings: list[tuple[str, str]] = field(default_factory=list)
    chunks: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class IngestSettings:
    """How documents are read, cut and kept: the sections of `adapt.toml` that an ingest reads."""

    chunks: ChunkSettings = field(default_factory=ChunkSettings)
    readers: ReaderLimits = field(default_factory=ReaderLimits)
    versions: VersionSettings = field(default_factory=VersionSettings)


# has other machines prepare files into a folder of staged documents
Distribute = Callable[[Sequence[IngestFile], Path, IngestSettings], None]


class Ingest:
    """The work on one collection's folder; its caller holds the collection's lock."""

    def __init__(
        self,
        folder: Path,
        manifest: Manifest,
        embedder: TextEmbedder,
        settings: IngestSettings,
        progress: Progress,
    ) -> None:
        self._folder = folder
        self._manifest = manifest
        self._identity = embedder.identity
        self._settings = settings
        self._progress = progress
        self._staged = folder / "staged"
        self._preparer = Preparer(self._staged, embedder, settings.chunks, settings.readers)

    def run(
        self,
        listing: Listing,
        *,
        prune: bool,
        retry: bool = False,
        distribute: Distribute | None = None,
    ) -> IngestReport:
        """Bring the collection in step with the files.

        Args:
            retry: try parked files again though they have not changed.
            distribute: has the files that changed prepared elsewhere before they are taken up here.

        Raises:
            DataError: nothing at all could be read.
        """
        started = time.monotonic()
        report = IngestReport(skipped=listing.skipped)
        todo = self._changed_files(listing, report, retry=retry)
        documents = dict(self._manifest.documents)
        if prune:
            report.removed = self._vanished(listing)
            for name in report.removed:
                del documents[name]
        parked = self._still_parked(listing, todo)
        if distribute is not None:
            distribute(todo, self._staged, self._settings)
        with NextVersion(self._folder, self._manifest, self._settings.versions) as version:
            for outcome in self._prepared(todo, version, report):
                if isinstance(outcome, Unread):
                    parked[outcome.file.name] = self._parked(outcome, listing)
                else:
                    source = listing.origin[outcome.text.name]
                    documents[outcome.text.name] = self._entry(outcome, version, source)
            _refuse_nothing(listing, report)
            report.chunks = version.written
            changes = {"documents": documents, "sources": listing.sources, "parked": parked}
            draft = self._manifest.model_copy(update={**changes, "embedder": self._identity})
            if report.added or report.changed or report.removed:
                version.publish(draft)
            elif parked != self._manifest.parked:
                version.note(draft)
        shutil.rmtree(self._staged, ignore_errors=True)
        report.seconds = time.monotonic() - started
        return report

    def add(self, documents: Iterable[Document]) -> IngestReport:
        """Bring in documents whose text is there already; one of the same name takes the place of the one before.

        Raises:
            DataError: none holds text.
        """
        started = time.monotonic()
        report, kept = IngestReport(), dict(self._manifest.documents)
        with NextVersion(self._folder, self._manifest, self._settings.versions) as version:
            for prepared in self._preparer.prepare_texts(self._changed_texts(documents, report)):
                name = prepared.text.name
                (report.changed if name in kept else report.added).append(name)
                version.make_room()
                version.write(prepared.text.chunks, prepared.vectors)
                kept[name] = self._entry(prepared, version, NO_FILE)
            _refuse_nothing(Listing(), report)
            report.chunks = version.written
            if report.added or report.changed:
                changes = {"documents": kept, "embedder": self._identity}
                version.publish(self._manifest.model_copy(update=changes))
        shutil.rmtree(self._staged, ignore_errors=True)
        report.seconds = time.monotonic() - started
        return report

    def remove(self, names: Iterable[str]) -> None:
        """Publish a version without these documents and leave no byte of them, in this version or an earlier one."""
        gone = set(names)
        left = {n: e for n, e in self._manifest.documents.items() if n not in gone}
        parked = {n: p for n, p in self._manifest.parked.items() if n not in gone}
        draft = self._manifest.model_copy(update={"documents": left, "parked": parked})
        with NextVersion(self._folder, self._manifest, self._settings.versions) as version:
            version.publish(draft, purge=True)
        shutil.rmtree(self._staged, ignore_errors=True)

    def rebuild(self, progress: Progress) -> None:
        """Embed every chunk again with this embedder and write its words again, beside the old index, then switch."""
        total = self._manifest.chunks
        with NextVersion(self._folder, self._manifest, self._settings.versions) as version:
            for chunks in live_chunks(self._folder, self._manifest):
                version.write(chunks, self._preparer.vectors(chunks))
                progress(ProgressEvent("embed", version.written, total))
            version.publish_rewritten(embedder=self._identity)

    def _changed_files(
        self, listing: Listing, report: IngestReport, *, retry: bool
    ) -> list[IngestFile]:
        todo = []
        for number, (name, path) in enumerate(listing.paths.items()):
            self._progress(ProgressEvent("check", number, len(listing.paths), name))
            entry = self._manifest.documents.get(name)
            parked = None if retry else self._manifest.parked.get(name)
            if entry is not None and entry.source != listing.origin[name]:
                other = (
                    locate(name, entry.source, self._manifest.sources) or "a text without a file"
                )
                report.failed.append((name, f"{path}: has the name of {other}; rename one of them"))
                continue
            file = IngestFile(name, path, _digest(path))
            if entry is not None and (entry.cut, entry.revision) == (
                self._preparer.cut,
                file.revision,
            ):
                report.unchanged.append(name)
            elif parked is not None and (parked.reader, parked.revision) == (
                READER_VERSION,
                file.revision or None,  # what could not even be opened is always tried again
            ):
                report.parked.append((name, parked.reason))
            else:
                todo.append(file)
        self._progress(ProgressEvent("check", len(listing.paths), len(listing.paths)))
        return todo

    def _changed_texts(
        self, documents: Iterable[Document], report: IngestReport
    ) -> Iterator[Document]:
        for document in documents:
            name, entry = document.name, self._manifest.documents.get(document.name)
            if entry is not None and entry.source != NO_FILE:
                other = locate(name, entry.source, self._manifest.sources)
                report.failed.append((name, f"{name}: has the name of {other}; give it another"))
            elif not any(page.text.strip() for page in document.pages):
                report.failed.append((name, f"{name}: holds no text"))
            elif entry is not None and (entry.cut, entry.revision) == (
                self._preparer.cut,
                document.sha256,
            ):
                report.unchanged.append(name)
            else:
                yield document

    def _vanished(self, listing: Listing) -> list[str]:
        """Return the documents that came from a folder now given, and whose file is not there any more."""
        return [
            name
            for name, entry in self._manifest.documents.items()
            if name not in listing.paths and listing.covers(name, entry.source)
        ]

    def _still_parked(self, listing: Listing, todo: Sequence[IngestFile]) -> dict[str, ParkedFile]:
        """Return the parked files but those that are tried now, and those that are gone."""
        tried = {file.name for file in todo}
        return {
            name: parked
            for name, parked in self._manifest.parked.items()
            if name not in tried
            and (name in listing.paths or not listing.covers(name, parked.source))
        }

    def _prepared(
        self, todo: Sequence[IngestFile], version: NextVersion, report: IngestReport
    ) -> Iterator[Prepared | Unread]:
        """Prepare and write; yield each document that is in the new segment, and each file that could not be read."""
        rates = Rates(len(todo), self._progress)
        for number, outcome in enumerate(self._preparer.prepare(todo)):
            name = outcome.file.name if isinstance(outcome, Unread) else outcome.text.name
            rates.show(number, version.written, name)
            known = name in self._manifest.documents
            if isinstance(outcome, Unread):
                kept = "; what was read of it before stays" if known else ""
                report.failed.append((name, f"{outcome.reason}{kept}"))
                yield outcome
                continue
            (report.changed if known else report.added).append(name)
            report.warnings += [(name, warning) for warning in outcome.text.warnings]
            version.make_room()
            version.write(outcome.text.chunks, outcome.vectors)
            yield outcome
        rates.show(len(todo), version.written, "")

    def _entry(self, prepared: Prepared, version: NextVersion, source: str) -> DocumentEntry:
        return DocumentEntry(
            revision=prepared.text.revision,
            segment=version.segment_id,
            chunks=len(prepared.text.chunks),
            cut=self._preparer.cut,
            source=source,
            title=prepared.text.title,
            pages=prepared.text.pages,
            warnings=prepared.text.warnings,
        )

    def _parked(self, unread: Unread, listing: Listing) -> ParkedFile:
        file = unread.file
        return ParkedFile(
            revision=file.revision,
            reader=READER_VERSION,
            reason=unread.reason,
            source=listing.origin[file.name],
        )


def _refuse_nothing(listing: Listing, report: IngestReport) -> None:
    if report.added or report.changed or report.unchanged or report.removed:
        return
    unread = report.failed + report.parked
    if not unread:
        where = ", ".join(map(str, listing.folders))
        raise DataError(f"{where}: no file to ingest there; put documents in, or name others")
    others = len(unread) - 1
    more = f" (and {others} more could not be read)" if others else ""
    raise DataError(f"nothing was ingested: {unread[0][1]}{more}")


def _digest(path: Path) -> str:
    """Return the SHA-256 of a file's bytes; empty where reading will be refused, which then says why."""
    try:
        return sha256_file(path) if path.stat().st_size <= MAX_BYTES else ""
    except OSError:
        return ""
