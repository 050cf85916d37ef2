"""From a recipe to an artifact: check, stage, write, evaluate, publish.

A merge that fails, is stopped or is killed leaves nothing in the registry.
Not here: what the card says (`merge.check.card`), the arithmetic (`merge.methods.functions`), the writing
(`merge.write.model`, `merge.write.adapter`), what evaluation means.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import JsonValue

from adapt.errors import ModelError, RecipeError
from adapt.protocols import Progress, no_progress
from adapt.records import ProgressEvent
from adapt.registry.artifacts import Artifact, FileRecord
from adapt.registry.cards import write_card
from adapt.registry.registry import Registry
from adapt.workspace.folder import Workspace
from merge.check.card import card_of, licence_of, settings_of, summary_of
from merge.check.resolve import DEFAULT_NAME, Resolved, resolve
from merge.recipes.recipe import Recipe
from merge.weights.floats import Array
from merge.weights.safetensors_file import read_tensor_file
from merge.write.model import write_model
from merge.write.source_stamps import WatchedAdapters
from merge.write.tensor import TensorMerger

if TYPE_CHECKING:
    from merge.fit.domains import Domain, Fitted

CHANGED = "an adapter or the base was changed while it was being merged; run the merge again"
Evaluate = Callable[[Path], Mapping[str, JsonValue]]


@dataclass(frozen=True)
class AdapterLimits:
    """How large a merged adapter may be: the largest rank, and the relative error up to which ranks are cut."""

    rank: int | None = None
    error: float | None = None


def merge(  # noqa: PLR0913  what is merged, into what, and three things that may be added
    recipe: Recipe,
    *,
    workspace: Workspace,
    output: Literal["model", "adapter"] = "model",
    limits: AdapterLimits | None = None,
    calibration: "Sequence[Domain]" = (),
    fitted: "Fitted | None" = None,
    evaluate: Evaluate | None = None,
    progress: Progress = no_progress,
) -> Artifact:
    """Find what a recipe names and check it, then do as `build`.

    Raises:
        AdaptError: something is missing or does not fit (see `merge.check.resolve`), or as `build`.
    """
    _check_form(recipe, output)
    return build(
        resolve(recipe, workspace=workspace, has_rows=bool(calibration)),
        workspace=workspace,
        output=output,
        limits=limits,
        calibration=calibration,
        fitted=fitted,
        evaluate=evaluate,
        progress=progress,
    )


def build(  # noqa: PLR0913  as `merge`
    resolved: Resolved,
    *,
    workspace: Workspace,
    output: Literal["model", "adapter"] = "model",
    limits: AdapterLimits | None = None,
    calibration: "Sequence[Domain]" = (),
    fitted: "Fitted | None" = None,
    evaluate: Evaluate | None = None,
    progress: Progress = no_progress,
) -> Artifact:
    """Merge and publish, and return the new artifact.

    Args:
        resolved: the recipe and all that it names, as `merge.check.resolve` found them a moment ago.
        output: a full model, or (only for weighted sums and methods on factors) one adapter for the same base.
        limits: of a merged adapter; its rank and its error by them stand in the card's metrics.
        calibration: rows of each adapter's domain, for a method that fits the model to rows.
        fitted: what a search with this recipe and these rows came to, so that it is not computed again.
        evaluate: measures the finished folder; what it returns becomes the card's metrics. If it raises, nothing is
            published.

    Raises:
        AdaptError: an adapter or the base was changed, the method gives no adapter, or a weight came out as no number.
    """
    recipe = resolved.recipe
    _check_form(recipe, output)
    adapters = WatchedAdapters(resolved)
    if any(read_tensor_file(adapter.file.path) != adapter.file for adapter in resolved.adapters):
        raise ModelError(CHANGED)  # between the reading of its header and the line before
    records: dict[str, FileRecord] = {}
    metrics: dict[str, JsonValue] = {}
    with (
        Registry(workspace).stage(recipe.name or DEFAULT_NAME) as staging,
        ThreadPoolExecutor(
            1, "merge-hash"
        ) as side,  # reads at the pace of the disk, beside the merge
    ):
        hashed = side.submit(lambda: (resolved.base.sha256, adapters.pairs()))
        if output == "adapter":
            metrics = _write_adapter(resolved, staging.path, limits or AdapterLimits())
        else:
            merger = TensorMerger(
                resolved.checkpoint,
                resolved.adapters,
                method=recipe.merge_method,
                terms=resolved.terms_of,
                fitted=_fitted(resolved, calibration, fitted, progress),
            )
            records = write_model(resolved.plan, merger, staging.path, progress=progress)
        base_sha256, hashes = hashed.result()
        if not adapters.are_unchanged() or resolved.base.fingerprint_now() != base_sha256:
            raise ModelError(CHANGED)
        if fitted is not None and (fitted.base, fitted.adapters) != (base_sha256, hashes):
            raise ModelError(CHANGED)
        if evaluate is not None:
            progress(ProgressEvent("evaluate"))
            metrics |= evaluate(staging.path)
        progress(ProgressEvent("publish"))
        licence = licence_of(resolved, workspace)
        write_card(staging.path, card_of(resolved, output, metrics=metrics, licence=licence))
        return staging.publish(
            output,
            base=resolved.base.record,
            parents=[f.artifact.reference for f in resolved.sources if f.artifact is not None],
            settings=settings_of(resolved, hashes, _rows(calibration)),
            metrics=metrics,
            licence=licence,
            summary=summary_of(resolved),
            known=records,
        )


def _check_form(recipe: Recipe, output: Literal["model", "adapter"]) -> None:
    if output == "adapter" and not recipe.spec.gives_adapter:
        raise RecipeError(
            f"{recipe.merge_method} cannot give an adapter: its result has no low rank; "
            "merge to a full model, or use task_arithmetic"
        )


def _fitted(
    resolved: Resolved,
    calibration: "Sequence[Domain]",
    known: "Fitted | None",
    progress: Progress,
) -> dict[str, Array]:
    """Return the weights of a method on rows, nothing for others."""
    if resolved.recipe.spec.space != "rows":
        return {}
    if known is not None:
        weights = known.weights
    else:
        from merge.fit.fit import fit  # torch: only where a model is fitted to rows

        weights = fit(resolved, calibration, terms=resolved.terms_of, progress=progress)
    return {name: weight.float().cpu().numpy() for name, weight in weights.items()}


def _write_adapter(resolved: Resolved, out: Path, limits: AdapterLimits) -> dict[str, JsonValue]:
    """Write the merge as one adapter, and return its largest rank and relative error.

    Raises:
        RecipeError: an adapter is more than B·A.
    """
    from merge.write.adapter import (
        write_adapter,  # torch: its import takes longer than a small merge
    )

    written = write_adapter(
        resolved.adapters,
        out,
        method=resolved.recipe.merge_method,
        terms=resolved.terms_of,
        base=resolved.base.id,
        output_dtype=resolved.recipe.output_dtype,
        max_rank=limits.rank,
        max_error=limits.error,
    )
    return {"rank": max(written.ranks.values()), "relative_error": written.error}


def _rows(calibration: "Sequence[Domain]") -> list[JsonValue]:
    """Return what identifies the rows that a model was fitted to."""
    if not calibration:
        return []
    from merge.fit.domains import fingerprint  # torch: only where rows were used

    return [
        {
            "domain": domain.task.name,
            "rows": len(domain.task.examples),
            "sha256": fingerprint(domain.task.examples),
        }
        for domain in calibration
    ]
