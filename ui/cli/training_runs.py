"""What `adapt finetune` does once its flags are read: plan, train here or in the background, go on; and how it is told."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ui import training_actions as actions
from ui.cli.output import Output

if TYPE_CHECKING:
    from adapt.artifacts import Artifact
    from finetune.runs import TrainingRequest
    from ui.context import Context


def train(
    output: Output, ctx: "Context", request: "TrainingRequest", *, dry_run: bool, background: bool
) -> None:
    """Plan or train one domain."""
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
    output.artifact(artifact, summary(artifact))


def train_all(
    output: Output,
    ctx: "Context",
    requests: "Sequence[TrainingRequest]",
    *,
    dry_run: bool,
    background: bool,
) -> None:
    """Plan or train several domains together."""
    if dry_run:
        plans = actions.plan_all(ctx, requests)
        text = "\n\n".join("\n".join([f"{name}:", *plan.lines()]) for name, plan in plans.items())
        output.result({"domains": {name: plan.as_json() for name, plan in plans.items()}}, text)
        return
    if background:
        output.job(actions.start_finetune_all(ctx, requests))
        return
    with output.progress() as progress:
        made = actions.finetune_all(ctx, requests, progress=progress)
    output.artifacts(made, "\n".join(map(summary, made)))


def go_on(output: Output, ctx: "Context", run_ids: Sequence[str], *, background: bool) -> None:
    """Train the rest of an interrupted run, or of several together."""
    if len(run_ids) > 1:
        _go_on_together(output, ctx, run_ids, background=background)
        return
    if background:
        output.job(actions.start_resume(ctx, run_ids[0]))
        return
    with output.progress() as progress:
        artifact = actions.resume(ctx, run_ids[0], progress=progress)
    output.artifact(artifact, summary(artifact))


def _go_on_together(
    output: Output, ctx: "Context", run_ids: Sequence[str], *, background: bool
) -> None:
    if background:
        output.job(actions.start_resume_all(ctx, run_ids))
        return
    with output.progress() as progress:
        made = actions.resume_all(ctx, run_ids, progress=progress)
    output.artifacts(made, "\n".join(map(summary, made)))


def summary(artifact: "Artifact") -> str:
    """Return what a person reads of a new artifact."""
    return f"{artifact.reference}: {artifact.card.summary}\n{artifact.path}"
