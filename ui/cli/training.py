"""`adapt finetune` and `adapt data check`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import ValidationError

from adapt.config import explain
from adapt.errors import AdaptError
from ui.cli.output import Output

if TYPE_CHECKING:
    from adapt.artifacts import Artifact
    from finetune.settings import SftSettings

FINETUNE = """Train a LoRA adapter for a domain, and measure on held-out rows whether it helped.

FILE holds rows of messages, or of prompt and completion (JSONL and more). Examples:

  adapt finetune support support.jsonl

  adapt finetune support support.jsonl --test heldout.jsonl --base ./my-model --epochs 2

  adapt finetune support support.jsonl --keep dates.jsonl     (to be merged with the adapter "dates")

  adapt finetune support support.jsonl --dry-run

  adapt finetune --resume RUN
"""
data_app = typer.Typer(no_args_is_help=True, help="Look at a dataset before training on it.")


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("finetune", help=FINETUNE)(finetune)
    app.add_typer(data_app, name="data")


def finetune(
    ctx: typer.Context,
    domain: Annotated[str | None, typer.Argument(help="The adapter's name.")] = None,
    files: Annotated[list[Path] | None, typer.Argument(help="Training rows.")] = None,
    base: Annotated[
        str, typer.Option(help="A folder, a hub id, NAME[@v], or 'starter'.")
    ] = "starter",
    test: Annotated[
        Path | None, typer.Option(help="Held-out rows; else a share is split off.")
    ] = None,
    keep: Annotated[
        list[Path] | None,
        typer.Option(help="Rows on which the model stays as it is, e.g. another domain's."),
    ] = None,
    epochs: Annotated[float | None, typer.Option(min=0.01, help="Passes over the rows.")] = None,
    max_minutes: Annotated[float | None, typer.Option(min=0.05, help="Stop training then.")] = None,
    rank: Annotated[int | None, typer.Option(min=1, help="Rank of the adapter.")] = None,
    learning_rate: Annotated[float | None, typer.Option(min=1e-7, help="Peak rate.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Same seed, same adapter.")] = None,
    metric: Annotated[str | None, typer.Option(help="exact or f1, for the held-out score.")] = None,
    skip_bad: Annotated[
        Path | None, typer.Option(help="Set bad rows aside in this file; else they are errors.")
    ] = None,
    dry_run: Annotated[bool, typer.Option(help="Show the plan, train nothing.")] = False,
    resume: Annotated[str | None, typer.Option(help="Go on with an interrupted run.")] = None,
) -> None:
    """Parse, plan or train, print."""
    from finetune.runs import TrainingRequest
    from finetune.settings import SftSettings
    from ui.actions import finetune as run
    from ui.actions import plan_finetune
    from ui.actions import resume as go_on

    output: Output = ctx.obj
    context = output.open()
    if resume is not None:
        with output.progress() as progress:
            artifact = go_on(context, resume, progress=progress)
        output.artifact(artifact, summary(artifact))
        return
    if not domain or not files:
        raise typer.BadParameter("name a domain and at least one file, or --resume RUN")
    settings = context.workspace.settings("finetune", SftSettings)
    given = {
        "epochs": epochs,
        "max_minutes": max_minutes,
        "rank": rank,
        "learning_rate": learning_rate,
        "seed": seed,
        "metric": metric,
    }
    request = TrainingRequest(
        domain=domain,
        files=tuple(files),
        test=test,
        keep=tuple(keep or ()),
        base=base,
        settings=override(settings, given),
        skip_bad=skip_bad,
    )
    if dry_run:
        plan = plan_finetune(context, request)
        output.result(plan.as_json(), "\n".join(plan.lines()))
        return
    with output.progress() as progress:
        artifact = run(context, request, progress=progress)
    output.artifact(artifact, summary(artifact))


def override(settings: "SftSettings", given: dict[str, object]) -> "SftSettings":
    """Return the settings of `adapt.toml` with what flags say instead.

    Raises:
        AdaptError: a value is out of its range.
    """
    chosen = {key: value for key, value in given.items() if value is not None}
    try:
        return type(settings).model_validate({**settings.model_dump(), **chosen})
    except ValidationError as error:
        raise AdaptError(explain(error, type(settings))) from error


def summary(artifact: "Artifact") -> str:
    """Return what a person reads of a new artifact."""
    return f"{artifact.reference}: {artifact.card.summary}\n{artifact.path}"


@data_app.command("check")
def check(
    ctx: typer.Context,
    files: Annotated[list[Path], typer.Argument(help="Dataset files.")],
    base: Annotated[str, typer.Option(help="Whose tokens and context length count.")] = "starter",
    test: Annotated[Path | None, typer.Option(help="Test rows to look for in the files.")] = None,
) -> None:
    """Say what a dataset holds and what is wrong with it.

    Example: adapt data check support.jsonl
    """
    from ui.actions import check_data

    output: Output = ctx.obj
    report = check_data(output.open(), files, base=base, test=test)
    output.result(report.as_json(), "\n".join(report.lines()))
