"""A reader process whose reader does what a file tells it to: hang, wait, crash, hoard, recognise pages, talk nonsense."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from adapt.records import Document
from retrieval.readers.read import read
from retrieval.sandbox import child as sandbox_child


def hang() -> None:
    sum(range(10**12))  # in C, where no signal handler of Python's runs


def wait() -> None:
    time.sleep(1_000)


def crash() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def leave() -> None:
    os._exit(3)


def hoard() -> None:
    hoarded = [bytearray(1_000_000) for _ in range(100_000)]
    raise ValueError(len(hoarded))


def blunder() -> None:
    raise ZeroDivisionError("by\nzero")


def dive() -> None:
    dive()


def recognise() -> None:
    for _ in range(4):
        subprocess.run(["tesseract", "1"], check=True)  # noqa: S607  found in PATH, as ours is


def recognise_for_long() -> None:
    subprocess.run(["tesseract", "100.0625"], check=True)  # noqa: S607


def interrupt() -> None:
    """Send a frame of 2 GB where an answer is expected."""
    os.write(REPLIES[0], b"\x7f\xff\xff\xff" + bytes(1_000))
    time.sleep(100)


ORDERS: dict[str, Callable[[], None]] = {
    f.__name__: f
    for f in (
        *(hang, wait, crash, killed, leave, hoard, blunder, dive),
        *(recognise, recognise_for_long, interrupt),
    )
}
REPLIES: list[int] = []


def obey(
    path: Path,
    *,
    name: str | None = None,
    characters: int | None = None,
    before_pdf: Callable[[int], None] | None = None,
) -> Document:
    """Do what the file says, then read it."""
    if path.suffix == ".order":
        ORDERS[path.read_text()]()
        path = path.with_suffix(".txt")
    return read(path, name=name, characters=characters, before_pdf=before_pdf)


if __name__ == "__main__":
    REPLIES.append(os.dup(1))
    sandbox_child.read = obey
    sys.exit(sandbox_child.main())
