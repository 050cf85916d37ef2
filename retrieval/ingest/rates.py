"""How far an ingest is, as events: files and chunks, and how many of each a second."""

import time

from adapt.protocols import Progress
from adapt.records import ProgressEvent


class Rates:
    """Tells how far an ingest is, with files and chunks a second since it began."""

    def __init__(self, total: int, progress: Progress) -> None:
        self._total = total
        self._progress = progress
        self._started = time.monotonic()

    def show(self, files: int, chunks: int, name: str) -> None:
        """Emit an event."""
        passed = max(time.monotonic() - self._started, 1e-6)
        values = {
            "chunks": float(chunks),
            "files_per_second": files / passed,
            "chunks_per_second": chunks / passed,
        }
        rate = f"{files / passed:,.1f} files/s, {chunks / passed:,.0f} chunks/s"
        detail = f"{rate}  {name}".rstrip() if files else name
        self._progress(ProgressEvent("ingest", files, self._total, detail, values))
