"""The time that one file has for being read: in seconds of computing, and in all."""

from dataclasses import dataclass

from retrieval.sandbox.limits import OCR_PAGE_SECONDS, WALL, ReaderLimits


@dataclass
class Clock:
    """When the file that is being read has had its time.

    Attributes:
        started: when it began, on the clock of the wall, in seconds.
        wall: when it ends there.
        processor: how many seconds its process may have computed by then.
        seconds: how many of them are the file's.
        ocr: whether a page of it was recognised.
    """

    started: float
    wall: float
    processor: float
    seconds: float
    ocr: bool = False

    @classmethod
    def of(cls, seconds: float, *, now: float, processor: float) -> "Clock":
        """Return the clock of a file that begins now, in a process that has computed so many seconds."""
        return cls(now, now + WALL * seconds, processor + seconds, seconds)

    def is_over(self, *, now: float, processor: float) -> bool:
        """Return whether the time is over."""
        return now > self.wall or processor > self.processor

    def lengthen(self, seconds: float) -> None:
        """Give the file so much time in all."""
        more = max(0.0, seconds - self.seconds)
        self.seconds += more
        self.processor += more
        self.wall += WALL * more

    def allow_ocr(self, limits: ReaderLimits, *, now: float, processor: float) -> None:
        """A page is about to be recognised: it has its own time, within what all pages of a file have.

        The time is tesseract's; for itself the child gets what an ordinary file has, to draw the next page.
        """
        self.ocr = True
        self.wall = max(self.wall, min(now + OCR_PAGE_SECONDS, self.started + limits.ocr_seconds))
        self.processor = max(self.processor, processor + limits.seconds)
