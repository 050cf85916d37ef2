"""What reading one file may take: section `[readers]` of `adapt.toml`, and what is derived from it.

Seconds are those of the processor, so that a file that is read on a quiet machine is read on a busy one too; a file that
waits instead of computing is given up after three times as many. Only a PDF has more time with its size: of 14 honest files
of other kinds, of 0.8 to 12 MB, 13 take less than half of `seconds` (`NOTES.md`). Enforced by:
`retrieval.sandbox.pool`.
"""

from pydantic import Field

from adapt.workspace.settings import Settings

MB = 1_000_000
PDF_SECONDS_PER_MB = 2.0  # the slowest honest one seen takes 1.7 a megabyte (mathematics)
OCR_PAGE_SECONDS = 70.0  # over the 60 after which OCR gives up a page itself, and says which
WALL = 3.0  # times the seconds of computing


class ReaderLimits(Settings):
    """Section `[readers]`."""

    # Under 5, so that a hostile file is over in 5 seconds in all. A PDF, or PDFs within a file, have 2 more for each
    # megabyte, up to `most_seconds`.
    seconds: float = Field(4.0, ge=0.1, le=3_600)
    most_seconds: float = Field(30.0, ge=0.1, le=3_600)
    # In all, for a file of scanned pages, and 70 for each; nothing but tesseract at work moves the limits above.
    ocr_seconds: float = Field(660.0, ge=0, le=36_000)
    # For the child itself, which takes some 40 before it reads; a program that it starts has as much again.
    memory_mb: int = Field(1_000, ge=200, le=100_000)
    # Some 5,000 pages of a book. The asking process holds them whole: up to 5 bytes for each while they come.
    characters: int = Field(10_000_000, ge=1_000, le=1_000_000_000)

    def seconds_for(self, pdf_bytes: int) -> float:
        """Return the seconds of computing for a file that is, or holds, so many bytes of PDF."""
        more = PDF_SECONDS_PER_MB * pdf_bytes / MB
        return min(self.seconds + more, max(self.seconds, self.most_seconds))
