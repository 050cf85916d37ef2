"""What a person can do about merging, the same from the command line, the app and a worker.

Rooms are imported inside the functions, so that a command loads only what it needs.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from adapt.errors import AdaptError
from adapt.protocols import Progress, no_progress
from adapt.records import ProgressEvent
from adapt.registry.artifacts import Artifact

if TYPE_CHECKING:
    from pydantic import JsonValue

    from adapt.evaluation.tasks import Task
    from merge.build import AdapterLimits
    from merge.check.resolve import CheckReport, Resolved
    from merge.fit.domains import Domain
    from merge.mergekit.check import MergekitReport
    from merge.methods.trial import Trial
    from merge.recipes.mergekit.recipe import MergekitRecipe
    from merge.recipes.recipe import Recipe
    from merge.report.advice import Advised
    from merge.report.geometry import Analysis
    from merge.search.outcome import Found, SearchSettings
    from ui.context import Context


@dataclass(frozen=True)
class Held:
    """What a merge is measured on, and chosen by.

    Attributes:
        tests: held-out rows of a domain each; a task is its adapter's where it has the adapter's name.
        validation: rows that a search may see; none of them may be among the tests.
        search: how long to search, among what; None merges as the recipe says.
        joint: an adapter trained on all data together, by reference, as a control.
        controls: whether each single adapter and a random one are measured on all domains as well.
        calibration: rows that a method on rows fits the model to; a search without them takes half of the validation rows.
    """

    tests: "Sequence[Task]" = ()
    validation: "Sequence[Task]" = ()
    search: "SearchSettings | None" = None
    joint: str = ""
    controls: bool = True
    calibration: "Sequence[Task]" = ()

    def over(self, other: "Held") -> "Held":
        """Return both together; what is given here goes before what the other says."""
        return Held(
            self.tests or other.tests,
            self.validation or other.validation,
            self.search or other.search,
            self.joint or other.joint,
            self.controls,
            self.calibration or other.calibration,
        )


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
    held: Held | None = None,
    limits: "AdapterLimits | None" = None,
    progress: Progress = no_progress,
) -> Artifact:
    """Merge adapters into a model (or one adapter), with searched weights where asked, measure it, and publish it.

    Raises:
        AdaptError: the recipe cannot work; the text names every fault. Or test rows are among those that the search sees.
    """
    from merge.build import merge as build
    from merge.check.resolve import resolve
    from merge.fit.domains import refuse_shared_rows

    held = held or Held()
    if not held.tests and not held.validation and not held.calibration:
        return build(recipe, workspace=ctx.workspace, output=form, limits=limits, progress=progress)
    has_rows = bool(held.calibration or held.search)
    resolved = resolve(recipe, workspace=ctx.workspace, has_rows=has_rows)
    tests = domains_of(resolved, held.tests)
    calibration = domains_of(resolved, held.calibration)
    refuse_shared_rows(held.calibration, held.tests, role="calibration")
    searched, trial, fitted = {}, None, None
    if held.search is not None:
        found, calibration = _search(ctx, resolved, held, form, progress)
        searched, trial, fitted = found.as_metrics(), found.trial, found.fitted
        recipe = trial_recipe(recipe, trial)

    def measure(folder: Path) -> Mapping[str, "JsonValue"]:
        from merge.report.measure import Held as Measured, measure as run
        from merge.report.report import FILE

        metrics: dict[str, JsonValue] = {"search": searched} if searched else {}
        if not tests:
            return metrics
        joint = ctx.registry.get(held.joint).path if held.joint else None
        report = run(
            resolved,
            Measured(tuple(tests), joint, held.controls),
            folder,
            workspace=ctx.workspace,
            weights=trial,
            progress=progress,
        )
        progress(ProgressEvent("report", detail=report.verdict))
        text = json.dumps(report.as_json(), indent=2, ensure_ascii=False)
        (folder / FILE).write_text(text + "\n", encoding="utf-8")
        return {**metrics, **report.as_metrics()}

    return build(
        recipe,
        workspace=ctx.workspace,
        output=form,
        limits=limits,
        calibration=calibration if recipe.spec.space == "rows" else (),
        fitted=fitted,
        evaluate=measure,
        progress=progress,
    )


def _search(
    ctx: "Context",
    resolved: "Resolved",
    held: Held,
    form: Literal["model", "adapter"],
    progress: Progress,
) -> "tuple[Found, list[Domain]]":
    """Return what a search found, and the rows that its methods on rows fitted the model to."""
    from merge.fit.domains import refuse_shared_rows
    from merge.search.candidates import methods_for_adapter, rows_of
    from merge.search.outcome import SearchSettings
    from merge.search.search import search

    settings = held.search or SearchSettings()
    if form == "adapter":
        methods = methods_for_adapter(settings.methods)
        settings = settings.model_copy(update={"methods": methods})
    refuse_shared_rows(held.validation, held.tests)
    domains = domains_of(resolved, held.validation)
    given = domains_of(resolved, held.calibration)
    calibration, judged = rows_of(resolved, domains, given, settings.methods)
    found = search(
        resolved,
        judged,
        settings,
        workspace=ctx.workspace,
        calibration=calibration,
        progress=progress,
    )
    return found, calibration


def trial_recipe(recipe: "Recipe", trial: "Trial") -> "Recipe":
    """Return a recipe that merges as a trial of a search did."""
    from merge.recipes.recipe import Recipe

    shared, own = trial.parameters()
    chosen = dict(zip(map(id, recipe.adapters), own, strict=True))
    models = [
        source.model_copy(update={"parameters": chosen.get(id(source), {})})
        for source in recipe.models
    ]
    update = {"merge_method": trial.method, "parameters": shared, "models": tuple(models)}
    if trial.spec.space != "rows":
        update["calibration"] = {}
    return Recipe.model_validate(recipe.model_copy(update=update).model_dump())


def domains_of(resolved: "Resolved", tasks: "Sequence[Task]") -> "list[Domain]":
    """Return each task with the place of its adapter: the one that the recipe names for it, or that is called like it.

    Raises:
        AdaptError: there is none, and several to choose from.
    """
    from merge.fit.domains import Domain
    from merge.recipes.sections import domain_of

    recipe = resolved.recipe
    validation = recipe.search.validation if recipe.search else {}
    sections = [recipe.evaluate, validation, recipe.calibration]
    named = {d: held.adapter for section in sections for d, held in section.items() if held.adapter}
    places = [found.source for found in resolved.sources]
    domains = []
    for task in tasks:
        try:
            place = places.index(recipe.adapter_of(task.name, named.get(task.name)))
        except ValueError as error:
            if len(places) > 1:
                known = ", ".join(domain_of(source.adapter_part or "") for source in places)
                raise AdaptError(
                    f"'{task.name}' is the name of none of the adapters ({known}); write ADAPTER=FILE, so that the "
                    "merge is compared with the adapter of that domain"
                ) from error
            place = 0
        domains.append(Domain(task, place))
    return domains


def held_by(recipe: "Recipe") -> Held:
    """Return what a recipe's own sections `evaluate`, `search` and `calibration` ask for."""
    from ui.actions.chat import read_task

    tests = [read_task(name, Path(held.file)) for name, held in recipe.evaluate.items()]
    learned = [read_task(name, Path(held.file)) for name, held in recipe.calibration.items()]
    if recipe.search is None:
        return Held(tests, calibration=learned)
    from merge.search.outcome import SearchSettings

    said = recipe.search
    validation = [read_task(name, Path(held.file)) for name, held in said.validation.items()]
    given = said.model_dump(include={"minutes", "trials", "seed"})
    methods = {"methods": said.methods} if said.methods else {}
    settings = SearchSettings.model_validate({**given, **methods})
    return Held(tests, validation, settings, calibration=learned)


def tests_of(recipe: "MergekitRecipe") -> "list[Task]":
    """Return the held-out rows that a recipe for mergekit names."""
    from ui.actions.chat import read_task

    return [read_task(name, Path(held.file)) for name, held in recipe.evaluate.items()]


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
