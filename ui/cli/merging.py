"""`adapt merge`."""

from dataclasses import asdict
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ui.cli.groups import DefaultGroup
from ui.cli.output import Output, table

if TYPE_CHECKING:
    from merge.recipe import Recipe

HELP = """Merge adapters of one base into one deployable model. Examples:

  adapt merge team --adapter support --adapter dates --method ties

  adapt merge team --adapter support@2 --adapter dates --method task_arithmetic --weight 1.0 --weight 0.8

  adapt merge run recipe.yaml

  adapt merge check recipe.yaml
"""
merge_app = typer.Typer(cls=DefaultGroup, help=HELP, no_args_is_help=True)


class Form(Enum):
    """What a merge writes."""

    MODEL: Literal["model"] = "model"
    ADAPTER: Literal["adapter"] = "adapter"


FormOption = Annotated[
    Form, typer.Option("--as", help="A full model, or one adapter (weighted sums only).")
]
TestOption = Annotated[
    list[str] | None,
    typer.Option("--test", help="TASK=FILE of held-out rows to measure the result on."),
]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.add_typer(merge_app, name="merge")


@merge_app.command("default", hidden=True, help=HELP)
def by_flags(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="The merged model's name.")],
    adapter: Annotated[list[str], typer.Option(help="NAME[@v] or a folder; repeat it.")],
    method: Annotated[str, typer.Option(help="task_arithmetic, ties, …")] = "task_arithmetic",
    weight: Annotated[list[float] | None, typer.Option(help="One, or one per adapter.")] = None,
    density: Annotated[
        list[float] | None, typer.Option(help="Share of entries that TIES keeps, in (0, 1].")
    ] = None,
    normalize: Annotated[
        bool | None,
        typer.Option(help="Divide sums by the weights; TIES does so unless told otherwise."),
    ] = None,
    base: Annotated[str, typer.Option(help="Else the base of the adapters.")] = "",
    form: FormOption = Form.MODEL,
    test: TestOption = None,
) -> None:
    """Build a recipe from flags and run it."""
    from merge.recipe import recipe_from_flags

    recipe = recipe_from_flags(
        adapter,
        method=method,
        weights=weight or [],
        densities=density or [],
        normalize=normalize,
        base=base or None,
        name=name,
    )
    _run(ctx.obj, recipe, form, test or [])


@merge_app.command("run")
def run_recipe(
    ctx: typer.Context,
    recipe: Annotated[Path, typer.Argument(help="A YAML file.")],
    form: FormOption = Form.MODEL,
    test: TestOption = None,
) -> None:
    """Merge by a recipe in YAML (mergekit's schema as a subset, plus `adapter: NAME@v`)."""
    from merge.recipe import read_recipe

    _run(ctx.obj, read_recipe(recipe), form, test or [])


@merge_app.command("check")
def check_recipe(
    ctx: typer.Context, recipe: Annotated[Path, typer.Argument(help="A YAML file.")]
) -> None:
    """Check a recipe without reading a weight; every fault is named at once."""
    from merge.recipe import read_recipe
    from ui.actions import check_merge

    output: Output = ctx.obj
    report = check_merge(output.open(), read_recipe(recipe))
    shown = table("", "adapter", "parameters", "ranks", "tensors")
    for a in report.adapters:
        ranks = ", ".join(map(str, a.ranks))
        values = ", ".join(f"{name} {value}" for name, value in a.parameters.items())
        shown.add_row(a.reference, values, ranks, str(a.tensors))
    output.say(
        f"{report.method} on {report.base}: {report.bytes_to_write / 1e6:.1f} MB as {report.output_dtype}, "
        f"{report.bytes_free / 1e9:.1f} GB free"
    )
    for note in report.notes:
        output.say(f"note: {note}")
    output.result(asdict(report), shown)


def _run(output: Output, recipe: "Recipe", form: Form, tests: list[str]) -> None:
    from ui.actions import merge, read_task

    tasks = [read_task(name, Path(file)) for name, file in map(_split, tests)]
    with output.progress() as progress:
        artifact = merge(output.open(), recipe, form=form.value, tasks=tasks, progress=progress)
    output.artifact(
        artifact, f"{artifact.reference}: {artifact.card.summary}\n{artifact.path}".strip()
    )


def _split(text: str) -> tuple[str, str]:
    name, equals, file = text.partition("=")
    if not equals or not name or not file:
        raise typer.BadParameter(f"--test takes TASK=FILE, not '{text}'")
    return name, file
