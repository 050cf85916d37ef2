"""The process that reads documents for `retrieval.sandbox.pool`: one file at a time, under limits set on itself first.

It may not write, connect or start anything but tesseract. Two layers hold that: the kernel's limits (no byte goes into a
file, memory and processor time end) and an audit hook, which sees what Python code and its libraries open through
Python. Not a wall against machine code that a flaw in a C library lets in: such code could still connect.

What a system lacks is left out: Windows knows none of these limits, macOS no limit on memory; there the parent's watch on
time and memory is all there is. Linux alone ends the process, and its tesseract, in the moment that the parent dies;
elsewhere a thread waits for that.
"""

import dataclasses
import gc
import json
import os
import stat
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from adapt.errors import AdaptError
from adapt.records import Document, Page
from retrieval.readers.read import read
from retrieval.sandbox.messages import MOST_MESSAGE, SMALL, put, put_bytes, receive, send

MOST_SENTENCE = 2_000  # characters
PAGE_CHARACTERS = 200  # what the record of a page takes beside its text, in characters of text
DESCRIPTORS = 64
LARGE = 50_000  # bytes of a PDF that has more time than other files, for which the parent must know its size
COLLECT = 100_000  # new objects; a tree of millions takes a quarter less time than at Python's 700
CPU_MARGIN = 5.0  # seconds by which the kernel comes after the parent, who can say why
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
OCR_PROGRAMS = {"tesseract", "tesseract.exe"}
REFUSED = frozenset(
    {
        *("socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg"),
        *("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"),
        *("os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.link", "os.symlink"),
        *("os.truncate", "os.chmod", "os.chown", "os.utime", "os.setxattr", "os.removexattr"),
        *("os.exec", "os.posix_spawn", "os.spawn", "os.system", "os.fork", "os.forkpty"),
        *("os.startfile", "winreg.CreateKey", "winreg.SetValue", "winreg.DeleteKey"),
    }
)


class Child:
    """One end of the conversation: requests come in, documents or sentences go out."""

    def __init__(self, requests: IO[bytes], replies: IO[bytes]) -> None:
        self._requests = requests
        self._replies = replies
        self._settings = receive(requests)

    def run(self) -> None:
        """Set the limits, then answer until the parent closes its end."""
        limit_resources(self._settings["memory"])
        gc.set_threshold(COLLECT)
        sys.addaudithook(guard(self._before_ocr))
        send(self._replies, {"kind": "ready"})
        while True:
            try:
                request = receive(self._requests)
            except EOFError:
                return
            self._answer(Path(request["path"]), request["name"])

    def _answer(self, path: Path, name: str) -> None:
        document, message = self._read(path, name)
        put(self._replies, message)
        if document is not None:
            if message["size"] > SMALL:
                self._replies.flush()
                receive(self._requests)  # the parent takes the text when it has room for it
            for page in document.pages:
                put(self._replies, fields_without_text(page))
                put_bytes(self._replies, page.text.encode("utf-8", "replace"))
        self._replies.flush()

    def _read(self, path: Path, name: str) -> tuple[Document | None, dict[str, Any]]:
        """Return the document and its message, or what to say instead.

        Any fault of a reader is this file's, not the ingest's.
        """
        try:
            before = regular_file(path)
            limit_processor(self._settings["most_seconds"])
            characters = self._settings["characters"]
            document = read(path, name=name, characters=characters, before_pdf=self._before_pdf)
            check_unchanged(path, before)
            check_size(path, document, characters)
        except AdaptError as error:
            lacking = caused_by_memory(error)
            return None, {"kind": "memory"} if lacking else _error(str(error))
        except MemoryError:
            return None, {"kind": "memory"}
        except RecursionError:
            return None, _error(f"{path}: nested too deeply to be read; save it again, flattened")
        except Exception as error:  # noqa: BLE001  see above; the parent logs the traceback
            what = f"{type(error).__name__}: {error}"[:200]
            sentence = f"{path}: its reader failed ({what}); save it again with another program"
            return None, _error(sentence) | {"trace": traceback.format_exc()[-4_000:]}
        size = sum(sys.getsizeof(page.text) for page in document.pages)
        fields = fields_without_pages(document)
        counts = {"pages": len(document.pages), "size": size}
        return document, {"kind": "document", "fields": fields, **counts}

    def _before_pdf(self, size: int) -> None:
        if size > LARGE:
            send(self._replies, {"kind": "pdf", "size": size})

    def _before_ocr(self) -> None:
        """Tell the parent that the recognition of a page starts, which takes longer than reading one."""
        limit_processor(self._settings["most_seconds"])
        send(self._replies, {"kind": "ocr"})


