"""Several domains on a Ray cluster: a task for each, tried again where a worker or its machine is lost; extra `ray`.

All machines must see the workspace and the data under the same paths (a shared folder): a task that is tried again goes on
from the last checkpoint of its run, and each run is published once (`finetune.runs.request.published_by`).
"""

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from adapt.errors import AdaptError, CancelledError
from adapt.jobs.ray_cluster import connected
from adapt.protocols import Progress, no_progress
from adapt.records import ProgressEvent
from adapt.registry.artifacts import Artifact
from adapt.registry.bases.find import find_base
from adapt.registry.registry import Registry
from adapt.workspace.folder import Workspace, write_atomic
from finetune.runs.many import failure_of, ready_all
from finetune.runs.request import (
    RunRecord,
    RunTakenError,
    TrainingRequest,
    begin_run,
    check_unchanged,
    list_runs,
    published_by,
    read_run,
    remove_run,
    run_folder,
)
from finetune.runs.run import resume

RETRIES = 8  # of a task whose worker or machine was lost; what fails by itself is not tried again
POLL_SECONDS = 0.5
CANCEL_SECONDS = 60.0  # for the checkpoints to be written
HEARTBEAT_SECONDS = 1.0
TAKEOVER_SECONDS = 120.0  # for a worker to end whose machine is no longer heard of
EVENT = "event.json"  # the last event of a run, for whoever waits elsewhere


def finetune_on(
    address: str,
    requests: Sequence[TrainingRequest],
    *,
    workspace: Workspace,
    progress: Progress = no_progress,
) -> list[Artifact]:
    """Train each request as a task of a Ray cluster, and publish each as soon as it is done.

    Args:
        address: `ray` for one on this machine, or the address of a cluster (`ray://host:10001`, `host:6379`, `auto`).

    Raises:
        DataError, ModelError, RecipeError: a request cannot be met; nothing was written.
        CancelledError: the user stopped it; the text says how to go on.
        AdaptError: Ray is not installed or not there, or some of the domains failed; the others are published.
    """
    ready = ready_all(requests, workspace=workspace, progress=progress)
    with connected(address) as ray:
        records = [
            begin_run(request, planned.outline.base, workspace)
            for request, planned in zip(requests, ready, strict=True)
        ]
        return _follow(ray, records, workspace, progress)


def resume_on(
    address: str,
    run_ids: Sequence[str],
    *,
    workspace: Workspace,
    progress: Progress = no_progress,
) -> list[Artifact]:
    """Go on with interrupted runs as tasks of a Ray cluster; see `finetune_on`."""
    records = [read_run(run_id, workspace) for run_id in dict.fromkeys(run_ids)]
    for record in records:
        check_unchanged(record, find_base(record.request.base, workspace))
    with connected(address) as ray:
        return _follow(ray, records, workspace, progress)


def _follow(
    ray: Any, records: Sequence[RunRecord], workspace: Workspace, progress: Progress
) -> list[Artifact]:
    """Start the tasks, report their progress, and return what they published."""
    remote = ray.remote(train_run).options(
        max_retries=RETRIES,
        retry_exceptions=False,
        **share_of([node["Resources"] for node in ray.nodes() if node["Alive"]], len(records)),
    )
    tasks = {
        remote.remote(record.model_dump_json(), str(workspace.path)): record for record in records
    }
    published: dict[str, Artifact] = {}
    failed: dict[str, AdaptError] = {}
    last_events: dict[str, str] = {}
    waiting = list(tasks)
    try:
        while waiting:
            done, waiting = ray.wait(waiting, timeout=POLL_SECONDS)
            _tell(records, workspace, last_events, progress)
            for task in done:
                _settle(ray, task, tasks[task], workspace, (published, failed))
    except KeyboardInterrupt:
        for task in waiting:
            ray.cancel(task)
        ray.wait(waiting, num_returns=len(waiting), timeout=CANCEL_SECONDS)
        left = {record.run_id for record in records} & set(list_runs(workspace))
        stopped = {r.request.domain: CancelledError("stopped") for r in records if r.run_id in left}
        raise failure_of(records, published, {**failed, **stopped}) from None
    if failed:
        raise failure_of(records, published, failed)
    return [published[record.request.domain] for record in records]


def _settle(
    ray: Any,
    task: Any,
    record: RunRecord,
    workspace: Workspace,
    results: tuple[dict[str, Artifact], dict[str, AdaptError]],
) -> None:
    """Note what became of a task."""
    published, failed = results
    domain = record.request.domain
    try:
        reference, error = ray.get(task)
    except ray.exceptions.RayError as lost:
        first = str(lost).strip().splitlines()[0]
        again = f"adapt finetune --resume {record.run_id}"
        failed[domain] = AdaptError(
            f"its workers were lost or failed ({first}); go on with: {again}"
        )
        return
    if error:
        failed[domain] = AdaptError(error)
    else:
        published[domain] = Registry(workspace).get(reference)


def train_run(record_json: str, workspace: str) -> tuple[str, str]:
    """Train a run, or the rest of it, in a worker of the cluster; return what was published, or why nothing could be."""
    record = RunRecord.model_validate_json(record_json)
    opened = Workspace(Path(workspace))
    try:
        artifact = _train_once(record, opened)
    except AdaptError as error:
        return "", str(error)
    return artifact.reference, ""


def _train_once(record: RunRecord, workspace: Workspace) -> Artifact:
    """Train what is left of a run, once a worker that had it before is gone; what that one has published stays the one."""
    folder = run_folder(record.run_id, workspace)
    last = 0.0

    def note(event: ProgressEvent) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= HEARTBEAT_SECONDS and folder.is_dir():
            last = now
            fields = [event.stage, event.done, event.total, event.detail]
            write_atomic(folder / EVENT, json.dumps(fields))

    until = time.monotonic() + TAKEOVER_SECONDS
    while True:
        if before := published_by(record, workspace):
            remove_run(record.run_id, workspace)  # its worker may have been lost before it could
            return before
        try:
            return resume(record.run_id, workspace=workspace, progress=note)
        except RunTakenError:
            if time.monotonic() > until:
                raise
            time.sleep(POLL_SECONDS)


def _tell(
    records: Sequence[RunRecord],
    workspace: Workspace,
    last_events: dict[str, str],
    progress: Progress,
) -> None:
    """Pass on what is new of each run."""
    for record in records:
        path = run_folder(record.run_id, workspace) / EVENT
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            continue
        if last_events.get(record.run_id) != text:
            last_events[record.run_id] = text
            stage, done, total, detail = json.loads(text)
            progress(ProgressEvent(f"{record.request.domain} · {stage}", done, total, detail))


def share_of(nodes: Sequence[Mapping[str, float]], domains: int) -> dict[str, float]:
    """Return what each task asks for: an accelerator where there is one, else its part of the processors.

    Never more processors than the smallest machine has: a task that fits none of those that are left would wait for good.
    """
    if any(node.get("GPU", 0) >= 1 for node in nodes):
        return {"num_cpus": 1, "num_gpus": 1}
    processors = [int(node["CPU"]) for node in nodes if node.get("CPU", 0) >= 1]
    return {"num_cpus": max(min([sum(processors) // domains, *processors]), 1)}
