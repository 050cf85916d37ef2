"""A merge from its recipe to its report: weights searched where asked, built, measured on held-out rows, published."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import JsonValue

from adapt.protocols import Progress, no_progress
from adapt.records import ProgressEvent
from adapt.registry.artifacts import Artifact
from adapt.registry.registry import Registry
from adapt.workspace.folder import Workspace
from merge.build import AdapterLimits, build
from merge.check.resolve import Resolved, resolve
from merge.fit.domains import Domain, domains_of, refuse_shared_rows
from merge.recipes.recipe import Recipe
from merge.report.measure import MeasuredOn, measure as measure_merge
from merge.report.measure_plan import MeasurePlan
from merge.report.report import FILE
from merge.search.candidates import methods_for_adapter, rows_of
from merge.search.outcome import SearchResult, SearchSettings
from merge.search.search import search, trial_recipe


def merge_measured(
    recipe: Recipe,
    plan: MeasurePlan,
    *,
    workspace: Workspace,
    form: Literal["model", "adapter"] = "model",
    limits: AdapterLimits | None = None,
    progress: Progress = no_progress,
) -> Artifact:
    """Merge adapters into a model (or one adapter), with searched weights where asked, measure it, and publish it.

    Raises:
        AdaptError: the recipe cannot work; the text names every fault. Or test rows are among those that the search sees.
    """
    has_rows = bool(plan.calibration or plan.search)
    resolved = resolve(recipe, workspace=workspace, has_rows=has_rows)
    tests = domains_of(resolved, plan.tests)
    calibration = domains_of(resolved, plan.calibration)
    refuse_shared_rows(plan.calibration, plan.tests, role="calibration")
    searched: dict[str, JsonValue] = {}
    trial, fitted, built = None, None, resolved
    if plan.search is not None:
        outcome, calibration = _search(resolved, plan, form, workspace, progress)
        searched, trial, fitted = outcome.as_metrics(), outcome.trial, outcome.fitted
        # another recipe, and minutes later
        built = resolve(trial_recipe(recipe, trial), workspace=workspace, has_rows=has_rows)

    def measure(folder: Path) -> Mapping[str, JsonValue]:
        metrics: dict[str, JsonValue] = {"search": searched} if searched else {}
        if not tests:
            return metrics
        joint = Registry(workspace).get(plan.joint).path if plan.joint else None
        report = measure_merge(
            resolved,
            MeasuredOn(tuple(tests), joint, plan.controls),
            folder,
            workspace=workspace,
            weights=trial,
            progress=progress,
        )
        progress(ProgressEvent("report", detail=report.verdict))
        text = json.dumps(report.as_json(), indent=2, ensure_ascii=False)
        (folder / FILE).write_text(text + "\n", encoding="utf-8")
        return {**metrics, **report.as_metrics()}

    return build(
        built,
        workspace=workspace,
        output=form,
        limits=limits,
        calibration=calibration if built.recipe.spec.space == "rows" else (),
        fitted=fitted,
        evaluate=measure,
        progress=progress,
    )


def _search(
    resolved: Resolved,
    plan: MeasurePlan,
    form: Literal["model", "adapter"],
    workspace: Workspace,
    progress: Progress,
) -> tuple[SearchResult, list[Domain]]:
    """Return what a search found, and the rows that its methods on rows fitted the model to."""
    settings = plan.search or SearchSettings()
    if form == "adapter":
        methods = methods_for_adapter(settings.methods)
        settings = settings.model_copy(update={"methods": methods})
    refuse_shared_rows(plan.validation, plan.tests)
    domains = domains_of(resolved, plan.validation)
    given = domains_of(resolved, plan.calibration)
    calibration, judged = rows_of(resolved, domains, given, settings.methods)
    outcome = search(
        resolved,
        judged,
        settings,
        workspace=workspace,
        calibration=calibration,
        progress=progress,
    )
    return outcome, calibration
