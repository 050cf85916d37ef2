"""`adapt ui` from start to stop: what a terminal and a service manager do to it."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from adapt.errors import AdaptError
from adapt.workspace.folder import Workspace
from tests.ui.driver import ROOT, free_port, make_workspace, served, wait_until_healthy
from ui.server.launch import AppSettings


@pytest.mark.slow
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_a_stopped_app_leaves_no_server_behind(sent: signal.Signals, tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "workspace", "starter")
    port = free_port()
    words = ["--workspace", str(workspace), "ui", "--no-browser", "--port", str(port)]
    log = tmp_path / "app.log"
    with log.open("wb") as output:
        app = subprocess.Popen(
            [sys.executable, "-m", "ui.cli.main", *words],
            env={**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(ROOT)},
            stdout=output,
            stderr=output,
        )
    try:
        wait_until_healthy(f"http://127.0.0.1:{port}/_stcore/health", app, log)
        servers = psutil.Process(app.pid).children(recursive=True)

        app.send_signal(sent)

        assert app.wait(60) == 0, log.read_text()
        assert servers
        assert not [server for server in servers if server.is_running()]
        assert "Traceback" not in log.read_text()
    finally:
        app.kill()


@pytest.mark.slow
def test_a_server_loads_what_the_first_answer_needs_before_anybody_visits(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "workspace", "starter")
    with served(workspace, tmp_path / "server.log"):
        command = [sys.executable, "-m", "ui.server.process", str(workspace)]
        (server,) = [
            p for p in psutil.process_iter(["cmdline"]) if (p.info["cmdline"] or [])[:4] == command
        ]
        deadline = time.monotonic() + 120

        def has_torch() -> bool:
            return any("libtorch" in mapped.path for mapped in server.memory_maps())

        while not has_torch() and time.monotonic() < deadline:
            time.sleep(0.2)
        assert has_torch()


def _status_of_websocket(address: str, host: str, origin: str) -> int:
    """Return how the server answers a page that asks for the connection by which the app is used."""
    port = int(address.rpartition(":")[2])
    request = (
        f"GET /_stcore/stream HTTP/1.1\r\nHost: {host}:{port}\r\nOrigin: {origin}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", port), 60) as connection:
        connection.sendall(request.encode())
        return int(connection.recv(64).split()[1])


@pytest.mark.slow
def test_only_pages_of_known_hosts_reach_the_app(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "workspace", "starter")
    (workspace / "adapt.toml").write_text(
        (workspace / "adapt.toml").read_text() + '\n[app]\nhosts = ["adapt.example.org"]\n'
    )
    hosts = Workspace(workspace).settings("app", AppSettings).hosts
    with served(workspace, tmp_path / "server.log", hosts=hosts) as address:
        port = address.rpartition(":")[2]

        for host in ("127.0.0.1", "localhost", "adapt.example.org"):
            assert _status_of_websocket(address, host, f"http://{host}:{port}") == 101
        for host, origin in (
            ("evil.example", f"http://evil.example:{port}"),
            ("127.0.0.1", "http://evil.example"),
            ("adapt.example.org.evil.example", f"http://adapt.example.org:{port}"),
        ):
            assert _status_of_websocket(address, host, origin) == 403


def test_a_host_is_a_name_and_no_address(tmp_path: Path) -> None:
    (tmp_path / "adapt.toml").write_text('[app]\nhosts = ["https://adapt.example.org/"]\n')

    with pytest.raises(AdaptError, match="is no host name; write it without scheme"):
        Workspace(tmp_path).settings("app", AppSettings)
