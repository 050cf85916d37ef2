"""Runs a command where no network is, and notes what it wanted of one: `python -m tests.ui.listening LOG COMMAND…`.

Called within a network namespace of its own, in which every address of the world is made to lead back here (`main`): a name
server that answers every question, and listeners on the usual ports. LOG gets one line for each name and each connection.
"""

import socket
import struct
import subprocess
import sys
import threading
from pathlib import Path

PORTS = (80, 443, 8080, 8443)
ANSWER = "203.0.113.9"  # RFC 5737: of nobody


class Log:
    """A file that threads write lines to."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", buffering=1, encoding="utf-8")
        self._lock = threading.Lock()

    def add(self, line: str) -> None:
        with self._lock:
            self._file.write(f"{line}\n")


def name_in(query: bytes) -> tuple[str, int]:
    """Return the name that a DNS query asks for, and where its question ends."""
    labels, place = [], 12
    while length := query[place]:
        labels.append(query[place + 1 : place + 1 + length].decode("ascii", "replace"))
        place += 1 + length
    return ".".join(labels), place + 5


def reply_to(query: bytes) -> bytes:
    """Return an answer: the one address for a question of type A, nothing for others."""
    _, end = name_in(query)
    is_address = query[end - 4 : end - 2] == b"\x00\x01"
    head = query[:2] + struct.pack(">HHHHH", 0x8180, 1, int(is_address), 0, 0)
    record = b"\xc0\x0c\x00\x01\x00\x01" + struct.pack(">IH", 60, 4) + socket.inet_aton(ANSWER)
    return head + query[12:end] + (record if is_address else b"")


def serve_names(log: Log) -> None:
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("0.0.0.0", 53))  # noqa: S104  the namespace holds nobody else

    def loop() -> None:
        while True:
            query, sender = server.recvfrom(4096)
            log.add(f"name {name_in(query)[0]}")
            server.sendto(reply_to(query), sender)

    threading.Thread(target=loop, daemon=True).start()


def accept(port: int, log: Log) -> None:
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(("0.0.0.0", port))  # noqa: S104
    server.listen()

    def loop() -> None:
        while True:
            client, _ = server.accept()
            log.add(f"connection {':'.join(map(str, client.getsockname()))}")
            client.close()

    threading.Thread(target=loop, daemon=True).start()


def main(log: Path, *command: str) -> int:
    """Lead all addresses here, listen, and return the command's exit code."""
    for words in ("link set lo up", "route add local 0.0.0.0/0 dev lo"):
        subprocess.run(["ip", *words.split()], check=True)  # noqa: S607
    for path, text in (
        ("/etc/nsswitch.conf", "hosts: files dns\n"),
        ("/etc/resolv.conf", "nameserver 127.0.0.1\n"),
    ):
        own = log.with_name(path.rpartition("/")[2])
        own.write_text(text)
        subprocess.run(["mount", "--bind", own, path], check=True)  # noqa: S607
    written = Log(log)
    serve_names(written)
    for port in PORTS:
        accept(port, written)
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *sys.argv[2:]))
