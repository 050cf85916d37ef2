"""How a command speaks: data on stdout (text or one JSON object), messages and progress on stderr."""

import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from adapt.protocols import Progress
from adapt.records import ProgressEvent

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from adapt.artifacts import Artifact
    from adapt.jobs import Job
    from ui.context import Context

QUIET_SECONDS = 10.0  # where stderr is no terminal, a line at most this often


class Output:
    """What a command prints with, and the workspace that it works on."""

    def __init__(self, workspace: Path, *, as_json: bool) -> None:
        self.workspace = workspace
        self.as_json = as_json

    def open(self) -> "Context":
        """Open the workspace."""
        from ui.context import Context

        return Context(self.workspace)

    def result(self, data: Mapping[str, object], text: "str | Table") -> None:
        """Print a command's result: the object with `--json`, else the text or table."""
        if self.as_json:
            sys.stdout.write(json.dumps(data, ensure_ascii=False, default=str) + "\n")
            sys.stdout.flush()
        else:
            self.console().print(text, markup=False, highlight=False)

    def artifact(self, artifact: "Artifact", text: "str | Table") -> None:
        """Print what a command made; with `--json` the reference, the path and the metrics."""
        self.result(_told(artifact), text)

    def artifacts(self, made: "Sequence[Artifact]", text: "str | Table") -> None:
        """Print the several that a command made, each as `artifact` does."""
        self.result({"artifacts": [_told(one) for one in made]}, text)

    def say(self, message: str) -> None:
        """Tell the person something; never on stdout."""
        sys.stderr.write(message + "\n")
        sys.stderr.flush()

    def job(self, job: "Job") -> None:
        """Print a job that was started in the background."""
        follow = f"follow it with: adapt jobs watch {job.job_id}"
        self.result({"job": job.job_id}, f"started in the background: {job.title}; {follow}")

    @staticmethod
    def fail(message: str, *, as_json: bool, code: int) -> int:
        """Print an error and return its exit code."""
        sentence = " ".join(message.split())
        sys.stderr.write(f"error: {sentence}\n")
        if as_json:
            sys.stdout.write(json.dumps({"error": sentence}, ensure_ascii=False) + "\n")
        return code

    @staticmethod
    def console(*, stderr: bool = False) -> "Console":
        """Return a console; where the output is no terminal, lines are not folded to a width of 80."""
        from rich.console import Console

        stream = sys.stderr if stderr else sys.stdout
        return Console(stderr=stderr, width=None if stream.isatty() else 160)

    @contextmanager
    def progress(self) -> Iterator[Progress]:
        """Yield a callback that draws a bar per stage on a terminal, or prints a line now and then elsewhere."""
        if sys.stderr.isatty():
            with _bars() as callback:
                yield callback
        else:
            yield _lines()


def _told(artifact: "Artifact") -> dict[str, object]:
    card = artifact.card
    return {
        "artifact": artifact.reference,
        "path": str(artifact.path),
        "kind": card.kind,
        "metrics": card.metrics,
    }


@contextmanager
def _bars() -> Iterator[Progress]:
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        TaskID,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import (
        Progress as Bars,
    )

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[detail]}", markup=False),
    )
    known: dict[str, TaskID] = {}
    with Bars(*columns, console=Output.console(stderr=True)) as bars:

        def show(event: ProgressEvent) -> None:
            if event.total is None:
                bars.console.print(_message(event), markup=False, highlight=False)
                return
            if event.stage not in known:
                known[event.stage] = bars.add_task(event.stage, total=event.total, detail="")
            bars.update(
                known[event.stage], completed=event.done, total=event.total, detail=event.detail
            )

        yield show


def _lines() -> Progress:
    last: dict[str, float] = {}

    def show(event: ProgressEvent) -> None:
        if event.total is None:
            _say(_message(event))
            return
        now = time.monotonic()
        ended = event.done >= event.total
        if event.stage in last and not ended and now - last[event.stage] < QUIET_SECONDS:
            return
        last[event.stage] = now
        _say(f"{event.stage}: {event.done:,.0f}/{event.total:,.0f} {event.detail}".rstrip())

    return show


def _message(event: ProgressEvent) -> str:
    """Return an event that counts nothing as a line: what begins, or what is to be known."""
    return f"{event.stage}: {event.detail}" if event.detail else f"{event.stage} …"


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def table(title: str, *columns: str) -> "Table":
    """Return an empty table with these columns."""
    from rich.table import Table

    made = Table(title=title or None, title_justify="left", box=None, pad_edge=False)
    for column in columns:
        made.add_column(column, overflow="fold")
    return made
