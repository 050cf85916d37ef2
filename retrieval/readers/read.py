"""Files to documents: the reader of their kind of content, and one sentence for what cannot be read.

Nothing that a document says is run, fetched or resolved. Not here: which kind a file is
(`retrieval.readers.kinds`), which reader reads it (`retrieval.readers.table`), chunks (`retrieval.chunks.cut`).
"""

import hashlib
from collections.abc import Callable
from pathlib import Path

from adapt.errors import DataError
from adapt.records import Document
from retrieval.chunks.by_length import SHORT_PART, count_parts, is_crowded
from retrieval.readers.encodings import decode
from retrieval.readers.kinds import TEXT_KINDS, kind_of
from retrieval.readers.raw_file import RawFile, Reading
from retrieval.readers.table import bytes_reader, text_reader
from retrieval.readers.web.html import declared_charset

READER_VERSION = (
    5  # raised when a reader gives other text for the same bytes; collections then read again
)
MAX_BYTES = 200_000_000
MAX_MARKUP_BYTES = 10_000_000  # a tree of objects takes some 20 times the text's memory
ROOM = 2  # a text may lose half of its characters: line ends, blank lines, what is not seen
MOST_WIDTH = 4  # bytes of a character
PLAIN_KINDS = frozenset(
    ("text", "markdown", "code", "delimited", "json")
)  # whose text is all that they hold
MAX_LEVEL = 2  # files within files within files


def read(
    path: Path,
    *,
    name: str | None = None,
    characters: int | None = None,
    before_pdf: Callable[[int], None] | None = None,
) -> Document:
    """Return the text of a file; what could not be read is listed in the document's warnings.

    Args:
        name: what the document is called from now on; the file's own name where None.
        characters: a text of more than twice as many is refused before it is read; None for no such limit.
        before_pdf: called with the size in bytes of each PDF, which takes longer than other files, before it is read.

    Raises:
        DataError: the file is missing, empty, binary, of an unknown format, encrypted, damaged, or without text.
    """
    data = _load(path)
    reader = _Reader(characters, before_pdf)
    reading = reader.read(RawFile(str(path), data, path.suffix.lower(), reader.read))
    digest = hashlib.sha256(data).hexdigest()
    warnings = list(reading.warnings)
    if is_crowded(reading.pages):
        warnings.append(
            f"{path}: {count_parts(reading.pages):,} lines, headings or sentences of under {SHORT_PART} characters each; "
            "cut by length alone, so that its passages have no headings"
        )
    return Document(name or path.name, digest, tuple(reading.pages), reading.title, tuple(warnings))


class _Reader:
    """Reads a file and those that lie within it."""

    def __init__(self, characters: int | None, before_pdf: Callable[[int], None] | None) -> None:
        self._characters = characters
        self._before_pdf = before_pdf

    def read(self, raw: RawFile) -> Reading:
        """Return what a file says, or one that lies within another."""
        if raw.level > MAX_LEVEL:
            raise DataError(
                f"{raw.label}: lies too deep within other files; take it out and ingest it"
            )
        if not raw.data.strip():
            raise DataError(f"{raw.label}: empty; put text into it or remove it")
        kind = kind_of(raw)
        if kind == "pdf" and self._before_pdf is not None:
            self._before_pdf(len(raw.data))
        is_text = kind in TEXT_KINDS
        reading = (
            text_reader(kind)(raw, self._decoded(raw, kind)) if is_text else bytes_reader(kind)(raw)
        )
        if not any(page.text.strip() for page in reading.pages):
            raise DataError(f"{raw.label}: holds no text; remove it or put text into it")
        return reading

    def _decoded(self, raw: RawFile, kind: str) -> str:
        limit = MAX_MARKUP_BYTES if kind in ("html", "xml") else MAX_BYTES
        if len(raw.data) > limit:
            raise _too_large(raw.label, len(raw.data), limit)
        self._check_length(raw, kind, len(raw.data) // MOST_WIDTH)
        declared = declared_charset(raw.data) if kind in ("html", "xml") else ""
        text = decode(raw.data, declared=declared)
        if text is None:
            raise DataError(
                f"{raw.label}: binary, not text; save it in a format that adapt reads, or remove it"
            )
        self._check_length(raw, kind, len(text))
        return text

    def _check_length(self, raw: RawFile, kind: str, length: int) -> None:
        """Refuse at once what cannot be within the limit of characters when it is read."""
        most = self._characters
        if most is not None and kind in PLAIN_KINDS and length > ROOM * most:
            raise DataError(f"{raw.label}: holds more than {most:,} characters of text; split it")


def _load(path: Path) -> bytes:
    try:
        if not path.exists():
            raise DataError(f"{path}: no such file; check the path")
        if not path.is_file():
            raise DataError(f"{path}: not a regular file; name a file or a folder of files")
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise _too_large(str(path), size, MAX_BYTES)
        return path.read_bytes()
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read ({error.strerror}); check its permissions"
        ) from error


def _too_large(label: str, size: int, limit: int) -> DataError:
    megabytes = 1_000_000
    return DataError(
        f"{label}: {size / megabytes:.0f} MB, the limit is {limit / megabytes:.0f} MB; split the file"
    )
