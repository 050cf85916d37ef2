"""`adapt finetune` and `adapt data check`."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import ValidationError

from adapt.errors import AdaptError
from adapt.workspace.settings import explain
from ui.cli.output import Output
from ui.cli.training.runs import go_on, train, train_all
from ui.environment import allow_four_bit

if TYPE_CHECKING:
    from finetune.settings import SftSettings

FINETUNE = """Train a LoRA adapter for a domain, and measure on held-out rows whether it helped.

FILE holds rows of messages, or of prompt and completion, and so on (JSONL, CSV, Parquet and more); a folder of such files or
the id of a dataset on the Hugging Face hub does too. Preference pairs (prompt, chosen, rejected) train by DPO, rated answers
(prompt, completion, label) by KTO; `adapt feedback export` writes both. Examples:

  adapt finetune support support.jsonl

  adapt finetune support support.jsonl --test heldout.jsonl --base ./my-model --epochs 2

  adapt finetune support support.jsonl --keep dates.jsonl     (to be merged with the adapter "dates")

  adapt finetune sql questions.csv --columns prompt=question,completion=sql

  adapt finetune support support.jsonl --dry-run

  adapt finetune support support.jsonl --background           (then: adapt jobs watch JOB)

  adapt finetune support newer.jsonl --continue support@1     (a new version, from the weights of that one)

  adapt finetune --resume RUN                                 (the rest of an interrupted run)

  adapt finetune --all domains.yaml                           (several adapters in one process, on one base)

  adapt finetune --all domains.yaml --on ray                  (a task for each on a Ray cluster; extra "ray")

