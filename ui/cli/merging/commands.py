"""`adapt merge`."""

from dataclasses import asdict
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ui.cli.groups import NamingGroup
from ui.cli.merging.flags import ask_about_one, pairs_of, parameters_of, search_of, tasks_of
from ui.cli.merging.output import analysis_text, mergekit_text, methods_table, report_text
from ui.cli.output import Output, table

if TYPE_CHECKING:
    from merge.recipes.mergekit.recipe import MergekitRecipe
    from merge.recipes.recipe import Recipe
    from merge.report.measure_plan import MeasurePlan
    from merge.search.outcome import SearchSettings

HELP = """Merge adapters of one base into one deployable model. Examples:

  adapt merge team --adapter support --adapter dates --method ties

  adapt merge team --adapter support@2 --adapter dates --method task_arithmetic --weight 1.0 --weight 0.8

  adapt merge team --adapter support --adapter dates --validation support=s.jsonl --search-minutes 10

  adapt merge team --adapter support --adapter dates --method distill --calibration support=s.jsonl \
--calibration dates=d.jsonl

  adapt merge methods

  adapt merge analyse --adapter support --adapter dates

  adapt merge run recipe.yaml

  adapt merge check recipe.yaml
"""
merge_app = typer.Typer(cls=NamingGroup, help=HELP, no_args_is_help=True)


class Form(Enum):
    """What a merge writes."""

    MODEL = "model"
    ADAPTER = "adapter"


FormOption = Annotated[
    Form,
    typer.Option(
        "--as", help="A full model, or one adapter (weighted sums, and methods on factors)."
    ),
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
    typer.Option(
        "--search-minutes", help="Search method, weights and density for this many minutes."
    ),
]
TrialsOption = Annotated[
    int | None, typer.Option("--search-trials", help="Try at most this many merges.")
]
CalibrationOption = Annotated[
    list[str] | None,
    typer.Option(
        "--calibration",
        help="ADAPTER=FILE of rows that regmean and distill fit the model to, no test rows.",
    ),
]
RankOption = Annotated[
    int | None, typer.Option("--rank", help="Largest rank of a merged adapter; cut by SVD.")
]
ErrorOption = Annotated[
    float | None,
    typer.Option("--max-error", help="Cut a merged adapter's ranks up to this relative error."),
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
        typer.Option(help="Divide sums by the weights; TIES does so by default."),
    ] = None,
    parameter: Annotated[
        list[str] | None,
        typer.Option("--set", help="PARAMETER=VALUE of the method; see adapt merge methods."),
    ] = None,
    base: Annotated[str, typer.Option(help="By default the base of the adapters.")] = "",
    form: FormOption = Form.MODEL,
    rank: RankOption = None,
    max_error: ErrorOption = None,
    test: TestOption = None,
    validation: ValidationOption = None,
    search_minutes: MinutesOption = None,
    search_trials: TrialsOption = None,
    calibration: CalibrationOption = None,
    joint: JointOption = "",
    controls: ControlsOption = True,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do not ask where one adapter is named.")
    ] = False,
) -> None:
    """Build a recipe from flags and run it."""
    from merge.recipes.from_flags import recipe_from_flags
    from ui.actions.merging import plan_of

    recipe = recipe_from_flags(
        adapter,
        method=method,
        weights=weight or [],
        densities=density or [],
        normalize=normalize,
        parameters=parameters_of(parameter),
        base=base or None,
        name=name,
        calibration=dict(pairs_of("--calibration", calibration)),
    )
    if len(adapter) == 1:
        ask_about_one(ctx.obj, name, adapter[0], yes=yes)
    settings = search_of(validation, search_minutes, search_trials)
    plan = _plan(test, validation, settings, joint, controls=controls).over(plan_of(recipe))
    _run(ctx.obj, recipe, form, plan, rank=rank, max_error=max_error)


