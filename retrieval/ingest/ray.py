"""An ingest fanned out on a Ray cluster: tasks read, cut and embed files, the ingest then takes up what they prepared.

All machines must see the workspace and the documents under the same paths (a shared folder). A task whose machine is lost is
tried again elsewhere; what it had prepared is not made twice, and a file that no task could read is reported by the ingest
itself, which reads it again. So the result is that of one machine.
"""

import functools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from adapt.embedding.load import load_embedder
from adapt.errors import AdaptError, ModelError
from adapt.jobs.ray_cluster import connected
from adapt.protocols import Progress, TextEmbedder, no_progress
from adapt.records import ProgressEvent
from retrieval.ingest.ingest import Distribute, IngestSettings
from retrieval.ingest.prepare import Preparer, Unread
from retrieval.ingest.prepared import IngestFile

RETRIES = 8  # of a task whose worker or machine was lost
TASK_FILES = 64  # at most of one task, and
TASK_BYTES = 2_000_000  # at most, unless one file has more: a task takes seconds, so that little is done twice
POLL_SECONDS = 0.5
FILES = TypeAdapter(tuple[IngestFile, ...])


def distribute_on(
    address: str, embedder: str, identity: str, *, progress: Progress = no_progress
) -> Distribute:
    """Return what has the files of an ingest prepared by the tasks of a cluster.

    Args:
        address: `ray` for a cluster on this machine, or that of one.
        embedder: its name, as `load_embedder` takes it.
        identity: of the embedder here; a machine where that name means another one is refused.
    """

    def distribute(files: Sequence[IngestFile], staged: Path, settings: IngestSettings) -> None:
        if not files:
            return
        with connected(address) as ray:
            remote = ray.remote(prepare_files).options(
                max_retries=RETRIES, retry_exceptions=False, num_cpus=1
            )
            tasks = [
                remote.remote(
                    FILES.dump_json(batch).decode(), str(staged), settings, embedder, identity
                )
                for batch in batches(files)
            ]
            _follow(ray, tasks, progress)

    return distribute


def prepare_files(
    files: str, staged: str, settings: IngestSettings, embedder: str, identity: str
) -> int:
    """Prepare some files in the process of a task, and return how many could not be read.

    Raises:
        ModelError: the embedder of this machine is another one.
    """
    loaded = _embedder(embedder)
    if loaded.identity != identity:
        raise ModelError(
            f"the embedder '{embedder}' is {loaded.identity} on one of the machines and {identity} here; "
            "install the same version on all"
        )
    preparer = Preparer(Path(staged), loaded, settings.chunks, settings.readers)
    return sum(
        isinstance(outcome, Unread) for outcome in preparer.prepare(FILES.validate_json(files))
    )


def batches(files: Sequence[IngestFile]) -> Iterator[tuple[IngestFile, ...]]:
    """Yield the files in groups, each the work of one task."""
    batch: list[IngestFile] = []
    size = 0
    for file in files:
        own = file.path.stat().st_size if file.path.is_file() else 0
        if batch and (len(batch) == TASK_FILES or size + own > TASK_BYTES):
            yield tuple(batch)
            batch, size = [], 0
        batch.append(file)
        size += own
    if batch:
        yield tuple(batch)


def _follow(ray: Any, tasks: list[Any], progress: Progress) -> None:
    waiting = tasks
    while waiting:
        done, waiting = ray.wait(waiting, timeout=POLL_SECONDS)
        for task in done:
            try:
                ray.get(task)
            except ray.exceptions.RayTaskError as error:
                cause = error.cause if isinstance(error.cause, AdaptError) else None
                if cause is None:
                    raise
                raise cause from error
        progress(ProgressEvent("on the cluster", len(tasks) - len(waiting), len(tasks)))


@functools.cache
def _embedder(name: str) -> TextEmbedder:
    return load_embedder(name)
