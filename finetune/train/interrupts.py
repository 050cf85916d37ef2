"""Ctrl-C and SIGTERM while a run lasts: training ends after the current step, everything else at once."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType


@dataclass
class Interrupts:
    """Whether the user asked to stop; `patient` counts the trainings that can still finish their step."""

    requested: threading.Event = field(default_factory=threading.Event)
    patient: int = 0

    @contextmanager
    def patience(self) -> Iterator[None]:
        """Within this block a first signal only sets `requested`; a second one ends at once."""
        self.patient += 1
        try:
            yield
        finally:
            self.patient -= 1


@contextmanager
def watch_signals() -> Iterator[Interrupts]:
    """Handle SIGINT and SIGTERM in this block; outside the main thread, where Python forbids it, change nothing."""
    interrupts = Interrupts()
    if threading.current_thread() is not threading.main_thread():
        yield interrupts
        return

    def handle(_number: int, _frame: FrameType | None) -> None:
        if interrupts.patient and not interrupts.requested.is_set():
            interrupts.requested.set()
            return
        raise KeyboardInterrupt

    kinds = (signal.SIGINT, signal.SIGTERM)
    before = {kind: signal.signal(kind, handle) for kind in kinds}
    try:
        yield interrupts
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)
