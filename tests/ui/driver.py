"""Drives the app as a person would: in process by AppTest, or as a server of its own for a browser."""

import os
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue
from streamlit.testing.v1 import AppTest

from adapt.records import Turn
from ui.context import Context
from ui.server.launch import server_command

ROOT = Path(__file__).parents[2]
APP = ROOT / "ui" / "app.py"
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
SETTINGS = """
[chat]
model = "{model}"
[generation]
max_new_tokens = {tokens}
[prompt]
answer_tokens = 16
source_share = 1.0
"""
EMPTY_ACCOUNT: dict[str, JsonValue] = {
    "tokens": 1,
    "budget": 2,
    "history_kept": 0,
    "history_cut": 0,
    "pieces": [],
    "messages": [],
}


def make_workspace(path: Path, model: Path | str, *, tokens: int = 16) -> Path:
    """Write a workspace whose chats are answered by a model, and return it."""
    path.mkdir()
    (path / "adapt.toml").write_text(SETTINGS.format(model=model, tokens=tokens))
    return path


@dataclass
class App:
    """The page as a test drives it, and the context of the server behind it."""

    page: AppTest
    ctx: Context

    def run(self) -> AppTest:
        """Run the page's script again and insist that it ended well."""
        self.page.run()
        assert not self.page.exception, self.page.exception
        return self.page

    def be(self, user: str) -> AppTest:
        """Write another name into the sidebar."""
        self.page.text_input(key="user").set_value(user)
        return self.run()

    def say(self, message: str) -> Turn:
        """Send a message, wait for the whole answer, and return its turn."""
        before = set(self.ctx.generations)
        self.page.chat_input(key="message").set_value(message)
        self.run()
        (turn_id,) = set(self.ctx.generations) - before
        self.ctx.generations[turn_id].wait(180)
        self.run()
        return next(turn for turn in self.turns() if turn.turn_id == turn_id)

    def turns(self) -> list[Turn]:
        """Return all turns of the user who sits before the page."""
        user = self.page.text_input(key="user").value
        assert user
        sessions = [session_id for session_id, _ in self.ctx.feedback.sessions(user)]
        return [turn for s in sessions for turn in self.ctx.feedback.turns(s, user=user)]

    def texts(self) -> list[str]:
        """Return every text that the page shows as it is."""
        return [element.value for element in self.page.text]


def free_port() -> int:
    """Return a port of this machine that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def served(workspace: Path, log: Path, *, hosts: Sequence[str] = ()) -> Iterator[str]:
    """Yield the address of a server of the app on a free port of this machine, and end it afterwards."""
    port = free_port()
    command = server_command(workspace, port=port, hosts=hosts)
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(ROOT)}
    with log.open("wb") as output:
        server = subprocess.Popen(
            command, cwd=workspace, env=environment, stdout=output, stderr=output
        )
        try:
            wait_until_healthy(f"http://127.0.0.1:{port}/_stcore/health", server, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait(30)


def wait_until_healthy(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until a server answers; its log is told where it ends instead."""
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        assert server.poll() is None, f"the server ended: {log.read_text()}"
        try:
            with urllib.request.urlopen(url, timeout=5):  # noqa: S310  our own address
                return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"the server did not answer in time: {log.read_text()}")
