"""Long work in worker processes: a row per job, its events as lines in a file, and cancel.

The worker is a command that the top floor names; it survives the page or terminal that started it. What the worker does
is not known here.
"""

import builtins
import json
import os
import signal
import subprocess
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import psutil
from pydantic import JsonValue, TypeAdapter
from sqlalchemy import JSON, String, Text, select
from sqlalchemy.orm import Mapped, mapped_column

from adapt.errors import NotFoundError
from adapt.records import ProgressEvent
from adapt.storage.database import Database, Table
from adapt.workspace.folder import Workspace

JobStatus = Literal["queued", "running", "done", "failed", "cancelled", "lost"]
STATUS: TypeAdapter[JobStatus] = TypeAdapter(JobStatus)
ENDED = ("done", "failed", "cancelled", "lost")
# Workers that this process started: kept so that the ended ones are reaped; they outlive us on purpose.
CHILDREN: dict[int, subprocess.Popen[bytes]] = {}
CANCEL_SECONDS = 30.0  # time to write a checkpoint before the process is ended for good


class JobRow(Table):
    """A piece of long work."""

    __tablename__ = "jobs"
    job_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    kind: Mapped[str] = mapped_column(String(32))
    title: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(String(16))
    pid: Mapped[int | None]
    settings: Mapped[JsonValue] = mapped_column(JSON)
    result: Mapped[JsonValue] = mapped_column(JSON)
    error: Mapped[str] = mapped_column(Text)
    created_at: Mapped[str] = mapped_column(String(32))
    finished_at: Mapped[str] = mapped_column(String(32))


@dataclass(frozen=True)
class Job:
    """What is known of a job at one moment."""

    job_id: str
    kind: str
    title: str
    status: JobStatus
    settings: JsonValue
    result: JsonValue
    error: str
    created_at: str
    finished_at: str

    @property
    def ended(self) -> bool:
        """Return whether nothing more will happen to it."""
        return self.status in ENDED


