"""`adapt ui` from start to stop: what a terminal and a service manager do to it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.ui.driver import ROOT, free_port, make_workspace, served, wait_until_healthy


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
