"""What reading one file may take: section `[readers]` of `adapt.toml`, and what is derived from it.

Seconds are those of the processor, so that a file that is read on a quiet machine is read on a busy one too; a file that
waits instead of computing is given up after three times as many. Who holds to this: `retrieval.sandbox`.
"""

from pydantic import Field

from adapt.config import Settings

MB = 1_000_000
SECONDS_PER_MB = 4.0  # the slowest honest file seen takes 1.7 a megabyte (mathematics, as PDF)
OCR_PAGE_SECONDS = 20.0  # tesseract takes some 1 to 5 for a page of A4 at 300 dpi
WALL = 3.0  # times the seconds of computing


class ReaderLimits(Settings):
    """Section `[readers]`."""

    # Under 5, so that a hostile file is over in 5 seconds in all; 4 more for each megabyte, up to `most_seconds`.
    seconds: float = Field(4.0, ge=0.1, le=3_600)
    most_seconds: float = Field(30.0, ge=0.1, le=3_600)
    # For recognising the scanned pages of a file, 20 for each; nothing else moves the limits above.
    ocr_seconds: float = Field(600.0, ge=0, le=36_000)
    # For the child itself, which takes some 60 before it reads; a program that it starts has as much again.
    memory_mb: int = Field(1_000, ge=200, le=100_000)
    # Some 5,000 pages of a book. The asking process holds them whole: up to 5 bytes for each while they come.
    characters: int = Field(10_000_000, ge=1_000, le=1_000_000_000)

    def seconds_for(self, size: int) -> float:
        """Return the seconds of computing for a file of so many bytes."""
        return min(self.seconds + SECONDS_PER_MB * size / MB, max(self.seconds, self.most_seconds))
