"""The text of a PDF, page by page, by pdfium: no scripts, no network; pages that are pictures go through OCR.

A PDF can ask for unbounded work: here the pages and the time are bounded between pages; one page that hangs, and a fault of
pdfium itself, are for the process around. Not here: the order in which words are read (`retrieval.readers.pdf.columns`).
"""

import re
import time
from dataclasses import dataclass, field

from pypdfium2 import PdfDocument, PdfiumError, PdfPage, raw as pdfium

from adapt.errors import DataError
from adapt.records import Page
from retrieval.readers.encodings import clean
from retrieval.readers.pdf.columns import lay_out
from retrieval.readers.pdf.lines import Word
from retrieval.readers.pdf.ruled_tables import ruled_tables
from retrieval.readers.pdf.scans import INSTALL, Scans
from retrieval.readers.pdf.words import PageContent, page_content
from retrieval.readers.raw_file import RawFile, Reading, numbers, plural

MAX_PAGES = 5_000
MAX_SECONDS = 120.0  # without OCR, which has bounds of its own
FEW_LETTERS = 25  # a page number or a stamp over a scanned page
MANY_DRAWINGS = 200  # letters drawn as outlines
PICTURE = 0.3  # of the page
UNMAPPED = 0.08  # share of the characters whose font does not say what they are
MANY_LOST = 40  # of them, in words of
LONG_WORD = 4  # letters at least; shorter ones are the signs of formulas
HYPHEN = re.compile(r"(?<=[a-záéíóúüñäößàèìòùâêîôûç])-\n(?=[a-záéíóúüñäößàèìòùâêîôûç])")


@dataclass
class _Collected:
    """What was read so far."""

    pages: list[Page] = field(default_factory=list)
    faults: dict[int, str] = field(default_factory=dict)
    scans: Scans = field(default_factory=Scans)


def read_pdf(raw: RawFile) -> Reading:
    """Return the pages that hold text, with their numbers, and the title.

    Raises:
        DataError: damaged, encrypted, too long, or without any text.
    """
    try:
        document = PdfDocument(raw.data)
    except PdfiumError as error:
        if "password" in str(error).lower() or "security" in str(error).lower():
            raise DataError(
                f"{raw.label}: the PDF is encrypted; save a copy without a password"
            ) from error
        raise raw.damaged("PDF", error) from error
    try:
        return _read(raw, document)
    finally:
        document.close()


def _read(raw: RawFile, document: PdfDocument) -> Reading:
    count = len(document)
    if count > MAX_PAGES:
        raise DataError(f"{raw.label}: {count} pages, the limit is {MAX_PAGES}; split the PDF")
    collected = _Collected()
    started = time.monotonic()
    for number in range(1, count + 1):
        if time.monotonic() - started - collected.scans.seconds > MAX_SECONDS:
            raise DataError(
                f"{raw.label}: reading takes over {MAX_SECONDS:.0f} s (page {number} of {count}); "
                "save it again with another program, or split it"
            )
        _read_page(document, number, collected)
    if not collected.pages:
        raise _nothing(raw, collected, count)
    warnings = collected.scans.warnings(raw.label)
    if collected.faults:
        pages = list(collected.faults)
        warnings.append(
            f"{raw.label}: {plural('page', pages)} {numbers(pages)} damaged and not read "
            f"({collected.faults[pages[0]]}); open it and save it again"
        )
    if attached := _attachments(document):
        warnings.append(
            f"{raw.label}: {attached} attached to the PDF and not read; save what is attached as files"
        )
    return Reading(collected.pages, _title(document), warnings)


