"""One reader process as its parent sees it: started, asked for a document, watched, ended with all that it has started.

Its own limits stand in `retrieval.sandbox.child`; here is the clock, which is the processor's: a file that is read on a
quiet machine is read on a busy one too. Not here: several processes and the order of files (`retrieval.sandbox.pool`).
"""

import contextlib
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, Literal

import psutil
from pydantic import TypeAdapter

from adapt.errors import AdaptError, DataError
from adapt.records import Document
from retrieval.sandbox.clock import Clock
from retrieval.sandbox.limits import MB, OCR_PAGE_SECONDS, ReaderLimits
from retrieval.sandbox.messages import SMALL, FrameError, receive, receive_bytes, send

ROOT = Path(__file__).parents[2]
START_SECONDS = 60.0
CHILD = "retrieval.sandbox.child"
WORN = 0.25  # of the memory allowed, still held after a file
WORN_OUT = 0.8  # of it: what dies there by a signal has died of that
END_SECONDS = 5.0  # a killed process that waits for a dead disk is left to the system
KEPT_VARIABLES = frozenset(  # the rest, tokens among it, is nothing that a reader needs
    {
        *("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "SYSTEMROOT", "TEMP", "TMP"),
        *("PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TESSDATA_PREFIX"),
    }
)
DOCUMENT = TypeAdapter(Document)
Cause = Literal["", "time", "memory", "stopped", "nonsense"]
LOGGER = logging.getLogger(__name__)


class ReaderProcess:
    """A child that reads one file after another; its owner starts another when this one is not `usable` any more.

    Raises:
        AdaptError: it does not start.
    """

    def __init__(self, limits: ReaderLimits) -> None:
        self._limits = limits
        self._lock = threading.Lock()  # what is killed must still be there, and at the same file
        self._clock: Clock | None = None
        self._cause: Cause = ""
        self._peak = 0
        self._worn = False
        self._greeted = False
        self._process, self._requests, self._replies, self._life = _start()
        self._seen = psutil.Process(self._process.pid)

    def read(self, path: Path, name: str, wait_for_room: Callable[[], object]) -> Document:
        """Return the document of a file.

        Args:
            wait_for_room: called before a text is taken that is not small; returns when there is room for it.

        Raises:
            DataError: one sentence; the file cannot be read, or not within the limits.
            AdaptError: the process has not come up.
        """
        if not self._greeted:
            self._greet()
        self._peak = 0
        try:
            self._set_clock(self._limits.seconds)
            send(self._requests, {"path": str(path), "name": name})
            answer = self._answer()
            if answer["kind"] == "document":
                if int(answer["size"]) > SMALL:
                    self._stop_clock()
                    wait_for_room()
                    self._set_clock(self._limits.seconds)
                    send(self._requests, {"kind": "send"})
                return self._take(answer["fields"], int(answer["pages"]))
        except (EOFError, OSError, FrameError, KeyError, ValueError, psutil.Error) as error:
            cause = self._cause or ("" if isinstance(error, (EOFError, OSError)) else "nonsense")
            clock = self._clock
            self.end()
            raise DataError(self._obituary(path, cause, clock)) from error
        finally:
            self._stop_clock()
        if answer["kind"] == "memory":
            self.end()  # what is left of the attempt would count against the next file
            raise DataError(_too_hungry(path, self._limits))
        if "trace" in answer:
            LOGGER.error("%s: its reader failed\n%s", path, answer["trace"])
        raise DataError(str(answer["sentence"]))

    @property
    def usable(self) -> bool:
        """Return whether another file may be given to it."""
        return not self._worn and self._process.poll() is None

    def watch(self) -> None:
        """Kill the process if it has had its time or memory; called from another thread, again and again."""
        with self._lock:
            clock = self._clock
            if clock is None:
                return
            try:
                memory, processor = self._seen.memory_info().rss, _processor(self._seen)
            except psutil.Error:
                return  # it has just ended: whoever reads from it will see that
            self._peak = max(self._peak, memory)
            if memory > self._limits.memory_mb * MB:
                self._kill("memory")
            elif clock.is_over(now=time.monotonic(), processor=processor):
                self._kill("time")

    def stop(self) -> None:
        """Kill the process; its owner still has to `end` it."""
        with self._lock:
            self._kill("stopped")

    def end(self) -> None:
        """Kill the process and what it started, and give back what it held here."""
        self.stop()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            LOGGER.warning("process %d was killed and is not gone yet", self._process.pid)
        with self._lock:
            self._worn = True
            self._replies.close()
            with contextlib.suppress(BrokenPipeError):  # a request that it did not live to read
                self._requests.close()
            if self._life is not None:
                os.close(self._life)
                self._life = None

    def _greet(self) -> None:
        try:
            self._set_clock(START_SECONDS)
            settings = self._limits
            send(
                self._requests,
                {
                    "memory": settings.memory_mb * MB,
                    "characters": settings.characters,
                    "most_seconds": max(settings.most_seconds, settings.seconds, OCR_PAGE_SECONDS),
                },
            )
            receive(self._replies)
            self._greeted = True
        except (EOFError, OSError, FrameError, psutil.Error) as error:
            self.end()
            raise AdaptError(
                f"the process that reads documents does not start (exit code {self._process.returncode}); "
                f"`{sys.executable} -m {CHILD}` says why"
            ) from error
        finally:
            self._stop_clock()

    def _answer(self) -> dict[str, Any]:
        """Return what comes of a file; on the way it is known that a PDF is read, and that pages are recognised."""
        pdf_bytes = 0
        while True:
            message = receive(self._replies)
            if message["kind"] == "pdf":
                pdf_bytes += int(message["size"])
                self._lengthen(self._limits.seconds_for(pdf_bytes))
            elif message["kind"] == "ocr":
                self._allow_ocr()
            else:
                return message

    def _take(self, fields: dict[str, Any], count: int) -> Document:
        """Receive the pages of a document, no more text than was agreed."""
        pages, room = [], 2 * self._limits.characters
        for _ in range(count):
            page = receive(self._replies)
            data = receive_bytes(self._replies, most=room)
            room -= len(data)
            pages.append(page | {"text": data.decode("utf-8")})
        document = DOCUMENT.validate_python(fields | {"pages": pages})
        self._worn = self._seen.memory_info().rss > self._limits.memory_mb * MB * WORN
        return document

    def _set_clock(self, seconds: float) -> None:
        processor, now = _processor(self._seen), time.monotonic()
        with self._lock:
            self._clock = Clock.of(seconds, now=now, processor=processor)

    def _lengthen(self, seconds: float) -> None:
        """Give the file that is being read so much time in all."""
        with self._lock:
            if self._clock is not None:
                self._clock.lengthen(seconds)

    def _allow_ocr(self) -> None:
        """Give the page that is about to be recognised its time."""
        processor, now = _processor(self._seen), time.monotonic()
        with self._lock:
            if self._clock is not None:
                self._clock.allow_ocr(self._limits, now=now, processor=processor)

    def _stop_clock(self) -> None:
        with self._lock:
            self._clock = None

    def _kill(self, cause: Cause) -> None:
        """Send SIGKILL to the process group; the lock is held, and the process not yet waited for."""
        self._cause = self._cause or cause
        if self._process.returncode is not None:
            return
        if sys.platform == "win32":
            self._process.kill()
        else:
            with contextlib.suppress(ProcessLookupError):  # all of it is gone
                os.killpg(self._process.pid, signal.SIGKILL)

    def _obituary(self, path: Path, cause: Cause, clock: Clock | None) -> str:
        """Return the sentence for a file at which the process has ended."""
        code = self._process.returncode or 0
        signalled = signal.Signals(-code).name if code < 0 else ""
        if signalled == "SIGXCPU":
            cause = "time"
        if signalled and not cause and self._peak > WORN_OUT * self._limits.memory_mb * MB:
            cause = "memory"
        if cause == "memory":
            return _too_hungry(path, self._limits)
        if cause == "time":
            return _too_slow(path, clock)
        if signalled == "SIGKILL" and not cause:
            return f"{path}: the system ended its reader, probably for lack of memory; free some or split the file"
        how = {"stopped": "was stopped", "nonsense": "answers nonsense"}.get(cause, "crashes")
        return f"{path}: its reader {how} ({signalled or f'exit code {code}'}); save it again with another program"


def _too_slow(path: Path, clock: Clock | None) -> str:
    if clock is not None and clock.ocr:
        return f"{path}: recognising its scanned pages takes too long; run it through OCR first, or split it"
    seconds = f"over {clock.seconds:.2g} s" if clock is not None else "too long"
    return f"{path}: reading it takes {seconds}; split it, or save it again with another program"


def _too_hungry(path: Path, limits: ReaderLimits) -> str:
    return f"{path}: reading it needs more than {limits.memory_mb:,} MB of memory; split it"


def _processor(process: psutil.Process) -> float:
    """Return the seconds that a process has computed."""
    times = process.cpu_times()
    return float(times.user + times.system)


def _start() -> tuple[subprocess.Popen[bytes], IO[bytes], IO[bytes], int | None]:
    """Start the child in a session of its own; return it, its two pipes, and the pipe whose end ends it."""
    environment = {k: v for k, v in os.environ.items() if k in KEPT_VARIABLES}
    # Before all else: the child must be of the same version as we are.
    known = [str(ROOT), environment.get("PYTHONPATH", "")]
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, known))
    command = [sys.executable, "-P", "-B", "-m", CHILD]
    theirs, ours = (None, None) if sys.platform == "win32" else os.pipe()
    try:
        process = subprocess.Popen(  # noqa: S603  the command is ours
            command if theirs is None else [*command, str(theirs)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            pass_fds=() if theirs is None else (theirs,),
            start_new_session=True,
        )
    except OSError as error:
        if ours is not None:
            os.close(ours)
        raise AdaptError(f"the process that reads documents does not start ({error})") from error
    finally:
        if theirs is not None:
            os.close(theirs)
    if process.stdin is None or process.stdout is None:
        raise TypeError("a pipe was asked for")
    return process, process.stdin, process.stdout, ours
