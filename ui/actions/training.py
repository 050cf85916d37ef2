"""What a person can do about training, the same from the command line, the app and a worker."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import JsonValue

from adapt.protocols import Progress, no_progress
from adapt.registry.artifacts import Artifact

if TYPE_CHECKING:
    from adapt.jobs.jobs import Job
    from finetune.data.datasets import Layout
    from finetune.plan import Plan
    from finetune.planning.data_report import DataReport
    from finetune.planning.probe import Estimate
    from finetune.runs.request import TrainingRequest
    from ui.context import Context


def finetune(
    ctx: "Context", request: "TrainingRequest", *, progress: Progress = no_progress
) -> Artifact:
    """Train an adapter for a domain, measure it against its base, and publish it."""
    from finetune.runs.run import finetune as run

    return run(request, workspace=ctx.workspace, progress=progress)


def finetune_all(
    ctx: "Context",
    requests: "Sequence[TrainingRequest]",
    *,
    on: str | None = None,
    progress: Progress = no_progress,
) -> list[Artifact]:
    """Train several domains and publish each: in one process on one resident base, or `on` a Ray cluster."""
    from finetune.runs.many import finetune_all as run
    from finetune.runs.ray import finetune_on

    if on is not None:
        return finetune_on(on, requests, workspace=ctx.workspace, progress=progress)
    return run(requests, workspace=ctx.workspace, progress=progress)


def plan_all(ctx: "Context", requests: "Sequence[TrainingRequest]") -> "dict[str, Plan]":
    """Return what a training of several domains would do, by domain."""
    from finetune.runs.many import ready_all

    ready = ready_all(requests, workspace=ctx.workspace)
    return {request.domain: planned.plan for request, planned in zip(requests, ready, strict=True)}


def start_finetune_all(ctx: "Context", requests: "Sequence[TrainingRequest]") -> "Job":
    """Start the training of several domains in the background, once their data and plans have been found good."""
    from finetune.runs.many import ready_all

    ready_all(requests, workspace=ctx.workspace)
    absolute: list[JsonValue] = [
        request.absolute(ctx.workspace).model_dump(mode="json") for request in requests
    ]
    title = f"train {', '.join(request.domain for request in requests)} on {requests[0].base}"
    return ctx.start_job("finetune", title=title, settings={"requests": absolute})


def start_finetune(ctx: "Context", request: "TrainingRequest") -> "Job":
    """Start a training in the background, once its data and plan have been found good."""
    from finetune.runs.prepare import make_ready

    make_ready(request, workspace=ctx.workspace)
    title = f"train {request.domain} on {request.base}"
    absolute = request.absolute(ctx.workspace)
    return ctx.start_job(
        "finetune", title=title, settings={"request": absolute.model_dump(mode="json")}
    )


def start_resume(ctx: "Context", run_id: str) -> "Job":
    """Go on with an interrupted training in the background."""
    from finetune.runs.request import read_run

    domain = read_run(run_id, ctx.workspace).request.domain
    return ctx.start_job("finetune", title=f"train {domain}, the rest", settings={"run": run_id})


def try_finetune(ctx: "Context", request: "TrainingRequest") -> tuple["Plan", "Estimate"]:
    """Return what a training would do and what it would take, from a few steps that are discarded."""
    from finetune.planning.probe import probe
    from finetune.runs.prepare import make_ready

    ready = make_ready(request, workspace=ctx.workspace)
    return ready.plan, probe(ready.outline.base, ready.prepared, ready.settings)


def resume(ctx: "Context", run_id: str, *, progress: Progress = no_progress) -> Artifact:
    """Go on with an interrupted training where its last checkpoint stands."""
    from finetune.runs.run import resume as go_on

    return go_on(run_id, workspace=ctx.workspace, progress=progress)


def resume_all(
    ctx: "Context",
    run_ids: Sequence[str],
    *,
    on: str | None = None,
    progress: Progress = no_progress,
) -> list[Artifact]:
    """Go on with several interrupted trainings, together or `on` a Ray cluster."""
    from finetune.runs.many import resume_all as go_on
    from finetune.runs.ray import resume_on

    if on is not None:
        return resume_on(on, run_ids, workspace=ctx.workspace, progress=progress)
    return go_on(run_ids, workspace=ctx.workspace, progress=progress)


def start_resume_all(ctx: "Context", run_ids: Sequence[str]) -> "Job":
    """Go on with several interrupted trainings together, in the background."""
    from finetune.runs.request import read_run

    domains = [read_run(run_id, ctx.workspace).request.domain for run_id in run_ids]
    title = f"train {', '.join(domains)}, the rest"
    return ctx.start_job("finetune", title=title, settings={"runs": [*run_ids]})


def check_data(
    ctx: "Context",
    files: Sequence[Path],
    *,
    base: str = "starter",
    test: Path | None = None,
    skip_bad: Path | None = None,
    layout: "Layout | None" = None,
) -> "DataReport":
    """Return what a dataset holds and what is wrong with it, as the base would read it."""
    from finetune.data.datasets import AS_IT_IS
    from finetune.runs.prepare import check_files

    layout = layout or AS_IT_IS
    return check_files(
        tuple(files),
        workspace=ctx.workspace,
        base=base,
        test=test,
        skip_bad=skip_bad,
        layout=layout,
    )
