"""Documents are read in child processes with limits, so that no file can hang, exhaust or crash an ingest.

Files are read ahead while the caller embeds, and come in the order given. What a file may take stands in `ReaderLimits`;
one that takes more, or crashes its reader, costs one sentence and a fresh child. Not here: one child
(`retrieval.sandbox.process`) and what it does (`retrieval.sandbox.child`).
"""

import queue
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from adapt.errors import DataError
from adapt.records import Document
from retrieval.sandbox.limits import ReaderLimits
from retrieval.sandbox.process import ReaderProcess

__all__ = ["ReadResult", "ReaderLimits", "ReaderPool"]

AHEAD = 4  # files for each worker that are read before the caller asks for them
TICK = 0.05  # seconds between two looks at the children
WAIT = 0.5  # seconds; Windows hears Ctrl-C only between two waits


@dataclass(frozen=True, slots=True)
class ReadResult:
    """A file that was read, or why it was not: one sentence in `error`, which is empty where there is a document."""

    name: str
    path: Path
    document: Document | None = None
    error: str = ""


@dataclass(eq=False)
class _Task:
    """A file to read; `turn` is set when it is the next that the caller gets: a long text waits in the child until then."""

    name: str
    path: Path
    result: Future[ReadResult] = field(default_factory=Future)
    turn: threading.Event = field(default_factory=threading.Event)
    dropped: bool = False


class ReaderPool:
    """`workers` children, started when there is a first file for each and kept; to be used in a `with` statement.

    One `read` at a time. Leaving the `with` block, by whatever exception, ends the children at once.
    """

    def __init__(self, workers: int = 1, limits: ReaderLimits | None = None) -> None:
        if workers < 1:
            raise ValueError(f"workers must be 1 or more, got {workers}")
        self._limits = limits or ReaderLimits()
        self._tasks: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()
        self._processes: dict[int, ReaderProcess] = {}  # by worker
        self._lock = threading.Lock()  # around that table
        self._reading = threading.Lock()
        self._closing = threading.Event()
        self._threads = [
            threading.Thread(target=self._work, args=(n,), name=f"reader-{n}", daemon=True)
            for n in range(workers)
        ]
        self._watch = threading.Thread(target=self._look, name="reader-watch", daemon=True)

    def __enter__(self) -> Self:
        for thread in (*self._threads, self._watch):
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing.set()
        self._stop_all()
        for _ in self._threads:
            self._tasks.put(None)
        for thread in (*self._threads, self._watch):
            thread.join()

    def read(self, items: Iterable[tuple[str, Path]]) -> Iterator[ReadResult]:
        """Yield what became of each (document name, file), in the order given.

        Raises:
            AdaptError: no child can be started.
        """
        if self._closing.is_set() or not self._reading.acquire(blocking=False):
            raise ValueError("a pool reads one list at a time, within its `with` block")
        waiting: deque[_Task] = deque()
        try:
            source = iter(items)
            while True:
                self._fill(waiting, source)
                if not waiting:
                    return
                waiting[0].turn.set()
                result = _result(waiting[0])
                waiting.popleft()
                yield result
                del result  # a long text need not outlive the caller's use of it
        finally:
            self._drop(waiting)
            self._reading.release()

    def _fill(self, waiting: deque[_Task], source: Iterator[tuple[str, Path]]) -> None:
        while len(waiting) < AHEAD * len(self._threads):
            item = next(source, None)
            if item is None:
                return
            waiting.append(_Task(*item))
            self._tasks.put(waiting[-1])

    def _drop(self, waiting: deque[_Task]) -> None:
        """Let go of what nobody waits for any more, also of the file that is being read."""
        for task in waiting:
            task.dropped = True
        if any(not task.result.done() for task in waiting):
            self._stop_all()
        for task in waiting:
            task.turn.set()

    def _stop_all(self) -> None:
        with self._lock:
            for process in self._processes.values():
                process.stop()

    def _work(self, number: int) -> None:
        """Read one task after another in a child of one's own."""
        while (task := self._tasks.get()) is not None:
            if task.dropped or self._closing.is_set():
                continue
            try:
                task.result.set_result(self._read(number, task))
            except Exception as error:  # noqa: BLE001  raised where the caller waits for the result
                task.result.set_exception(error)
        with self._lock:
            process = self._processes.pop(number, None)
        if process is not None:
            process.end()

    def _read(self, number: int, task: _Task) -> ReadResult:
        try:
            process = self._process(number)
            document = process.read(task.path.absolute(), task.name, task.turn.wait)
        except DataError as error:
            return ReadResult(task.name, task.path, error=_line(str(error)))
        return ReadResult(task.name, task.path, document)

    def _process(self, number: int) -> ReaderProcess:
        """Return this worker's child, a fresh one where the last has died or grown fat."""
        with self._lock:
            process = self._processes.get(number)
            if process is not None and process.usable:
                return process
        if process is not None:
            process.end()
        with self._lock:  # so that none starts after all were stopped
            if self._closing.is_set():
                raise DataError("not read, the work was stopped")
            self._processes[number] = ReaderProcess(self._limits)
            return self._processes[number]

    def _look(self) -> None:
        while not self._closing.wait(TICK):
            with self._lock:
                for process in self._processes.values():
                    process.watch()


def _line(sentence: str) -> str:
    """Return a sentence that can be printed: the name of a file may hold line ends, and bytes that are no text."""
    return " ".join(sentence.splitlines()).encode("utf-8", "replace").decode("utf-8")


def _result(task: _Task) -> ReadResult:
    while not wait([task.result], timeout=WAIT).done:
        pass
    return task.result.result()
