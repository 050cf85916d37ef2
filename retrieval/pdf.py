"""The text of a PDF, page by page, by pypdf: no rendering, no scripts, no attachments, no network.

A PDF can ask for unbounded work. pypdf bounds what one stream unpacks to; here the pages and the time are bounded. One
page that hangs is not (a child process with limits belongs to a later issue). Not here: OCR.
"""

import logging
import re
import struct
import time
import zlib
from pathlib import Path

from pypdf import PdfReader
from pypdf.errors import DependencyError, FileNotDecryptedError, PyPdfError

from adapt.errors import DataError
from adapt.records import Page
from retrieval.encodings import clean

MAX_PAGES = 5_000
MAX_SECONDS = 120.0
# What pypdf lets out of a broken file beside its own kinds: each was seen on fuzzed files.
FAULTS = (
    PyPdfError,
    OSError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    RecursionError,
    NotImplementedError,
    MemoryError,
    struct.error,
    zlib.error,
)
HYPHEN = re.compile(r"(?<=[a-záéíóúüñ])-\n(?=[a-záéíóúüñ])")  # a word cut at the end of a line

logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # its warnings repeat what our sentence says


def read_pdf(path: Path) -> tuple[list[Page], str]:
    """Return the pages that hold text, with their numbers, and the title.

    Raises:
        DataError: damaged, encrypted, too long, or without any text.
    """
    try:
        reader = PdfReader(path, strict=False)
        if reader.is_encrypted and not reader.decrypt(""):
            raise DataError(f"{path}: the PDF is encrypted; save a copy without a password")
        count = len(reader.pages)
        title = _title(reader)
    except (FileNotDecryptedError, DependencyError) as error:
        raise DataError(f"{path}: the PDF is encrypted; save a copy without a password") from error
    except FAULTS as error:
        raise _damaged(path, error) from error
    if count > MAX_PAGES:
        raise DataError(f"{path}: {count} pages, the limit is {MAX_PAGES}; split the PDF")
    pages, faults = _read_pages(path, reader, count)
    if pages:
        return pages, title
    if faults or not count:
        raise _damaged(path, faults[0] if faults else None)
    raise DataError(
        f"{path}: the PDF has no text (scanned pages?); run it through OCR first, for example with ocrmypdf"
    )


def _read_pages(path: Path, reader: PdfReader, count: int) -> tuple[list[Page], list[Exception]]:
    """Read what can be read; a broken page does not lose the others."""
    pages: list[Page] = []
    faults: list[Exception] = []
    deadline = time.monotonic() + MAX_SECONDS
    for number in range(count):
        if time.monotonic() > deadline:
            raise DataError(
                f"{path}: reading takes over {MAX_SECONDS:.0f} s (page {number + 1} of {count}); "
                "save it anew with another program, or split it"
            )
        try:
            text = reader.pages[number].extract_text()
        except FAULTS as error:
            faults.append(error)
            continue
        text = HYPHEN.sub("", clean(text)).strip()
        if text:
            pages.append(Page(text, number + 1))
    return pages, faults


def _title(reader: PdfReader) -> str:
    try:
        metadata = reader.metadata
        title = metadata.title if metadata else None
    except FAULTS:
        return ""  # a broken title is no reason to refuse the text
    return " ".join(clean(title).split()) if isinstance(title, str) else ""


def _damaged(path: Path, error: Exception | None) -> DataError:
    why = " ".join(str(error).split())[:100] if error else "no page in it"
    return DataError(
        f"{path}: the PDF is damaged ({why or type(error).__name__}); open it and save it anew"
    )
