"""What a person can do about merging, the same from the command line, the app and a worker.

Rooms are imported inside the functions, so that a command loads only what it needs.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from adapt.protocols import Progress, no_progress
from adapt.registry.artifacts import Artifact

if TYPE_CHECKING:
    from pydantic import JsonValue

    from adapt.evaluation.tasks import Task
    from merge.build import AdapterLimits
    from merge.check.resolve import CheckReport
    from merge.mergekit.check import MergekitReport
    from merge.recipes.mergekit.recipe import MergekitRecipe
    from merge.recipes.recipe import Recipe
    from merge.report.advice import Advised
    from merge.report.geometry import Analysis
    from merge.report.measure_plan import MeasurePlan
    from merge.search.outcome import SearchSettings
    from ui.context import Context


def check_merge(ctx: "Context", recipe: "Recipe") -> "CheckReport":
    """Check a recipe without reading a weight."""
    from merge.check.resolve import check

    return check(recipe, workspace=ctx.workspace)


def check_mergekit(ctx: "Context", recipe: "MergekitRecipe") -> "MergekitReport":
    """Check a recipe for mergekit without reading a weight."""
    from merge.mergekit.check import check

    return check(recipe, workspace=ctx.workspace)


def merge(
    ctx: "Context",
    recipe: "Recipe",
    *,
    form: Literal["model", "adapter"] = "model",
    plan: "MeasurePlan | None" = None,
    limits: "AdapterLimits | None" = None,
    progress: Progress = no_progress,
) -> Artifact:
    """Merge adapters into a model (or one adapter), with searched weights where asked, measure it, and publish it.

    Raises:
        AdaptError: the recipe cannot work; the text names every fault. Or test rows are among those that the search sees.
    """
    if plan is None or not (plan.tests or plan.validation or plan.calibration):
        from merge.build import merge as build

        return build(recipe, workspace=ctx.workspace, output=form, limits=limits, progress=progress)
    from merge.report.measured_merge import (
        merge_measured,  # torch: only where something is measured
    )

    return merge_measured(
        recipe, plan, workspace=ctx.workspace, form=form, limits=limits, progress=progress
    )


def plan_of(recipe: "Recipe") -> "MeasurePlan":
    """Return what a recipe's own sections `evaluate`, `search` and `calibration` ask for."""
    from merge.report.measure_plan import MeasurePlan
    from ui.actions.chat import read_task

    tests = [read_task(name, Path(entry.file)) for name, entry in recipe.evaluate.items()]
    learned = [read_task(name, Path(entry.file)) for name, entry in recipe.calibration.items()]
    if recipe.search is None:
        return MeasurePlan(tests, calibration=learned)
    from merge.search.outcome import SearchSettings

    search = recipe.search
    validation = [read_task(name, Path(entry.file)) for name, entry in search.validation.items()]
    given = search.model_dump(include={"minutes", "trials", "seed"})
    methods = {"methods": search.methods} if search.methods else {}
    settings = SearchSettings.model_validate({**given, **methods})
    return MeasurePlan(tests, validation, settings, calibration=learned)


def tests_of(recipe: "MergekitRecipe") -> "list[Task]":
    """Return the held-out rows that a recipe for mergekit names."""
    from ui.actions.chat import read_task

    return [read_task(name, Path(entry.file)) for name, entry in recipe.evaluate.items()]


def run_by_mergekit(
    ctx: "Context",
    recipe: "MergekitRecipe",
    *,
    tests: "Sequence[Task]" = (),
    progress: Progress = no_progress,
) -> Artifact:
    """Let mergekit carry out a recipe that is more than a merge of adapters, and measure the result on tasks."""
    from adapt.evaluation.tasks import run_task
    from adapt.models.runtime import ModelRuntime
    from adapt.registry.bases.find import find_base
    from merge.mergekit.run import run

    def measure(folder: Path) -> Mapping[str, "JsonValue"]:
        if not tests:
            return {}
        runtime = ModelRuntime(find_base(str(folder), ctx.workspace))
        return {
            "tasks": {t.name: run_task(runtime, t, progress=progress).as_metrics() for t in tests}
        }

    return run(recipe, workspace=ctx.workspace, evaluate=measure, progress=progress)


def analyse_adapters(
    ctx: "Context",
    recipe: "Recipe",
    *,
    validation: "Sequence[Task]" = (),
    search: "SearchSettings | None" = None,
    progress: Progress = no_progress,
) -> "tuple[Analysis, Advised | None]":
    """Return the geometry of adapters and, where validation rows are given, whether to merge; nothing is written."""
    from merge.check.resolve import resolve
    from merge.fit.domains import domains_of
    from merge.report.advice import find_advice
    from merge.report.geometry import analyse
    from merge.search.outcome import SearchSettings

    resolved = resolve(recipe, workspace=ctx.workspace)
    geometry = analyse(resolved.checkpoint, resolved.adapters, resolved.plan)
    if not validation:
        return geometry, None
    domains = domains_of(resolved, validation)
    settings = search or SearchSettings()
    advised = find_advice(resolved, domains, settings, workspace=ctx.workspace, progress=progress)
    return geometry, advised
