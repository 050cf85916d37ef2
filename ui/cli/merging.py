"""`adapt merge`."""

from collections.abc import Sequence
from dataclasses import asdict
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ui.cli.groups import DefaultGroup
from ui.cli.merge_output import analysis_text, methods_table, report_text
from ui.cli.output import Output, table

if TYPE_CHECKING:
    from adapt.evaluation import Task
    from merge.recipe import Recipe
    from merge.search import SearchSettings
    from ui.merge_actions import Held

HELP = """Merge adapters of one base into one deployable model. Examples:

  adapt merge team --adapter support --adapter dates --method ties

  adapt merge team --adapter support@2 --adapter dates --method task_arithmetic --weight 1.0 --weight 0.8

  adapt merge team --adapter support --adapter dates --validation support=s.jsonl --search-minutes 10

  adapt merge methods

  adapt merge analyse --adapter support --adapter dates

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
    typer.Option(
        "--test", help="ADAPTER=FILE of held-out rows: base, adapter and result are measured."
    ),
]
ValidationOption = Annotated[
    list[str] | None,
    typer.Option("--validation", help="ADAPTER=FILE of rows that a search chooses by."),
]
MinutesOption = Annotated[
    float | None,
    typer.Option("--search-minutes", help="Search method, weights and density for so long."),
]
TrialsOption = Annotated[
    int | None, typer.Option("--search-trials", help="Search among so many merges at most.")
]
JointOption = Annotated[
    str, typer.Option("--joint", help="An adapter trained on all data together, as a control.")
]
ControlsOption = Annotated[
    bool, typer.Option(help="Measure a random and each single adapter on every test as well.")
]
AdaptersOption = Annotated[
    list[str], typer.Option("--adapter", help="NAME[@v] or a folder; repeat it.")
]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.add_typer(merge_app, name="merge")


@merge_app.command("default", hidden=True, help=HELP)
def by_flags(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="The merged model's name.")],
    adapter: AdaptersOption,
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
    validation: ValidationOption = None,
    search_minutes: MinutesOption = None,
    search_trials: TrialsOption = None,
    joint: JointOption = "",
    controls: ControlsOption = True,
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
    settings = _search(validation, search_minutes, search_trials)
    _run(ctx.obj, recipe, form, _held(test, validation, settings, joint, controls=controls))


@merge_app.command("run")
def run_recipe(
    ctx: typer.Context,
    recipe: Annotated[Path, typer.Argument(help="A YAML file.")],
    form: FormOption = Form.MODEL,
    test: TestOption = None,
    validation: ValidationOption = None,
    search_minutes: MinutesOption = None,
    search_trials: TrialsOption = None,
    joint: JointOption = "",
    controls: ControlsOption = True,
) -> None:
    """Merge by a recipe in YAML (mergekit's schema as a subset, plus `adapter: NAME@v`)."""
    from merge.recipe import read_recipe

    settings = _search(validation, search_minutes, search_trials)
    held = _held(test, validation, settings, joint, controls=controls)
    _run(ctx.obj, read_recipe(recipe), form, held)


@merge_app.command("check")
def check_recipe(
    ctx: typer.Context, recipe: Annotated[Path, typer.Argument(help="A YAML file.")]
) -> None:
    """Check a recipe without reading a weight; every fault is named at once."""
    from merge.recipe import read_recipe
    from ui.merge_actions import check_merge

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


@merge_app.command("methods")
def methods(ctx: typer.Context) -> None:
    """Show every method with its parameters: range, default, and where it is published."""
    output: Output = ctx.obj
    output.result(*methods_table())


@merge_app.command("analyse")
def analyse(
    ctx: typer.Context,
    adapter: AdaptersOption,
    base: Annotated[str, typer.Option(help="Else the base of the adapters.")] = "",
    validation: ValidationOption = None,
    search_minutes: MinutesOption = None,
    search_trials: TrialsOption = None,
) -> None:
    """Show how adapters lie to each other; with rows of their domains, whether to merge them. Nothing is written."""
    from merge.recipe import recipe_from_flags
    from ui.merge_actions import analyse_adapters

    output: Output = ctx.obj
    recipe = recipe_from_flags(adapter, method="task_arithmetic", base=base or None)
    with output.progress() as progress:
        geometry, advised = analyse_adapters(
            output.open(),
            recipe,
            validation=_tasks("--validation", validation),
            search=_search(validation, search_minutes, search_trials),
            progress=progress,
        )
    data = {**geometry.as_json(), "advice": advised.as_json() if advised else None}
    output.result(data, analysis_text(geometry, advised))


def _run(output: Output, recipe: "Recipe", form: Form, held: "Held") -> None:
    from ui.merge_actions import merge

    with output.progress() as progress:
        artifact = merge(output.open(), recipe, form=form.value, held=held, progress=progress)
    told = [report_text(artifact), f"{artifact.reference}: {artifact.card.summary}", artifact.path]
    output.artifact(artifact, "\n".join(str(part) for part in told if str(part)).strip())


def _held(
    test: list[str] | None,
    validation: list[str] | None,
    settings: "SearchSettings | None",
    joint: str,
    *,
    controls: bool,
) -> "Held":
    from ui.merge_actions import Held

    return Held(
        _tasks("--test", test), _tasks("--validation", validation), settings, joint, controls
    )


def _search(
    validation: list[str] | None, minutes: float | None, trials: int | None
) -> "SearchSettings | None":
    """Return how long to search; validation rows alone mean ten minutes."""
    if minutes is None and trials is None and not validation:
        return None
    if not validation:
        raise typer.BadParameter("a search needs --validation ADAPTER=FILE")
    from merge.search import SearchSettings

    if minutes is None and trials is None:
        return SearchSettings()
    return SearchSettings(minutes=minutes, trials=trials)


def _tasks(flag: str, given: Sequence[str] | None) -> "list[Task]":
    if not given:
        return []
    from ui.actions import read_task

    tasks = []
    for text in given:
        name, equals, file = text.partition("=")
        if not equals or not name or not file:
            raise typer.BadParameter(f"{flag} takes ADAPTER=FILE, not '{text}'")
        tasks.append(read_task(name, Path(file)))
    return tasks
