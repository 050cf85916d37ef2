"""What `adapt finetune` does once its flags are read: plan, train here or in the background, go on; and the report."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ui.actions import training as actions
from ui.cli.output import Output

if TYPE_CHECKING:
    from adapt.registry.artifacts import Artifact
    from finetune.runs.request import TrainingRequest
    from ui.context import Context


def train(
    output: Output, ctx: "Context", request: "TrainingRequest", *, dry_run: bool, background: bool
) -> None:
    """Plan or train one domain."""
    from finetune.train.processes import is_first, refuse_several

    if dry_run or background:
        refuse_several("plan or train in the background")
    if dry_run:
        plan, estimate = actions.try_finetune(ctx, request)
        lines = [*plan.lines(), estimate.line]
        output.result({**plan.as_json(), "estimate": estimate.as_json()}, "\n".join(lines))
        return
    if background:
        output.job(actions.start_finetune(ctx, request))
        return
    with output.progress() as progress:
        artifact = actions.finetune(ctx, request, progress=progress)
    if is_first():
        output.artifact(artifact, summary(artifact))


def train_all(
    output: Output,
    ctx: "Context",
    requests: "Sequence[TrainingRequest]",
    *,
    dry_run: bool,
    background: bool,
    on: str | None,
) -> None:
    """Plan or train several domains, together or `on` a cluster."""
    from finetune.train.processes import refuse_several

    refuse_several("train domains together")
    if dry_run:
        plans = actions.plan_all(ctx, requests)
        text = "\n\n".join("\n".join([f"{name}:", *plan.lines()]) for name, plan in plans.items())
        output.result({"domains": {name: plan.as_json() for name, plan in plans.items()}}, text)
        return
    if background:
        output.job(actions.start_finetune_all(ctx, requests))
        return
    with output.progress() as progress:
        artifacts = actions.finetune_all(ctx, requests, on=on, progress=progress)
    output.artifacts(artifacts, "\n".join(map(summary, artifacts)))


def go_on(
    output: Output, ctx: "Context", run_ids: Sequence[str], *, background: bool, on: str | None
) -> None:
    """Train the rest of an interrupted run, or of several: together, or `on` a cluster."""
    from finetune.train.processes import is_first, refuse_several

    several = len(run_ids) > 1 or on is not None
    if several or background:
        refuse_several("train domains together, or in the background,")
    if background:
        output.job(
            actions.start_resume_all(ctx, run_ids)
            if several
            else actions.start_resume(ctx, run_ids[0])
        )
        return
    with output.progress() as progress:
        if several:
            artifacts = actions.resume_all(ctx, run_ids, on=on, progress=progress)
        else:
            artifacts = [actions.resume(ctx, run_ids[0], progress=progress)]
    text = "\n".join(map(summary, artifacts))
    if several:
        output.artifacts(artifacts, text)
    elif is_first():
        output.artifact(artifacts[0], text)


def summary(artifact: "Artifact") -> str:
    """Return what a person reads of a new artifact."""
    return f"{artifact.reference}: {artifact.card.summary}\n{artifact.path}"