class Jobs:
    """The jobs of a workspace."""

    def __init__(self, workspace: Workspace, database: Database) -> None:
        self._folder = workspace.jobs
        self._database = database

    def start(
        self,
        kind: str,
        *,
        title: str,
        settings: Mapping[str, JsonValue],
        command: Sequence[str],
    ) -> Job:
        """Start a worker with `command` + the job's id, in a session of its own, and return its job."""
        job_id = uuid.uuid4().hex[:12]
        with self._database.transaction() as session:
            session.add(
                JobRow(
                    job_id=job_id,
                    kind=kind,
                    title=title,
                    status="queued",
                    pid=None,
                    settings=dict(settings),
                    result=None,
                    error="",
                    created_at=_now(),
                    finished_at="",
                )
            )
        with self.log_file(job_id).open("wb") as log:
            process = subprocess.Popen(  # noqa: S603  the command is ours
                [*command, job_id],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        CHILDREN[process.pid] = process
        with self._database.transaction() as session:
            row = session.get_one(JobRow, job_id)
            if row.pid is None:
                row.pid = process.pid
        return self.get(job_id)

    def record(self, kind: str, *, title: str, result: JsonValue) -> Job:
        """Store work that this process has done itself, so that its result is found beside the workers'."""
        job_id = uuid.uuid4().hex[:12]
        row = JobRow(
            job_id=job_id,
            kind=kind,
            title=title,
            status="done",
            pid=None,
            settings={},
            result=result,
            error="",
            created_at=_now(),
            finished_at=_now(),
        )
        with self._database.transaction() as session:
            session.add(row)
        return self.get(job_id)

    def list(self) -> builtins.list[Job]:
        """Return all jobs, newest first."""
        with self._database.transaction() as session:
            rows = session.scalars(select(JobRow).order_by(JobRow.created_at.desc()))
            return [self._job(row) for row in rows]

    def get(self, job_id: str) -> Job:
        """Return a job as it stands.

        Raises:
            NotFoundError: there is none of that id.
        """
        with self._database.transaction() as session:
            return self._job(self._row(job_id, session.get(JobRow, job_id)))

    def begin(self, job_id: str) -> Job:
        """Mark a job as running in this process; the worker calls it first."""
        with self._database.transaction() as session:
            row = self._row(job_id, session.get(JobRow, job_id))
            row.pid, row.status = os.getpid(), "running"
            return self._job(row)

    def finish(
        self, job_id: str, status: JobStatus, *, result: JsonValue = None, error: str = ""
    ) -> None:
        """Close a job; the worker calls it last."""
        with self._database.transaction() as session:
            row = self._row(job_id, session.get(JobRow, job_id))
            row.status, row.result, row.error, row.finished_at = status, result, error, _now()

    def emit(self, job_id: str, event: ProgressEvent) -> None:
        """Append an event to a job's file."""
        line = {
            "at": _now(),
            "stage": event.stage,
            "done": event.done,
            "total": event.total,
            "detail": event.detail,
            "values": event.values,
        }
        with self.events_file(job_id).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def events(self, job_id: str) -> builtins.list[ProgressEvent]:
        """Return a job's events so far; a last line that is still being written is left for the next call."""
        path = self.events_file(job_id)
        if not path.exists():
            return []
        lines = path.read_text(encoding="utf-8").split("\n")[:-1]
        return [_event(json.loads(line)) for line in lines]

    def watch(self, job_id: str, *, every_seconds: float = 0.3) -> Iterator[ProgressEvent]:
        """Yield a job's events as they come until it has ended."""
        seen = 0
        while True:
            ended = self.get(job_id).ended
            events = self.events(job_id)
            yield from events[seen:]
            seen = len(events)
            if ended:
                return
            time.sleep(every_seconds)

    def cancel(self, job_id: str) -> Job:
        """Ask a job to stop as Ctrl-C would, wait for it to leave things whole, and end it if it does not."""
        job = self.get(job_id)
        if job.ended:
            return job
        with self._database.transaction() as session:
            pid = session.get_one(JobRow, job_id).pid
        if pid is not None and _alive(pid, job_id):
            _interrupt(pid, job_id)
        if not self.get(job_id).ended or self.get(job_id).status == "lost":
            self.finish(job_id, "cancelled")
        return self.get(job_id)

    def events_file(self, job_id: str) -> Path:
        """Return where a job's events lie."""
        return self._folder / f"{job_id}.jsonl"

    def log_file(self, job_id: str) -> Path:
        """Return where a worker's own output lies."""
        return self._folder / f"{job_id}.log"

    def _row(self, job_id: str, row: JobRow | None) -> JobRow:
        if row is None:
            with self._database.transaction() as session:
                raise NotFoundError("job", job_id, session.scalars(select(JobRow.job_id)))
        return row

    def _job(self, row: JobRow) -> Job:
        status = STATUS.validate_python(row.status)
        if (
            status in ("queued", "running")
            and row.pid is not None
            and not _alive(row.pid, row.job_id)
        ):
            status = "lost"
        return Job(
            job_id=row.job_id,
            kind=row.kind,
            title=row.title,
            status=status,
            settings=row.settings,
            result=row.result,
            error=row.error or ("its process is gone; run it again" if status == "lost" else ""),
            created_at=row.created_at,
            finished_at=row.finished_at,
        )


def _interrupt(pid: int, job_id: str) -> None:
    """End a process as Ctrl-C would, and for good if it has not ended in time."""
    try:
        os.kill(pid, signal.SIGINT)
        deadline = time.monotonic() + CANCEL_SECONDS
        while _alive(pid, job_id) and time.monotonic() < deadline:
            time.sleep(0.05)
        if _alive(pid, job_id):
            os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return  # it ended by itself meanwhile


def _alive(pid: int, job_id: str) -> bool:
    """Return whether a job's worker still runs; after a restart of the machine its number may be another program's."""
    child = CHILDREN.get(pid)
    if child is not None and child.poll() is not None:
        del CHILDREN[pid]
        return False
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and job_id in process.cmdline()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _event(line: dict[str, object]) -> ProgressEvent:
    return TypeAdapter(ProgressEvent).validate_python(
        {key: line[key] for key in ("stage", "done", "total", "detail", "values")}
    )
