"""Files that try to hang, exhaust or crash what reads them: a table of name and maker, all of our own making.

Each maker takes an empty folder and returns the file in it. What needs gigabytes to write by hand is put together from
compressed pieces, so that all of them are made in seconds.
"""

import os
import socket
from collections.abc import Callable
from pathlib import Path

from tests.retrieval.sandbox.bombs_archives import ARCHIVES
from tests.retrieval.sandbox.bombs_pdf import PDFS
from tests.retrieval.sandbox.bombs_text import TEXTS

Maker = Callable[[Path], Path]


def fifo(folder: Path) -> Path:
    path = folder / "pipe.txt"
    os.mkfifo(path)
    return path


def directory(folder: Path) -> Path:
    path = folder / "x.pdf"
    path.mkdir()
    return path


def endless_device(folder: Path) -> Path:
    path = folder / "zero.txt"
    path.symlink_to("/dev/zero")
    return path


def terminal_device(folder: Path) -> Path:
    path = folder / "terminal.txt"
    path.symlink_to("/dev/ptmx")
    return path


def sparse_100_gb(folder: Path) -> Path:
    path = folder / "sparse.txt"
    path.touch()
    os.truncate(path, 100 << 30)
    return path


def sparse_below_the_limit(folder: Path) -> Path:
    path = folder / "sparse.html"
    path.write_bytes(b"<html>")
    os.truncate(path, 199_000_000)
    return path


def unix_socket(folder: Path) -> Path:
    path = folder / "socket.txt"
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(folder)  # the name of a socket has room for 107 bytes
        try:
            server.bind(path.name)
        finally:
            os.chdir(here)
    return path


def link_loop(folder: Path) -> Path:
    (folder / "a.txt").symlink_to(folder / "b.txt")
    (folder / "b.txt").symlink_to(folder / "a.txt")
    return folder / "a.txt"


def dangling_link(folder: Path) -> Path:
    path = folder / "gone.txt"
    path.symlink_to(folder / "nothing")
    return path


def own_memory(folder: Path) -> Path:
    path = folder / "memory.txt"
    path.symlink_to("/proc/self/mem")
    return path


def unreadable(folder: Path) -> Path:
    path = folder / "secret.txt"
    path.write_text("secret")
    path.chmod(0)
    return path


def name_that_is_no_text(folder: Path) -> Path:
    path = folder / os.fsdecode(b"bad-\xff-\n-name.bin")
    path.write_bytes(b"\0\1\2")
    return path


SPECIAL: tuple[Maker, ...] = (
    *(fifo, directory, endless_device, terminal_device, sparse_100_gb, sparse_below_the_limit),
    *(unix_socket, link_loop, dangling_link, own_memory, unreadable, name_that_is_no_text),
)
BOMBS: dict[str, Maker] = {m.__name__: m for m in (*SPECIAL, *ARCHIVES, *PDFS, *TEXTS)}