def regular_file(path: Path) -> os.stat_result:
    """Return what is known of a file, from its descriptor: the name can come to mean another file.

    Raises:
        AdaptError: it is not there, not a regular file, or may not be opened.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # asked first: opening a device can do things
            raise AdaptError(f"{path}: not a regular file; name a file or a folder of files")
        descriptor = os.open(path, flags)
    except FileNotFoundError as error:
        raise AdaptError(f"{path}: no such file; check the path") from error
    except OSError as error:
        raise AdaptError(
            f"{path}: cannot be read ({error.strerror}); check the path and its permissions"
        ) from error
    try:
        status = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise AdaptError(f"{path}: not a regular file; name a file or a folder of files")
    return status


def check_unchanged(path: Path, before: os.stat_result) -> None:
    """Refuse what was written to while it was read: its text and its hash may be of two files."""
    after = regular_file(path)
    if (after.st_ino, after.st_size, after.st_mtime_ns) != (
        before.st_ino,
        before.st_size,
        before.st_mtime_ns,
    ):
        raise AdaptError(f"{path}: changed while it was read; ingest it again when it is complete")


def check_size(path: Path, document: Document, most: int) -> None:
    """Refuse more than the parent can take: characters, bytes and pages all become its memory."""
    pages = document.pages
    characters = sum(len(p.text) + len(p.heading) + PAGE_CHARACTERS for p in pages)
    if characters > most or sum(len(p.text.encode("utf-8", "replace")) for p in pages) > 2 * most:
        raise AdaptError(f"{path}: holds more than {most:,} characters of text; split it")
    messages = [fields_without_pages(document), *map(fields_without_text, pages)]
    if any(len(json.dumps(message)) > MOST_MESSAGE // 2 for message in messages):
        raise AdaptError(f"{path}: has a title, heading or list of warnings as long as a book")


def fields_without_pages(document: Document) -> dict[str, Any]:
    """Return every field of a document but its pages, which follow one by one."""
    return dataclasses.asdict(dataclasses.replace(document, pages=()))


def fields_without_text(page: Page) -> dict[str, Any]:
    """Return every field of a page but its text, which follows as it is."""
    return dataclasses.asdict(dataclasses.replace(page, text=""))


def caused_by_memory(error: BaseException | None) -> bool:
    """Return whether a lack of memory is the cause of an error that names another."""
    while error is not None:
        if isinstance(error, MemoryError):
            return True
        error = error.__cause__ or error.__context__
    return False


def guard(before_ocr: Callable[[], None]) -> Callable[[str, tuple[Any, ...]], None]:
    """Return the audit hook that refuses to write, to connect and to start programs (PEP 578)."""

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            if flags & WRITING and not isinstance(path, int) and path != os.devnull:
                raise PermissionError(f"a reader may not write ({path})")
        elif event == "subprocess.Popen":
            if Path(os.fsdecode(arguments[0])).name not in OCR_PROGRAMS:
                raise PermissionError(f"a reader may not start a program ({arguments[0]})")
            before_ocr()
        elif event in REFUSED:
            raise PermissionError(f"a reader may not do this ({event})")

    return hook


def limit_resources(memory: int) -> None:
    """Take from this process, for good, the right to write files, to dump core, and to more memory (bytes) than given.

    Memory is counted by RLIMIT_DATA, since Linux 4.7 the private pages that can be written: RLIMIT_AS counts reserved
    addresses and shared libraries too, and so means little. Tesseract inherits the limit and has it for itself.
    """
    if sys.platform == "win32":
        return
    import resource

    limits = {"RLIMIT_CORE": 0, "RLIMIT_FSIZE": 0, "RLIMIT_NOFILE": DESCRIPTORS}
    if sys.platform == "linux":
        limits["RLIMIT_DATA"] = memory
    for name, most in limits.items():
        kind = getattr(resource, name)
        hard = resource.getrlimit(kind)[1]
        bound = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (bound, bound))


def limit_processor(seconds: float) -> None:
    """Let the kernel end this process after so many more seconds of computing, should the parent not be there to do it."""
    if sys.platform == "win32":
        return
    import resource

    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    soft = int(time.process_time() + seconds + CPU_MARGIN)
    bound = soft if hard == resource.RLIM_INFINITY else min(soft, hard)
    resource.setrlimit(resource.RLIMIT_CPU, (bound, hard))


def end_with_parent(life: int) -> None:
    """End this process and what it has started when the other end of a pipe is closed, which a kill does too.

    On Linux the kernel itself sends SIGKILL to the process group (fcntl(2), F_SETSIG on a pipe), even if this process
    hangs in C code.
    """
    if sys.platform == "linux":
        import fcntl
        import signal

        fcntl.fcntl(life, fcntl.F_SETOWN, -os.getpgrp())
        fcntl.fcntl(life, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(life, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
    elif sys.platform != "win32":
        threading.Thread(target=_wait_for_end, args=(life,), daemon=True).start()


def _wait_for_end(life: int) -> None:
    import signal

    os.read(life, 1)
    os.killpg(os.getpgrp(), signal.SIGKILL)


def _error(sentence: str) -> dict[str, Any]:
    return {"kind": "error", "sentence": sentence[:MOST_SENTENCE]}


def _own_pipes() -> tuple[IO[bytes], IO[bytes]]:
    """Take the pipes away from standard input and output: what a library prints must not reach the parent."""
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1):
        os.dup2(nothing, standard)
    return requests, replies


def main() -> None:
    """Serve one parent until it is gone."""
    requests, replies = _own_pipes()
    if len(sys.argv) > 1:
        end_with_parent(int(sys.argv[1]))
    Child(requests, replies).run()


if __name__ == "__main__":
    main()
