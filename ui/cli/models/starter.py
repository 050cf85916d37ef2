"""`adapt starter`: the model that ships with Adapt."""

from pathlib import Path
from typing import Annotated

import typer

from adapt.records import ProgressEvent
from ui.cli.output import Output, table

starter_app = typer.Typer(
    no_args_is_help=True, help="The small model that ships with Adapt: what it can do, measured."
)
EVALUATE = """Measure the starter, or another base beside it, and print the table of its card.

Everything is held out: questions, names, ways of writing dates, tools. Answers are greedy; those over passages are made
twice, free and held to the passages. Without --data, what needs real text (TyDiQA questions, textbooks, bits per
byte) is left out.

Examples:

  adapt starter evaluate --count 50

  adapt starter evaluate --data data/tydiqa_en --data data/text_en_openstax --json

  adapt starter evaluate --model team@2
"""


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.add_typer(starter_app, name="starter")


@starter_app.command(help=EVALUATE)
def evaluate(
    ctx: typer.Context,
    model: Annotated[
        str, typer.Option(help="'starter', a folder, NAME[@version] or a hub id.")
    ] = "starter",
    data: Annotated[
        list[Path] | None,
        typer.Option(
            help="A data folder with SOURCE.txt, as the recipe takes it; may be repeated."
        ),
    ] = None,
    count: Annotated[int, typer.Option(min=2, help="Held-out exercises of each kind.")] = 300,
) -> None:
    """Parse, measure, print."""
    from adapt.registry.bases.find import find_base
    from adapt.starter.recipe.measuring.evaluate import evaluate as measure

    output: Output = ctx.obj
    context = output.open()
    with output.progress() as progress:
        figures = measure(
            find_base(model, context.workspace),
            data or (),
            count=count,
            report=lambda what, done, total: progress(ProgressEvent(what, done, total)),
        )
    shown = table("ability", "value", "95 % interval", "n", "goal")
    for figure in figures:
        goal = "" if figure.goal is None else f"{figure.goal:.2f}"
        shown.add_row(
            figure.name,
            f"{figure.value:.3f}",
            f"{figure.low:.3f} to {figure.high:.3f}",
            str(figure.n),
            goal,
        )
    output.result({"model": model, "figures": [figure.model_dump() for figure in figures]}, shown)
