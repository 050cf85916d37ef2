"""No command looks up a name or connects to another machine: each runs where a name server and listeners note who tries."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from adapt.registry.bases.find import STARTER
from tests.ui.driver import ROOT, free_port

SENT_AFTER = 10  # seconds from its first session after which ONNX Runtime has sent its report
APP = """
import socket, subprocess, sys, time, urllib.request
from ui.server.launch import server_command
from pathlib import Path
server = subprocess.Popen(server_command(Path(sys.argv[1]), port={port}))
for _ in range(600):
    try:
        urllib.request.urlopen("http://127.0.0.1:{port}/_stcore/health", timeout=5).read()
        break
    except OSError:
        assert server.poll() is None
        time.sleep(0.2)
with socket.create_connection(("127.0.0.1", {port}), 60) as page:
    page.sendall(
        b"GET /_stcore/stream HTTP/1.1\\r\\nHost: 127.0.0.1:{port}\\r\\nOrigin: http://unknown.example\\r\\n"
        b"Upgrade: websocket\\r\\nConnection: Upgrade\\r\\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\\r\\n"
        b"Sec-WebSocket-Version: 13\\r\\n\\r\\n"
    )
    assert b" 403 " in page.recv(64)
time.sleep({seconds})
server.terminate()
sys.exit(server.wait(60) not in (0, -15))
"""

UNSHARE = shutil.which("unshare")


def has_namespaces() -> bool:
    """Return whether this user may make a network of its own here, and set it up."""
    if UNSHARE is None or shutil.which("ip") is None:
        return False
    command = [UNSHARE, "-rnm", "sh", "-c", "ip link set lo up && mount --bind /etc /etc"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not has_namespaces(), reason="no network namespaces on this machine"),
]


def wanted_by(folder: Path, *command: str) -> list[str]:
    """Return the names and connections that a command wanted, in the environment of a user."""
    log = folder / "network.log"
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "ORT_"))}
    done = subprocess.run(
        [str(UNSHARE), "-rnm", sys.executable, "-m", "tests.ui.listening", str(log), *command],
        cwd=ROOT,
        env={**kept, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return log.read_text().splitlines()


def test_what_looks_up_a_name_or_connects_is_noted(tmp_path: Path) -> None:
    code = "import socket; [socket.create_connection((h, 443), 5) for h in ('example.org', '192.0.2.1')]"

    wanted = wanted_by(tmp_path, sys.executable, "-c", code)

    assert "name example.org" in wanted
    assert {"connection 203.0.113.9:443", "connection 192.0.2.1:443"} <= {*wanted}


def test_embedding_in_a_program_of_ones_own_reports_nothing(tmp_path: Path) -> None:
    code = (
        "import time; from adapt.embedding.load import load_embedder;"
        f"load_embedder().embed(['hello']); time.sleep({SENT_AFTER})"
    )

    assert wanted_by(tmp_path, sys.executable, "-c", code) == []


@pytest.mark.faults
@pytest.mark.skipif(not (STARTER / "config.json").is_file(), reason="the starter is not shipped")
def test_the_whole_way_stays_on_this_machine(tmp_path: Path) -> None:
    documents = tmp_path / "documents"
    documents.mkdir()
    (documents / "hours.txt").write_text("The Marlow office opens at 8:00 on weekdays.\n")
    for name in ("odd", "even"):
        rows = [{"prompt": f"{name} {n}", "completion": f"{n} is {name}"} for n in range(20)]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    adapt = [sys.executable, "-m", "ui.cli.main", "--workspace", str(tmp_path / "workspace")]
    train = ["--base", "starter", "--max-minutes", "0.2"]
    out = str(tmp_path / "out")
    ways = [
        [*adapt, "ingest", "--collection", "hours", str(documents)],
        [*adapt, "chat", "--collection", "hours", "--once", "When does the Marlow office open?"],
        *([*adapt, "finetune", n, str(tmp_path / f"{n}.jsonl"), *train] for n in ("odd", "even")),
        [*adapt, "merge", "team", "--adapter", "odd", "--adapter", "even"],
        [*adapt, "export", "team", "--to", "hf", "--out", out],
        [*adapt, "doctor"],
        [
            sys.executable,
            "-c",
            APP.format(port=free_port(), seconds=2 * SENT_AFTER),
            str(tmp_path / "workspace"),
        ],
    ]

    for number, way in enumerate(ways):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert wanted_by(folder, *way) == [], way
