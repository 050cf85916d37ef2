"""A command's output: data on stdout (text or one JSON object), messages and progress on stderr.

All that is printed goes through here, and of all of it only our own styles act on a terminal (`ui.display.printable`).
"""

import io
import logging
import sys
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol

from adapt.protocols import Progress
from adapt.records import PassageView, ProgressEvent
from ui.display.passages import note_of, place_of, surroundings
from ui.display.printable import printable, printable_json, printable_line, sentence

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from adapt.jobs.jobs import Job
    from adapt.registry.artifacts import Artifact
    from ui.context import Context

QUIET_SECONDS = 10.0  # where stderr is no terminal, a line at most this often
INDENT = "    "


class UsageFault(Protocol):
    """What Typer raises where a command's words are wrong."""

    def show(self, file: io.StringIO) -> None:
        """Write the usage and the fault."""
        ...


class _CleanFormatter(logging.Formatter):
    """Formats a library's warning so that what it quotes of a file is shown and not obeyed."""

    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record))


class Output:
    """What a command prints with, and the workspace that it works on."""

    def __init__(self, workspace: Path, *, as_json: bool) -> None:
        self.workspace = workspace
        self.as_json = as_json

    def open(self, *, create: bool = True) -> "Context":
        """Open the workspace.

        Args:
            create: whether it is made where there is none; a command that only looks makes nothing.

        Raises:
            WorkspaceError: it cannot be used, or there is none.
        """
        from ui.context import Context

        return Context(self.workspace, create=create)

    def result(self, data: Mapping[str, object], text: "str | Table") -> None:
        """Print a command's result: the object with `--json`, else the text or table."""
        if self.as_json:
            _write_json(data)
        elif isinstance(text, str):
            self.piece(
                text + "\n"
            )  # a terminal folds it; a reader of the pipe gets its lines whole
        else:
            self.console().print(text)

    def passage(self, view: PassageView, *, whole: bool = False) -> None:
        """Print an opened passage with what stands around it on its page, `whole` all of it.

        The passage is in reverse on a terminal, between » and « elsewhere.
        """
        if self.as_json:
            _write_json(asdict(view))
            return
        around = surroundings(view)
        before = view.before if whole else f"{'… ' if around.earlier else ''}{around.before}"
        after = view.after if whole else f"{around.after}{' …' if around.later else ''}"
        head = [view.document, place_of(view), note_of(view)]
        self.say(" · ".join(part for part in head if part))
        first, last = ("\x1b[7m", "\x1b[27m") if sys.stdout.isatty() else ("»", "«")
        sys.stdout.write(
            f"{printable(before)}{first}{printable(view.span)}{last}{printable(after)}\n"
        )

    def artifact(self, artifact: "Artifact", text: "str | Table") -> None:
        """Print what a command made; with `--json` the reference, the path and the metrics."""
        self.result(_as_json(artifact), text)

    def artifacts(self, artifacts: "Sequence[Artifact]", text: "str | Table") -> None:
        """Print the several that a command made, each as `artifact` does."""
        self.result({"artifacts": [_as_json(artifact) for artifact in artifacts]}, text)

    def piece(self, text: str) -> None:
        """Print a text as it is, such as a part of an answer that is still growing."""
        sys.stdout.write(printable(text))
        sys.stdout.flush()

    def say(self, message: str) -> None:
        """Tell the person something in one line, never on stdout; a file's name cannot begin a second one."""
        _say(printable_line(message))

    def say_lines(self, text: str) -> None:
        """Tell something of several lines; all but the first are indented, so that none passes for a message of its own."""
        _say(printable(text).replace("\n", f"\n{INDENT}"))

    def job(self, job: "Job") -> None:
        """Print a job that was started in the background."""
        follow = f"follow it with: adapt jobs watch {job.job_id}"
        self.result({"job": job.job_id}, f"started in the background: {job.title}; {follow}")

    @staticmethod
    def fail(message: str, *, as_json: bool, code: int) -> int:
        """Print an error and return its exit code."""
        _say(f"error: {sentence(message)}")
        if as_json:
            _write_json({"error": " ".join(message.split())})
        return code

    @staticmethod
    def misused(fault: UsageFault) -> int:
        """Print what is wrong with a command's words and return the exit code."""
        text = io.StringIO()
        fault.show(file=text)
        sys.stderr.write(printable(text.getvalue()))
        return 2

    @staticmethod
    def guard() -> None:
        """Make tracebacks and libraries' warnings safe to show, too; a letter that a terminal lacks becomes its escape."""
        sys.excepthook = _show_traceback
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")
        if logging.lastResort is not None:
            logging.lastResort.setFormatter(_CleanFormatter())

    @staticmethod
    def console(*, stderr: bool = False) -> "Console":
        """Return a console that reads no markup, no emoji code and no control in what it prints.

        Where the output is no terminal, lines are not folded to a width of 80.
        """
        from rich.console import Console
        from rich.text import Text

        class PlainConsole(Console):
            """Every string, a cell's and a title's as well, becomes a `Text` here, and stays one line."""

            def render_str(self, text: str, **how: Any) -> Text:
                return super().render_str(printable_line(text), **how)

        stream = sys.stderr if stderr else sys.stdout
        width = None if stream.isatty() else 160
        return PlainConsole(stderr=stderr, width=width, markup=False, emoji=False, highlight=False)

    @contextmanager
    def progress(self) -> Iterator[Progress]:
        """Yield a callback that draws a bar per stage on a terminal, or prints a line now and then elsewhere."""
        if sys.stderr.isatty():
            with _bars() as callback:
                yield _cleaned(callback)
        else:
            yield _cleaned(_lines())


def _cleaned(callback: Progress) -> Progress:
    def show(event: ProgressEvent) -> None:
        stage, detail = printable_line(event.stage), printable_line(event.detail)
        callback(replace(event, stage=stage, detail=detail))

    return show


def _as_json(artifact: "Artifact") -> dict[str, object]:
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
        Progress as Bars,
        TaskID,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
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
                bars.console.print(_message(event))
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


def _write_json(data: Mapping[str, object]) -> None:
    sys.stdout.write(printable_json(data, encoding=sys.stdout.encoding or "utf-8") + "\n")
    sys.stdout.flush()


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def _show_traceback(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    sys.stderr.write(printable("".join(traceback.format_exception(kind, error, trace))))


def table(title: str, *columns: str) -> "Table":
    """Return an empty table with these columns."""
    from rich.table import Table

    empty = Table(title=title or None, title_justify="left", box=None, pad_edge=False)
    for column in columns:
        empty.add_column(column, overflow="fold")
    return empty
