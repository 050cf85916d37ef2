"""The process behind a job: `python -m ui.server.worker WORKSPACE JOB`; it does the work and writes its events."""

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from adapt.errors import AdaptError, CancelledError
from adapt.protocols import Progress
from adapt.records import ProgressEvent
from ui.environment import allow_four_bit, prepare

prepare()
allow_four_bit()

from pydantic import JsonValue, TypeAdapter  # noqa: E402  the environment comes first

from finetune.runs.request import TrainingRequest  # noqa: E402
from ui.actions import (  # noqa: E402
    bases as base_actions,
    documents as document_actions,
    training as training_actions,
)
from ui.context import Context  # noqa: E402
from ui.demo.run import run_demo  # noqa: E402

WORKER_NICENESS = 10  # whoever chats meanwhile comes first
Work = Callable[[Context, Mapping[str, JsonValue], Progress], JsonValue]


def _finetune(ctx: Context, settings: Mapping[str, JsonValue], progress: Progress) -> JsonValue:
    """Train what a `request` asks for, or several `requests`, or the rest of a `run`, or of several `runs`."""
    if "requests" in settings or "runs" in settings:
        return _finetune_all(ctx, settings, progress)
    if "run" in settings:
        artifact = training_actions.resume(ctx, str(settings["run"]), progress=progress)
    else:
        request = TrainingRequest.model_validate(settings["request"])
        artifact = training_actions.finetune(ctx, request, progress=progress)
    return {"artifact": artifact.reference, "path": str(artifact.path)}


def _finetune_all(ctx: Context, settings: Mapping[str, JsonValue], progress: Progress) -> JsonValue:
    if "runs" in settings:
        run_ids = TypeAdapter(list[str]).validate_python(settings["runs"])
        artifacts = training_actions.resume_all(ctx, run_ids, progress=progress)
    else:
        requests = TypeAdapter(list[TrainingRequest]).validate_python(settings["requests"])
        artifacts = training_actions.finetune_all(ctx, requests, progress=progress)
    return {
        "artifacts": [
            {"artifact": artifact.reference, "path": str(artifact.path)} for artifact in artifacts
        ]
    }


def _demo(ctx: Context, settings: Mapping[str, JsonValue], progress: Progress) -> JsonValue:
    minutes = float(str(settings.get("minutes", 2.0)))
    return dict(run_demo(ctx, minutes=minutes, progress=progress).as_json())


def _ingest(ctx: Context, settings: Mapping[str, JsonValue], progress: Progress) -> JsonValue:
    """Read documents for a user; what others may see of a job names none of them."""
    request = document_actions.IngestRequest.model_validate(settings)

    def unnamed(event: ProgressEvent) -> None:
        rate = event.values.get("chunks_per_second")
        progress(replace(event, detail=f"{rate:,.0f} chunks/s" if rate else ""))

    report = document_actions.ingest(ctx, request, progress=unnamed)
    counts = ("added", "changed", "unchanged", "removed", "failed", "parked")
    return {name: len(getattr(report, name)) for name in counts}


def _fetch(ctx: Context, settings: Mapping[str, JsonValue], progress: Progress) -> JsonValue:
    return base_actions.fetched_json(
        base_actions.fetch(ctx, str(settings["name"]), progress=progress)
    )


WORK: dict[str, Work] = {
    "finetune": _finetune, "demo": _demo, "ingest": _ingest, "fetch": _fetch,
}  # fmt: skip


def stand_back() -> None:
    """Give way to whoever chats meanwhile.

    Linux shares the processor between sessions first and between processes second, and a worker has a session of its own:
    so its session is made nice too, where the kernel groups them.
    """
    os.nice(WORKER_NICENESS)
    group = Path("/proc/self/autogroup")
    try:
        group.write_text(str(WORKER_NICENESS))
    except OSError as error:
        sys.stderr.write(f"the session keeps its priority ({group}: {error.strerror})\n")


def main() -> int:
    """Do one job and return the exit code."""
    workspace, job_id = sys.argv[1:]
    stand_back()
    ctx = Context(Path(workspace))
    job = ctx.jobs.begin(job_id)
    if not isinstance(job.settings, dict):
        raise TypeError("a job's settings are an object")

    def emit(event: ProgressEvent) -> None:
        ctx.jobs.emit(job_id, event)

    try:
        result = WORK[job.kind](ctx, job.settings, emit)
    except (KeyboardInterrupt, CancelledError) as stop:
        ctx.jobs.finish(job_id, "cancelled", error=str(stop))
        return 130
    except AdaptError as error:
        ctx.jobs.finish(job_id, "failed", error=str(error))
        return 2
    except Exception as error:
        ctx.jobs.finish(job_id, "failed", error=f"a bug: {error!r}; see its log")
        raise
    ctx.jobs.finish(job_id, "done", result=result)
    return 0


if __name__ == "__main__":
    sys.exit(main())
