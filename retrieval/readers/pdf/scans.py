"""Pages of a PDF that are pictures: rendered, turned upright where needed, and read by OCR within bounds."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from pypdfium2 import PdfBitmap, PdfPage

from retrieval.readers.pdf.lines import Word
from retrieval.readers.pdf.tesseract import (
    PAGE_SECONDS,
    SURE,
    OcrError,
    languages,
    quarter_turns,
    recognise,
)
from retrieval.readers.raw_file import numbers, plural

DPI = 300
MAX_PIXELS = 16_000_000  # an A4 page at 300 dpi has 8.7 million
MAX_PAGES = 300
MAX_SECONDS = 600.0
UNSURE = 55.0  # percent; a clear scan reaches 90
INSTALL = "install tesseract-ocr (and tesseract-ocr-spa for Spanish)"


@dataclass
class Scans:
    """The scanned pages of one PDF: those that were read, and why others were not."""

    read: int = 0
    seconds: float = 0.0
    unread: list[int] = field(default_factory=list)
    bound: list[int] = field(default_factory=list)
    failed: dict[int, str] = field(default_factory=dict)
    unsure: dict[int, float] = field(default_factory=dict)
    clock: Callable[[], float] = time.monotonic

    def words(self, page: PdfPage, number: int) -> list[Word]:
        """Return the words of a scanned page, none where it cannot be read; then it is remembered why."""
        if not languages():
            self.unread.append(number)
            return []
        if self.read >= MAX_PAGES or self.seconds >= MAX_SECONDS:
            self.bound.append(number)
            return []
        started = self.clock()
        try:
            words, sure = _read(page)
        except OcrError as error:
            self.failed[number] = str(error)
            return []
        finally:
            self.read += 1
            self.seconds += self.clock() - started
        if words and sure < UNSURE:
            self.unsure[number] = sure
        return words

    def warnings(self, label: str) -> list[str]:
        """Return what was not read, in sentences."""
        warnings = []
        if self.unread:
            pages = f"{plural('page', self.unread)} {numbers(self.unread)}"
            verb = "is scanned and was" if len(self.unread) == 1 else "are scanned and were"
            warnings.append(f"{label}: {pages} {verb} not read; {INSTALL}")
        if self.bound:
            pages = f"{plural('page', self.bound)} {numbers(self.bound)}"
            warnings.append(
                f"{label}: scanned {pages} not read, the limit is {MAX_PAGES} scanned pages or "
                f"{MAX_SECONDS:.0f} s a file; split the PDF"
            )
        if self.failed:
            number, why = next(iter(self.failed.items()))
            pages = f"{plural('page', list(self.failed))} {numbers(list(self.failed))}"
            warnings.append(f"{label}: scanned {pages} not read, tesseract {why} on page {number}")
        if self.unsure:
            number, sure = next(iter(self.unsure.items()))
            pages = f"{plural('page', list(self.unsure))} {numbers(list(self.unsure))}"
            warnings.append(
                f"{label}: scanned {pages} read, but OCR is unsure of the words ({sure:.0f} % on page {number}); "
                "look whether they are right, and install tesseract's data for the language"
            )
        return warnings


def _read(page: PdfPage) -> tuple[list[Word], float]:
    width, height = page.get_size()
    scale = min(DPI / 72, (MAX_PIXELS / max(1.0, width * height)) ** 0.5)
    bitmap: PdfBitmap = page.render(scale=scale, grayscale=True, rev_byteorder=False)
    try:
        pixels = np.array(bitmap.to_numpy()).reshape(bitmap.height, bitmap.width, -1)[:, :, 0]
    finally:
        bitmap.close()
    words, sure = recognise(_graymap(pixels), scale=scale, seconds=PAGE_SECONDS)
    if sure < SURE and (turns := quarter_turns(_graymap(pixels), seconds=PAGE_SECONDS)):
        again, surer = recognise(
            _graymap(np.rot90(pixels, -turns)), scale=scale, seconds=PAGE_SECONDS
        )
        if surer > sure:
            return again, surer
    return words, sure


def _graymap(pixels: np.ndarray[tuple[int, int], np.dtype[np.uint8]]) -> bytes:
    height, width = pixels.shape
    return b"P5\n%d %d\n255\n" % (width, height) + np.ascontiguousarray(pixels).tobytes()