domains.yaml: "domains: {support: support.jsonl, dates: {data: dates.jsonl, test: heldout.jsonl, rank: 8}}"; base, epochs and
other settings beside "domains" apply to all. Each adapter equals the one trained alone.
"""
FormatOption = Annotated[
    str | None, typer.Option(help="The rows' format, where their fields do not show it.")
]
ColumnsOption = Annotated[
    str | None, typer.Option(help="Which column is which: prompt=question,completion=sql")
]
StrictOption = Annotated[
    bool, typer.Option("--strict", help="A field of a row that is not read is an error.")
]
data_app = typer.Typer(no_args_is_help=True, help="Look at a dataset before training on it.")


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("finetune", help=FINETUNE)(finetune)
    app.add_typer(data_app, name="data")


def finetune(
    ctx: typer.Context,
    domain: Annotated[str | None, typer.Argument(help="The adapter's name.")] = None,
    files: Annotated[list[Path] | None, typer.Argument(help="Training rows.")] = None,
    all_domains: Annotated[
        Path | None,
        typer.Option("--all", help="Train the domains that this YAML file lists, together."),
    ] = None,
    base: Annotated[
        str | None, typer.Option(help="A folder, a hub id, NAME[@v], or 'starter' (the default).")
    ] = None,
    test: Annotated[
        Path | None, typer.Option(help="Held-out rows; without them a share is split off.")
    ] = None,
    keep: Annotated[
        list[Path] | None,
        typer.Option(help="Rows on which the model stays as it is, e.g. another domain's."),
    ] = None,
    epochs: Annotated[float | None, typer.Option(min=0.01, help="Passes over the rows.")] = None,
    max_minutes: Annotated[
        float | None, typer.Option(min=0.05, help="Stop training after this many minutes.")
    ] = None,
    rank: Annotated[int | None, typer.Option(min=1, help="Rank of the adapter.")] = None,
    learning_rate: Annotated[float | None, typer.Option(min=1e-7, help="Peak rate.")] = None,
    beta: Annotated[
        float | None, typer.Option(help="Of DPO and KTO: how much moving away from the base costs.")
    ] = None,
    variant: Annotated[str | None, typer.Option(help="lora, rslora, dora or qlora.")] = None,
    schedule: Annotated[str | None, typer.Option(help="cosine, linear or constant.")] = None,
    packing: Annotated[
        bool | None,
        typer.Option(
            help="Lay the rows of a pass one after another, or pad them; by default what fits."
        ),
    ] = None,
    patience: Annotated[
        int | None,
        typer.Option(
            min=1, help="Stop after this many evaluations without a lower loss; keep the best."
        ),
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Same seed, same adapter.")] = None,
    metric: Annotated[
        str | None,
        typer.Option(
            help="Of the held-out score: exact, f1, rouge, json, valid-json or sql; by default what fits."
        ),
    ] = None,
    skip_bad: Annotated[
        Path | None, typer.Option(help="Set bad rows aside in this file; else they are errors.")
    ] = None,
    background: Annotated[
        bool, typer.Option(help="Train in a process of its own; see adapt jobs.")
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            help="Show the plan, and what it takes from a few steps tried out; keep nothing."
        ),
    ] = False,
    resume: Annotated[
        list[str] | None, typer.Option(help="Go on with an interrupted run, or several together.")
    ] = None,
    on: Annotated[
        str | None,
        typer.Option(help="With --all: 'ray' for a Ray cluster on this machine, or one's address."),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option("--continue", help="Begin with the weights of this adapter, as support@1."),
    ] = None,
    format: FormatOption = None,  # noqa: A002  the flag's name
    columns: ColumnsOption = None,
    strict: StrictOption = False,
) -> None:
    """Parse, plan or train, print."""
    allow_four_bit()
    from finetune.runs.domains_file import read_domains
    from finetune.runs.request import TrainingRequest
    from finetune.settings import SftSettings

    output: Output = ctx.obj
    context = output.open()
    if on and (background or not (all_domains or resume)):
        raise typer.BadParameter("--on goes with --all or --resume, and not with --background")
    if resume:
        go_on(output, context, resume, background=background, on=on)
        return
    settings = context.workspace.settings("finetune", SftSettings)
    given = {
        "epochs": epochs,
        "max_minutes": max_minutes,
        "rank": rank,
        "learning_rate": learning_rate,
        "variant": variant,
        "beta": beta,
        "schedule": schedule,
        "packing": packing,
        "patience": patience,
        "seed": seed,
        "metric": metric,
    }
    flags = {key: value for key, value in given.items() if value is not None}
    if all_domains is not None:
        single = {"DOMAIN": domain, "--test": test, "--keep": keep, "--continue": start,
                  "--format": format, "--columns": columns, "--skip-bad": skip_bad, "--strict": strict}  # fmt: skip
        if extra := [name for name, value in single.items() if value]:
            raise typer.BadParameter(f"with --all, {extra[0]} is set in the file, for each domain")
        requests = read_domains(all_domains, settings=settings, base=base, flags=flags)
        train_all(output, context, requests, dry_run=dry_run, background=background, on=on)
        return
    if not domain or not files:
        raise typer.BadParameter(
            "name a domain and at least one file, or --all FILE, or --resume RUN"
        )
    request = TrainingRequest(
        domain=domain,
        files=tuple(files),
        test=test,
        keep=tuple(keep or ()),
        base=base or "starter",
        settings=override(settings, given),
        skip_bad=skip_bad,
        format=format,
        columns=read_columns(columns),
        strict=strict,
        start=start,
    )
    train(output, context, request, dry_run=dry_run, background=background)


def override(settings: "SftSettings", given: Mapping[str, object]) -> "SftSettings":
    """Return the settings of `adapt.toml` with what flags say instead.

    Raises:
        AdaptError: a value is out of its range.
    """
    chosen = {key: value for key, value in given.items() if value is not None}
    try:
        return type(settings).model_validate({**settings.model_dump(), **chosen})
    except ValidationError as error:
        raise AdaptError(explain(error, type(settings))) from error


def read_columns(given: str | None) -> dict[str, str]:
    """Return what `--columns` says: from the key of a format to the column that stands for it.

    Raises:
        AdaptError: it has another form.
    """
    pairs = [part.partition("=") for part in (given or "").split(",") if part.strip()]
    if any(not mark or not key.strip() or not column.strip() for key, mark, column in pairs):
        raise AdaptError(f"--columns {given!r}: write it as prompt=question,completion=sql")
    return {key.strip(): column.strip() for key, _, column in pairs}


@data_app.command("check")
def check(
    ctx: typer.Context,
    files: Annotated[list[Path], typer.Argument(help="Files, folders, or ids of the hub.")],
    base: Annotated[str, typer.Option(help="Whose tokens and context length count.")] = "starter",
    test: Annotated[Path | None, typer.Option(help="Test rows to look for in the files.")] = None,
    skip_bad: Annotated[
        Path | None, typer.Option(help="Set bad rows aside in this file; else they are errors.")
    ] = None,
    format: FormatOption = None,  # noqa: A002  the flag's name
    columns: ColumnsOption = None,
    strict: StrictOption = False,
) -> None:
    """Say what a dataset holds and what is wrong with it.

    For example: adapt data check support.jsonl

    Or: adapt data check questions.csv --columns prompt=question,completion=sql --test heldout.csv
    """
    from finetune.data.datasets import Layout
    from ui.actions.training import check_data

    output: Output = ctx.obj
    layout = Layout(format, read_columns(columns), strict=strict)
    report = check_data(
        output.open(), files, base=base, test=test, skip_bad=skip_bad, layout=layout
    )
    output.result(report.as_json(), "\n".join(report.lines()))
