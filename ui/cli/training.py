"""`adapt finetune` and `adapt data check`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ui.cli.output import Output

if TYPE_CHECKING:
    from finetune.plan import SftSettings

    from ui.context import Context

FINETUNE = """Train a LoRA adapter for a domain, and measure on held-out rows whether it helped.

FILE holds rows of messages, or of prompt and completion (JSONL and more). Examples:

  adapt finetune support support.jsonl

  adapt finetune support support.jsonl --test heldout.jsonl --base ./my-model --epochs 2

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
    epochs: Annotated[float | None, typer.Option(min=0.01, help="Passes over the rows.")] = None,
    max_minutes: Annotated[float | None, typer.Option(min=0.05, help="Stop training then.")] = None,
    rank: Annotated[int | None, typer.Option(min=1, help="Rank of the adapter.")] = None,
    learning_rate: Annotated[float | None, typer.Option(min=1e-7, help="Peak rate.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Same seed, same adapter.")] = None,
    dry_run: Annotated[bool, typer.Option(help="Show the plan, train nothing.")] = False,
    resume: Annotated[str | None, typer.Option(help="Go on with an interrupted run.")] = None,
) -> None:
    """Parse, plan or train, print."""
    from ui.actions import finetune as run
    from ui.actions import plan_finetune
    from ui.actions import resume as go_on

    output: Output = ctx.obj
    context = output.open()
    if resume is not None:
        with output.progress() as progress:
            artifact = go_on(context, resume, progress=progress)
        output.artifact(
            artifact, _summary(artifact.reference, artifact.path, artifact.card.summary)
        )
        return
    if not domain or not files:
        raise typer.BadParameter("name a domain and at least one file, or --resume RUN")
    settings = _settings(
        context, epochs=epochs, max_minutes=max_minutes, rank=rank, rate=learning_rate, seed=seed
    )
    if dry_run:
        plan = plan_finetune(context, domain, files, base=base, test=test, settings=settings)
        output.result(plan.as_json(), "\n".join(plan.lines()))
        return
    with output.progress() as progress:
        artifact = run(
            context, domain, files, base=base, test=test, settings=settings, progress=progress
        )
    output.artifact(artifact, _summary(artifact.reference, artifact.path, artifact.card.summary))


def _settings(
    context: "Context",
    *,
    epochs: float | None,
    max_minutes: float | None,
    rank: int | None,
    rate: float | None,
    seed: int | None,
) -> "SftSettings":
    """Return the settings of `adapt.toml` with what flags override."""
    from finetune.plan import SftSettings

    given = {
        "epochs": epochs,
        "max_minutes": max_minutes,
        "rank": rank,
        "learning_rate": rate,
        "seed": seed,
    }
    chosen = {key: value for key, value in given.items() if value is not None}
    settings = context.workspace.settings("finetune", SftSettings)
    return SftSettings(**{**settings.model_dump(exclude_unset=True), **chosen})


def _summary(reference: str, path: Path, summary: str) -> str:
    return f"{reference}: {summary}\n{path}"


@data_app.command("check")
def check(
    ctx: typer.Context,
    files: Annotated[list[Path], typer.Argument(help="Dataset files.")],
    base: Annotated[str, typer.Option(help="Whose tokens and context length count.")] = "starter",
) -> None:
    """Say what a dataset holds and what is wrong with it.

    Example: adapt data check support.jsonl
    """
    from ui.actions import check_data

    output: Output = ctx.obj
    report = check_data(output.open(), files, base=base)
    output.result(report.as_json(), "\n".join(report.lines()))
