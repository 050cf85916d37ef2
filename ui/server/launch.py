"""Starts the Streamlit server on this machine's loopback address; for the demo, prepares its workspace first."""

import re
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from pydantic import field_validator

from adapt.errors import AdaptError
from adapt.workspace.settings import Settings
from ui.context import Context
from ui.demo.run import COLLECTION, DOMAINS, MERGES, ingest_documents

STOP_SECONDS = 15.0  # for answers under way to end and be stored
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
HOST = re.compile(r"(\*\.)?[A-Za-z0-9.:\[\]-]+")


class AppSettings(Settings):
    """Section `[app]`."""

    # names beside 127.0.0.1 and localhost under which a browser may reach the app, such as those of a proxy before it
    hosts: tuple[str, ...] = ()

    @field_validator("hosts")
    @classmethod
    def _check_hosts(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        for host in hosts:
            if not HOST.fullmatch(host):
                raise ValueError(
                    f"'{host}' is no host name; write it without scheme, port and path"
                )
        return hosts


def serve(
    ctx: Context, *, port: int, demo: bool, browser: bool, say: Callable[[str], None]
) -> None:
    """Run the app until it is stopped, by Ctrl-C or by SIGTERM.

    Raises:
        AdaptError: the server ended by itself, as it does when the port is taken.
    """
    if demo:
        prepare_demo(ctx, say)
    say(f"workspace: {ctx.workspace.path}")
    say(f"open http://127.0.0.1:{port} — stop with Ctrl-C")
    hosts = ctx.workspace.settings("app", AppSettings).hosts
    code = _run_until_stopped(
        server_command(ctx.workspace.path, port=port, browser=browser, hosts=hosts)
    )
    for job in ctx.jobs.list():
        if not job.ended:
            stop = f"adapt --workspace {ctx.workspace.path} jobs cancel {job.job_id}"
            say(f"goes on in the background: {job.title}; stop it with: {stop}")
    if code:
        raise AdaptError(
            f"the app ended with code {code}; is port {port} taken? try --port {port + 1}"
        )


def _run_until_stopped(command: Sequence[str]) -> int:
    """Return the server's exit code, 0 where we were asked to stop; it has ended by then, its answers stored."""
    earlier = signal.signal(signal.SIGTERM, signal.default_int_handler)
    server = subprocess.Popen(command)  # noqa: S603  the command is ours
    try:
        return server.wait()
    except KeyboardInterrupt:
        server.terminate()
        try:
            server.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        return 0
    finally:
        signal.signal(signal.SIGTERM, earlier)


def server_command(
    workspace: Path, *, port: int, browser: bool = False, hosts: Sequence[str] = ()
) -> list[str]:
    """Return the command that serves the app on this machine's loopback address, telemetry off.

    Args:
        hosts: names under which a browser may reach it; any other is refused, so that no page elsewhere can let its own name
            lead to this machine (DNS rebinding) and read the app.
    """
    flags = {
        "server.port": port,
        "server.address": "127.0.0.1",
        "server.headless": str(not browser).lower(),
        "server.fileWatcherType": "none",
        "server.enableCORS": "true",
        "server.enableXsrfProtection": "true",
        "browser.gatherUsageStats": "false",
        "client.toolbarMode": "minimal",
        "client.showErrorDetails": "none",
    }
    words = [f"--{key}={value}" for key, value in flags.items()]
    words += [f"--server.allowedHosts={host}" for host in (*LOOPBACK, *hosts)]
    return [sys.executable, "-m", "ui.server.process", str(workspace), *words]


def prepare_demo(ctx: Context, say: Callable[[str], None]) -> None:
    """Ingest the demo's documents, and start training its adapters in the background unless that was done."""
    say("reading the demo's documents …")
    report = ingest_documents(ctx)
    say(f"collection '{COLLECTION}': {report.chunks} new chunks")
    is_made = all(ctx.registry.find(name) for name in (*DOMAINS, *MERGES))
    running = [job for job in ctx.jobs.list() if job.kind == "demo" and not job.ended]
    if is_made or running:
        return
    job = ctx.start_job("demo", title="demo: train, merge, evaluate", settings={})
    say(f"training the demo's adapters in the background (job {job.job_id})")
