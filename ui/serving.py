"""Starts the Streamlit server on this machine's loopback address; for the demo, prepares its workspace first."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from adapt.errors import AdaptError
from ui.context import Context
from ui.demo.run import COLLECTION, DOMAINS, ingest_documents
from ui.worker import command

APP = Path(__file__).parent / "app.py"


def serve(
    ctx: Context, *, port: int, demo: bool, browser: bool, say: Callable[[str], None]
) -> None:
    """Run the app until it is stopped with Ctrl-C.

    Raises:
        AdaptError: the server ended by itself, as it does when the port is taken.
    """
    if demo:
        prepare_demo(ctx, say)
    say(f"workspace: {ctx.workspace.path}")
    say(f"open http://127.0.0.1:{port} — stop with Ctrl-C")
    try:
        code = subprocess.call(server_command(ctx.workspace.path, port=port, browser=browser))  # noqa: S603  ours
    except KeyboardInterrupt:
        return
    if code:
        raise AdaptError(
            f"the app ended with code {code}; is port {port} taken? try --port {port + 1}"
        )


def server_command(workspace: Path, *, port: int, browser: bool = False) -> list[str]:
    """Return the command that serves the app on this machine's loopback address, telemetry off."""
    flags = {
        "server.port": port,
        "server.address": "127.0.0.1",
        "server.headless": str(not browser).lower(),
        "server.fileWatcherType": "none",
        "browser.gatherUsageStats": "false",
        "client.toolbarMode": "minimal",
        "client.showErrorDetails": "none",
    }
    words = [f"--{key}={value}" for key, value in flags.items()]
    return [sys.executable, "-m", "streamlit", "run", str(APP), *words, "--", str(workspace)]


def prepare_demo(ctx: Context, say: Callable[[str], None]) -> None:
    """Ingest the demo's documents, and start training its adapters in the background unless that was done."""
    say("reading the demo's documents …")
    report = ingest_documents(ctx)
    say(f"collection '{COLLECTION}': {report.chunks} new chunks")
    trained = all(ctx.registry.find(domain) for domain in DOMAINS)
    running = [job for job in ctx.jobs.list() if job.kind == "demo" and not job.ended]
    if trained or running:
        return
    job = ctx.jobs.start(
        "demo", title="demo: train, merge, evaluate", settings={}, command=command(ctx)
    )
    say(f"training the demo's adapters in the background (job {job.job_id})")