def _read_page(document: PdfDocument, number: int, collected: _Collected) -> None:
    """Read what can be read; a broken page does not lose the others."""
    try:
        page = document[number - 1]
    except PdfiumError as error:
        collected.faults[number] = str(error).rstrip(".")
        return
    try:
        page = _with_fields(document, page, number)
        content = page_content(page)
        if _is_scan(content):
            content.words = _with_scanned(content, collected.scans.words(page, number))
            content.unreadable = []
        text = _page_text(content)
    except PdfiumError as error:
        collected.faults[number] = str(error).rstrip(".")
        return
    finally:
        page.close()
    text = HYPHEN.sub("", clean(text)).strip()
    if text:
        collected.pages.append(Page(text, number))


def _with_fields(document: PdfDocument, page: PdfPage, number: int) -> PdfPage:
    """Return the page with what was filled into its form drawn onto it, where it has one; pdfium reads no fields."""
    for index in range(min(2_000, pdfium.FPDFPage_GetAnnotCount(page.raw))):
        note = pdfium.FPDFPage_GetAnnot(page.raw, index)
        kind = pdfium.FPDFAnnot_GetSubtype(note)
        pdfium.FPDFPage_CloseAnnot(note)
        if kind in (pdfium.FPDF_ANNOT_WIDGET, pdfium.FPDF_ANNOT_FREETEXT):
            flat = pdfium.FPDFPage_Flatten(page.raw, pdfium.FLAT_NORMALDISPLAY)
            if flat != pdfium.FLATTEN_SUCCESS:
                return page
            page.close()
            return document[number - 1]
    return page


def _page_text(content: PageContent) -> str:
    placed = [*content.words, *content.unreadable]
    tables, words, turned = ruled_tables(placed, content.turned, content.rules)
    text = lay_out(words, tables)
    beside = "\n".join(word.text for word in turned)
    return f"{text}\n\n{beside}" if beside else text


def _is_scan(content: PageContent) -> bool:
    """Say whether OCR sees more of a page than its text layer says."""
    lost = sum(len(word.text) for word in content.unreadable if len(word.text) >= LONG_WORD)
    if content.unmapped >= UNMAPPED and lost >= MANY_LOST:
        return True
    letters = sum(c.isalnum() for word in (*content.words, *content.turned) for c in word.text)
    if letters >= FEW_LETTERS:
        return False
    return content.pictures > PICTURE or (not letters and content.drawings > MANY_DRAWINGS)


def _with_scanned(content: PageContent, scanned: list[Word]) -> list[Word]:
    """Return the words of the text layer, and those of OCR where the layer has none."""
    taken = [(w.x0 - 1, w.top - 1, w.x1 + 1, w.bottom + 1) for w in content.words]
    fresh = []
    for word in scanned:
        x, y = (word.x0 + word.x1) / 2, (word.top + word.bottom) / 2
        if not any(a <= x <= c and b <= y <= d for a, b, c, d in taken):
            fresh.append(word)
    return [*content.words, *fresh]


def _nothing(raw: RawFile, collected: _Collected, count: int) -> DataError:
    """Return the sentence for a PDF of which nothing was read."""
    if collected.faults or not count:
        return raw.damaged("PDF", next(iter(collected.faults.values()), "no page in it"))
    if collected.scans.failed or collected.scans.bound:
        return DataError(collected.scans.warnings(raw.label)[0])
    if collected.scans.unread:
        return DataError(
            f"{raw.label}: the PDF has no text, its pages are scanned; {INSTALL} or run it through OCR first, "
            "for example with ocrmypdf"
        )
    if collected.scans.read:
        return DataError(
            f"{raw.label}: the PDF has no text and OCR found none in its pictures; remove it or scan it again"
        )
    return DataError(
        f"{raw.label}: the PDF has no text (blank pages?); if it shows any, run it through OCR first, for "
        "example with ocrmypdf"
    )


def _attachments(document: PdfDocument) -> str:
    count = document.count_attachments()
    return "" if count <= 0 else "a file is" if count == 1 else f"{count} files are"


def _title(document: PdfDocument) -> str:
    try:
        title = document.get_metadata_value("Title")
    except (PdfiumError, UnicodeDecodeError):
        return ""  # a broken title is no reason to refuse the text
    return " ".join(clean(title).split())