@merge_app.command("run")
def run_recipe(
    ctx: typer.Context,
    recipe: Annotated[Path, typer.Argument(help="A YAML file.")],
    form: FormOption = Form.MODEL,
    rank: RankOption = None,
    max_error: ErrorOption = None,
    test: TestOption = None,
    validation: ValidationOption = None,
    search_minutes: MinutesOption = None,
    search_trials: TrialsOption = None,
    joint: JointOption = "",
    controls: ControlsOption = True,
) -> None:
    """Merge by a recipe in YAML (mergekit's schema as a subset, plus `adapter: NAME@v`)."""
    from merge.recipes.recipe import Recipe, read_recipe
    from ui.actions.merging import plan_of

    read = read_recipe(recipe)
    settings = search_of(validation, search_minutes, search_trials)
    plan = _plan(test, validation, settings, joint, controls=controls)
    if isinstance(read, Recipe):
        plan = plan.over(plan_of(read))
        _run(ctx.obj, read, form, plan, rank=rank, max_error=max_error)
    else:
        _run_by_mergekit(ctx.obj, read, plan)


@merge_app.command("check")
def check_recipe(
    ctx: typer.Context, recipe: Annotated[Path, typer.Argument(help="A YAML file.")]
) -> None:
    """Check a recipe without reading a weight; every fault is named at once."""
    from merge.recipes.recipe import Recipe, read_recipe
    from ui.actions.merging import check_merge, check_mergekit

    output: Output = ctx.obj
    read = read_recipe(recipe)
    if not isinstance(read, Recipe):
        checked = check_mergekit(output.open(), read)
        output.result(asdict(checked), mergekit_text(checked))
        return
    report = check_merge(output.open(), read)
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
    base: Annotated[str, typer.Option(help="By default the base of the adapters.")] = "",
    validation: ValidationOption = None,
    search_minutes: MinutesOption = None,
    search_trials: TrialsOption = None,
) -> None:
    """Show the geometry of adapters; with rows of their domains, also whether to merge them. Nothing is written."""
    from merge.recipes.from_flags import recipe_from_flags
    from ui.actions.merging import analyse_adapters

    output: Output = ctx.obj
    recipe = recipe_from_flags(adapter, method="task_arithmetic", base=base or None)
    with output.progress() as progress:
        geometry, advised = analyse_adapters(
            output.open(),
            recipe,
            validation=tasks_of("--validation", validation),
            search=search_of(validation, search_minutes, search_trials),
            progress=progress,
        )
    data = {**geometry.as_json(), "advice": advised.as_json() if advised else None}
    output.result(data, analysis_text(geometry, advised))


def _run(
    output: Output,
    recipe: "Recipe",
    form: Form,
    plan: "MeasurePlan",
    *,
    rank: int | None,
    max_error: float | None,
) -> None:
    from merge.build import AdapterLimits
    from ui.actions.merging import merge

    written: Literal["model", "adapter"] = "model" if form is Form.MODEL else "adapter"
    if form is Form.MODEL and (rank is not None or max_error is not None):
        raise typer.BadParameter("--rank and --max-error cut an adapter; add --as adapter")
    limits = AdapterLimits(rank, max_error)
    with output.progress() as progress:
        artifact = merge(
            output.open(), recipe, form=written, plan=plan, limits=limits, progress=progress
        )
    lines = [report_text(artifact), f"{artifact.reference}: {artifact.card.summary}", artifact.path]
    output.artifact(artifact, "\n".join(str(part) for part in lines if str(part)).strip())


def _run_by_mergekit(output: Output, recipe: "MergekitRecipe", plan: "MeasurePlan") -> None:
    from ui.actions.merging import run_by_mergekit, tests_of

    if plan.search or plan.validation:
        raise typer.BadParameter("a search is for merges of adapters; mergekit runs this recipe")
    tests = plan.tests or tests_of(recipe)
    with output.progress() as progress:
        artifact = run_by_mergekit(output.open(), recipe, tests=tests, progress=progress)
    output.artifact(artifact, f"{artifact.reference}: {artifact.card.summary}\n{artifact.path}")


def _plan(
    test: list[str] | None,
    validation: list[str] | None,
    settings: "SearchSettings | None",
    joint: str,
    *,
    controls: bool,
) -> "MeasurePlan":
    from merge.report.measure_plan import MeasurePlan

    return MeasurePlan(
        tasks_of("--test", test), tasks_of("--validation", validation), settings, joint, controls
    )
