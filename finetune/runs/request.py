"""Runs that are under way or were interrupted: what each was asked to do, so that its id is enough to go on.

runs/<run>/run.json     this file's `RunRecord`
runs/<run>/checkpoint-… (`finetune.train.checkpoints`)
"""

import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from filelock import Timeout
from pydantic import BaseModel, ConfigDict, ValidationError

from adapt.errors import AdaptError, DataError, ModelError, NotFoundError, WorkspaceError
from adapt.registry.artifacts import Artifact, sha256_file
from adapt.registry.bases.find import Base, find_base
from adapt.registry.registry import Registry
from adapt.workspace.folder import Workspace, check_name, write_atomic
from finetune.data.datasets import Layout
from finetune.data.sources import find_files, locate
from finetune.settings import SftSettings

RECORD = "run.json"


class RunTakenError(AdaptError):
    """Another process trains the run."""


class DataFile(BaseModel):
    """A file of a run: where it lies and what it held."""

    model_config = ConfigDict(frozen=True)
    path: Path
    sha256: str


class TrainingRequest(BaseModel):
    """What a person asks for: a domain, its files, a base, settings.

    Attributes:
        test: file of held-out rows; None holds out a part of `files`.
        keep: files of rows on which the adapted model has to stay as the base is, as other domains' rows
            (`finetune.train.base_divergence`).
        skip_bad: file into which bad rows are set aside; None makes them errors.
        format: the format that rows have; None recognises it.
        columns: from the key of a format to the column that stands for it.
        strict: whether a field of a row that is not read is an error.
        start: the adapter whose weights training begins with; None begins with the base alone.
    """

    model_config = ConfigDict(frozen=True)
    domain: str
    files: tuple[Path, ...]
    test: Path | None = None
    keep: tuple[Path, ...] = ()
    base: str = "starter"
    settings: SftSettings = SftSettings()
    skip_bad: Path | None = None
    format: str | None = None
    columns: dict[str, str] = {}
    strict: bool = False
    start: str | None = None

    @property
    def layout(self) -> Layout:
        """Return how its rows are to be understood.

        Raises:
            DataError: a format or key that there is not.
        """
        return Layout(self.format, self.columns, strict=self.strict)

    def absolute(self, workspace: Workspace) -> "TrainingRequest":
        """Return the request with all that it names as it is found from here, wherever it is read.

        Raises:
            DataError: data that it names is missing.
            NotFoundError: the adapter that it continues is missing.
        """
        return self.model_copy(
            update={
                "files": tuple(map(locate, self.files)),
                "keep": tuple(map(locate, self.keep)),
                "test": self.test and locate(self.test),
                "skip_bad": self.skip_bad and self.skip_bad.absolute(),
                "base": find_base(self.base, workspace).id,
                "start": self.start and Registry(workspace).get(self.start).reference,
            }
        )


class RunRecord(BaseModel):
    """A run as it was begun; nothing else is needed to resume it."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    format: int = 1
    run_id: str
    request: TrainingRequest
    base_sha256: str
    data: tuple[DataFile, ...]
    created_at: str


def begin_run(request: TrainingRequest, base: Base, workspace: Workspace) -> RunRecord:
    """Write down a new run and return its record."""
    check_name("model", request.domain)
    absolute = request.absolute(workspace)
    record = RunRecord(
        run_id=f"{request.domain}-{uuid.uuid4().hex[:8]}",
        request=absolute,
        base_sha256=base.sha256,
        data=tuple(DataFile(path=path, sha256=sha256_file(path)) for path in _data_files(absolute)),
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    folder = run_folder(record.run_id, workspace)
    folder.mkdir(parents=True)
    write_atomic(folder / RECORD, record.model_dump_json(indent=2))
    return record


def read_run(run_id: str, workspace: Workspace) -> RunRecord:
    """Return the record of a run.

    Raises:
        NotFoundError: there is no such run, or it was published already.
        WorkspaceError: its record is damaged.
    """
    known = list_runs(workspace)
    if run_id not in known:
        raise NotFoundError("interrupted run", run_id, known)
    path = run_folder(run_id, workspace) / RECORD
    try:
        return RunRecord.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise WorkspaceError(f"{path}: damaged; remove its folder and train again") from error


def published_by(record: RunRecord, workspace: Workspace) -> Artifact | None:
    """Return what a run has published, None unless a crash came between that and the end of the run."""
    for artifact in reversed(Registry(workspace).versions(record.request.domain)):
        training = artifact.card.metrics.get("training")
        if isinstance(training, dict) and training.get("run") == record.run_id:
            return artifact
    return None


def list_runs(workspace: Workspace) -> list[str]:
    """Return the ids of the runs that can be resumed."""
    return sorted(path.parent.name for path in workspace.runs.glob(f"*/{RECORD}"))


def check_unchanged(record: RunRecord, base: Base) -> None:
    """Refuse to go on with other data or another base than the run was begun with.

    Raises:
        DataError: a data file is gone or changed.
        ModelError: the base's weights or configuration changed.
    """
    _check_same_files(record)
    for file in record.data:
        if not file.path.is_file():
            raise DataError(f"{file.path}: gone since run {record.run_id} began; put it back")
        if sha256_file(file.path) != file.sha256:
            raise DataError(
                f"{file.path}: changed since run {record.run_id} began; restore it, or train again without --resume"
            )
    if base.sha256 != record.base_sha256:
        raise ModelError(
            f"base '{base.id}': changed since run {record.run_id} began; train again without --resume"
        )


def _check_same_files(record: RunRecord) -> None:
    """Refuse folders in which files came or went; those that are gone are named one by one elsewhere."""
    began = {file.path for file in record.data}
    added = (
        sorted(set(_data_files(record.request)) - began) if all(p.exists() for p in began) else []
    )
    if added:
        raise DataError(
            f"{added[0]}: new since run {record.run_id} began; remove it, or train again without --resume"
        )


def _data_files(request: TrainingRequest) -> list[Path]:
    """Return the files that a request with absolute paths reads, training rows first."""
    test = find_files([request.test], part="test") if request.test else []
    return find_files([*request.files, *request.keep]) + test


@contextmanager
def own_run(run_id: str, workspace: Workspace) -> Iterator[Path]:
    """Yield the folder of a run that no other process may train meanwhile.

    Raises:
        RunTakenError: another process trains it.
    """
    lock = workspace.lock(f"run-{run_id}", timeout_seconds=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise RunTakenError(
            f"run {run_id} is being trained by another process; wait for it"
        ) from error
    try:
        yield run_folder(run_id, workspace)
    finally:
        lock.release()


def run_folder(run_id: str, workspace: Workspace) -> Path:
    """Return where a run lies."""
    return workspace.runs / run_id


def remove_run(run_id: str, workspace: Workspace) -> None:
    """Remove a run's folder; its record goes first, so that no half of it can be resumed."""
    folder = run_folder(run_id, workspace)
    (folder / RECORD).unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
