"""`adapt jobs`: long work in the background."""

from dataclasses import asdict
from typing import Annotated

import typer

from ui.cli.options import UserOption, acting_user
from ui.cli.output import Output, table

jobs_app = typer.Typer(no_args_is_help=True, help="Long work in the background.")
JobId = Annotated[str, typer.Argument(help="The job's id.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.add_typer(jobs_app, name="jobs")


@jobs_app.command("list")
def list_jobs(ctx: typer.Context, user: UserOption = "") -> None:
    """Show all jobs, newest first, but those that read another user's documents."""
    from ui.actions.documents import visible_jobs

    output: Output = ctx.obj
    context = output.open(create=False)
    known = visible_jobs(context, acting_user(context, user))
    shown = table("", "job", "status", "what", "started", "error")
    for job in known:
        shown.add_row(job.job_id, job.status, job.title, job.created_at[:19], job.error)
    output.result({"jobs": [asdict(job) for job in known]}, shown if known else "none yet")


@jobs_app.command()
def watch(ctx: typer.Context, job: JobId) -> None:
    """Follow a job until it ends; Ctrl-C stops the watching, not the job."""
    output: Output = ctx.obj
    jobs = output.open(create=False).jobs
    with output.progress() as progress:
        for event in jobs.watch(job):
            progress(event)
    ended = jobs.get(job)
    output.result(asdict(ended), f"{ended.title}: {ended.status} {ended.error}".strip())


@jobs_app.command()
def cancel(ctx: typer.Context, job: JobId) -> None:
    """Stop a job as Ctrl-C would; a training leaves a checkpoint to resume from."""
    output: Output = ctx.obj
    ended = output.open(create=False).jobs.cancel(job)
    output.result(asdict(ended), f"{ended.title}: {ended.status}")
