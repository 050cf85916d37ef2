"""Runs commands of `adapt` in process, into pipes or on a terminal, and finds what acts on a terminal in what they print."""

import os
import re
import sys
import threading
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from ui.cli.main import main

# Controls and what begins with one. Tabs and newlines are text.
CONTROL = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b.?|[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]",
    re.DOTALL,
)


@dataclass
class Said:
    """What a command left behind; on a terminal both streams are one."""

    code: int
    out: str
    err: str

    @property
    def all(self) -> str:
        return self.out + self.err


@contextmanager
def terminal() -> Iterator[list[bytes]]:
    """Make stdout and stderr a terminal, and yield what it is sent."""
    leader, follower = os.openpty()
    tty.setraw(follower)
    received: list[bytes] = []

    def read() -> None:
        while True:
            try:
                data = os.read(leader, 65536)
            except OSError:  # Linux's way to say that the other end is closed
                return
            if not data:
                return
            received.append(data)

    reader = threading.Thread(target=read)
    reader.start()
    kept = sys.stdout, sys.stderr
    screen = os.fdopen(follower, "w", encoding="utf-8")
    sys.stdout = sys.stderr = screen
    try:
        yield received
    finally:
        sys.stdout, sys.stderr = kept
        screen.close()
        reader.join(20)
        os.close(leader)


class Shell:
    """Runs commands of `adapt` in one workspace, into pipes or on a terminal."""

    def __init__(self, workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.workspace = workspace
        self._capsys = capsys

    def __call__(self, *words: object, on_terminal: bool = False) -> Said:
        arguments = [*map(str, words), "--workspace", str(self.workspace)]
        if not on_terminal:
            self._capsys.readouterr()
            code = _left(arguments)
            captured = self._capsys.readouterr()
            return Said(code, captured.out, captured.err)
        with self._capsys.disabled(), terminal() as received:
            code = _left(arguments)
        return Said(code, b"".join(received).decode(), "")


def _left(arguments: list[str]) -> int:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    return int(str(left.value.code or 0))


def controls(shown: str) -> set[str]:
    return set(CONTROL.findall(shown))
