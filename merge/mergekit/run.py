"""Runs a recipe by mergekit and publishes the result: check, merge adapters first, run the worker, open, publish.

A run that fails, is stopped or is killed leaves nothing in the registry, and nothing that has to be cleaned by hand.
Not here: mergekit (it runs in `merge.mergekit.worker`), and merges of adapters alone (`merge.build`).
"""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

from filelock import Timeout
from pydantic import JsonValue

from adapt.errors import WorkspaceError
from adapt.protocols import Progress, no_progress
from adapt.records import ProgressEvent
from adapt.registry.artifacts import Artifact
from adapt.registry.cards import CardText, shown, write_card
from adapt.registry.licences import join_licences
from adapt.registry.registry import Registry
from adapt.workspace.folder import Workspace
from merge.mergekit.adapter_cache import MergedAdapters
from merge.mergekit.check import DEFAULT_NAME, ResolvedMergekit, resolve
from merge.mergekit.config import job_of
from merge.mergekit.process import run_worker
from merge.mergekit.sources import ModelName
from merge.recipes.mergekit.recipe import LoraExtraction, MergekitRecipe

Evaluate = Callable[[Path], Mapping[str, JsonValue]]
WAIT_SECONDS = 5.0
LOGS_KEPT = 5  # of runs that failed or were killed


def run(
    recipe: MergekitRecipe,
    *,
    workspace: Workspace,
    evaluate: Evaluate | None = None,
    progress: Progress = no_progress,
) -> Artifact:
    """Let mergekit carry out a recipe, and return the new artifact: a full model, or an extracted adapter.

    Args:
        evaluate: measures the finished folder; what it returns becomes the card's metrics. If it raises, nothing is
            published.

    Raises:
        AdaptError: something is missing or does not fit (see `merge.mergekit.check`), mergekit failed, the result does
            not open, or another run of mergekit is under way in this workspace.
    """
    resolved = resolve(recipe, workspace=workspace)
    lock = workspace.lock("mergekit", timeout_seconds=WAIT_SECONDS)
    try:
        lock.acquire()
    except Timeout as error:
        raise WorkspaceError(
            "another merge by mergekit is under way in this workspace, and each takes much memory; wait for it, or stop it"
        ) from error
    try:
        return _run(resolved, workspace, evaluate, progress)
    finally:
        lock.release()


def _run(
    resolved: ResolvedMergekit,
    workspace: Workspace,
    evaluate: Evaluate | None,
    progress: Progress,
) -> Artifact:
    recipe = resolved.recipe
    cache = MergedAdapters(workspace)
    computed_in = getattr(recipe, "dtype", None)
    folders: dict[ModelName, Path] = {
        name: cache.get(model, dtype=computed_in, progress=progress)
        for name, model in resolved.models.items()
    }
    names = {str(folder): resolved.models[name].name for name, folder in folders.items()}
    kind: Literal["adapter", "model"] = "adapter" if isinstance(recipe, LoraExtraction) else "model"
    with Registry(workspace).stage(recipe.name or DEFAULT_NAME) as staging:
        log = _new_log(workspace.jobs)
        job = job_of(resolved, folders, out=staging.path)
        progress(ProgressEvent("mergekit"))
        result = run_worker(job, log=log, names=names, progress=progress)
        metrics: dict[str, JsonValue] = {"mergekit": result}
        if evaluate is not None:
            progress(ProgressEvent("evaluate"))
            metrics |= evaluate(staging.path)
        progress(ProgressEvent("publish"))
        write_card(staging.path, _card(resolved, kind, metrics))
        artifact = staging.publish(
            kind,
            base=resolved.donor.base.record,
            parents=_parents(resolved),
            settings=_settings(resolved),
            metrics=metrics,
            licence=_licence(resolved),
            summary=_summary(resolved),
        )
    cache.trim()
    return artifact


def _new_log(folder: Path) -> Path:
    """Return a new log's place, and remove the oldest of those that failed runs have left."""
    for old in sorted(folder.glob("mergekit-*.log"))[: 1 - LOGS_KEPT]:
        old.unlink()
    return folder / f"mergekit-{time.time_ns()}.log"


def _parents(resolved: ResolvedMergekit) -> list[str]:
    references = [a.reference for model in resolved.models.values() for a in model.artifacts]
    return list(dict.fromkeys(references))


def _licence(resolved: ResolvedMergekit) -> str:
    cards = [a.card for model in resolved.models.values() for a in model.artifacts]
    return join_licences(card.licence for card in cards)


def _settings(resolved: ResolvedMergekit) -> dict[str, JsonValue]:
    """Return the recipe as written and the content of each model, so that the merge can be repeated and compared."""
    models: list[JsonValue] = [
        {
            "model": model.name,
            "base_sha256": model.base.sha256,
            "adapter_sha256": model.adapter_sha256,
        }
        for model in resolved.models.values()
    ]
    recipe = resolved.recipe.model_dump(mode="json", exclude_defaults=True)
    return {"recipe": recipe, "seed": resolved.recipe.seed, "models": models, "by": "mergekit"}


def _summary(resolved: ResolvedMergekit) -> str:
    names = ", ".join(resolved.report.models)
    return f"{resolved.report.output} by mergekit ({resolved.report.method}) of {names}"


def _card(
    resolved: ResolvedMergekit, kind: Literal["adapter", "model"], metrics: Mapping[str, JsonValue]
) -> CardText:
    """Return the model card; folders of this machine stand there by their last name only."""
    sources = [f"- `{'+'.join(map(shown, name.split('+')))}`" for name in resolved.report.models]
    opens = {
        "model": "Opens with `AutoModelForCausalLM.from_pretrained`.",
        "adapter": "Opens with `PeftModel.from_pretrained` on the base.",
    }
    return CardText(
        name=resolved.recipe.name or DEFAULT_NAME,
        kind=kind,
        summary="\n".join([f"{resolved.report.method}, carried out by mergekit, of", "", *sources]),
        base=resolved.donor.base.record,
        parents=_parents(resolved),
        metrics=metrics,
        licence=_licence(resolved),
        use=opens[kind],
    )
