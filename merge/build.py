"""From a recipe to an artifact: check, stage, write, evaluate, publish.

A merge that fails, is stopped or is killed leaves nothing in the registry.
Not here: the arithmetic (`merge.methods.functions`), the writing (`merge.write.model`, `merge.write.adapter`), what
evaluation means.
"""

import json
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
from adapt.registry.cards import CardText, shown, write_card
from adapt.registry.licences import join_licences
from adapt.registry.origins import licences_of
from adapt.registry.registry import Registry
from adapt.workspace.folder import Workspace
from merge.check.resolve import DEFAULT_NAME, Resolved, resolve
from merge.recipes.recipe import Recipe, Source
from merge.weights.floats import Array
from merge.weights.safetensors_file import read_tensor_file
from merge.write.model import write_model
from merge.write.source_stamps import Watched, files_of
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
    """Merge and publish, and return the new artifact.

    Args:
        output: a full model, or (only for weighted sums and methods on factors) one adapter for the same base.
        limits: of a merged adapter; its rank and its error by them stand in the card's metrics.
        calibration: rows of each adapter's domain, for a method that fits the model to rows.
        fitted: what a search with this recipe and these rows came to, so that it is not computed again.
        evaluate: measures the finished folder; what it returns becomes the card's metrics. If it raises, nothing is
            published.

    Raises:
        AdaptError: something is missing or does not fit (see `merge.check.resolve`), or a weight came out as no number.
    """
    if output == "adapter" and not recipe.spec.gives_adapter:
        raise RecipeError(
            f"{recipe.merge_method} cannot give an adapter: its result has no low rank; "
            "merge to a full model, or use task_arithmetic"
        )
    resolved = resolve(recipe, workspace=workspace, has_rows=bool(calibration))
    adapters = Watched([adapter.file.path for adapter in resolved.adapters])
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
        hashed = side.submit(lambda: (resolved.base.sha256, adapters.hashes()))
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
        if fitted is not None and (fitted.base, fitted.adapters) != (
            base_sha256,
            files_of(resolved),
        ):
            raise ModelError(CHANGED)
        if evaluate is not None:
            progress(ProgressEvent("evaluate"))
            metrics |= evaluate(staging.path)
        progress(ProgressEvent("publish"))
        licence = _licence(resolved, workspace)
        write_card(staging.path, _card(resolved, output, metrics=metrics, licence=licence))
        return staging.publish(
            output,
            base=resolved.base.record,
            parents=[f.artifact.reference for f in resolved.sources if f.artifact is not None],
            settings=_settings(resolved, hashes, calibration),
            metrics=metrics,
            licence=licence,
            summary=_summary(resolved),
            known=records,
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


def _settings(
    resolved: Resolved, hashes: list[str], calibration: "Sequence[Domain]"
) -> dict[str, JsonValue]:
    """Return the recipe as written and each adapter as found, so that the merge can be repeated and compared."""
    recipe = resolved.recipe
    sources: list[JsonValue] = [
        {
            "adapter": entry.adapter.reference,
            "sha256": sha256,
            "parameters": resolved.parameters(entry.source),
            "ranks": list(entry.adapter.ranks),
        }
        for entry, sha256 in zip(resolved.sources, hashes, strict=True)
    ]
    return {
        "recipe": recipe.model_dump(mode="json", by_alias=True, exclude_none=True),
        "sources": sources,
        "method": recipe.merge_method,
        "parameters": resolved.parameters(),
        "notes": list(resolved.notes),
        **({"calibration": rows} if (rows := _rows(calibration)) else {}),
    }


def _rows(calibration: "Sequence[Domain]") -> list[JsonValue]:
    """Return what tells the rows that a model was fitted to."""
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


def _card(
    resolved: Resolved,
    output: Literal["model", "adapter"],
    *,
    metrics: Mapping[str, JsonValue],
    licence: str,
) -> CardText:
    """Return the model card; folders of this machine stand there by their last name only."""
    recipe = resolved.recipe
    sources = [
        f"- `{shown(entry.adapter.reference)}`{_in_words(resolved.parameters(entry.source), start=': ')}"
        for entry in resolved.sources
    ]
    opens = {
        "model": "Opens with `AutoModelForCausalLM.from_pretrained`; the chat template is the base's.",
        "adapter": "Opens with `PeftModel.from_pretrained` on the base.",
    }
    return CardText(
        name=recipe.name or DEFAULT_NAME,
        kind=output,
        summary="\n".join(
            [
                f"{recipe.merge_method} of the adapters{_in_words(resolved.parameters(), start=', ')}",
                "",
                *sources,
            ]
        ),
        base=resolved.base.record,
        parents=[f.artifact.reference for f in resolved.sources if f.artifact is not None],
        metrics=metrics,
        licence=licence,
        use=opens[output],
    )


def _licence(resolved: Resolved, workspace: Workspace) -> str:
    """Return all different licences of what is merged, joined by AND."""
    artifacts = [f.artifact for f in resolved.sources if f.artifact is not None]
    return join_licences(licences_of(workspace, artifacts, base=resolved.base.id).values())


def _summary(resolved: Resolved) -> str:
    recipe = resolved.recipe
    adapters = ", ".join(
        f"{entry.adapter.reference}{_factor(recipe, entry.source)}" for entry in resolved.sources
    )
    return f"{recipe.merge_method} of {adapters} on {resolved.base.id}"


def _factor(recipe: Recipe, source: Source) -> str:
    """Return ` * weight` of a source, where its method has weights."""
    if recipe.spec.parameter("weight") is None:
        return ""
    return f" * {_text(recipe.setting('weight', source))}"


def _in_words(parameters: Mapping[str, JsonValue], *, start: str) -> str:
    """Return parameters in words, nothing where there are none; `int8_mask` has no effect and is left out."""
    phrases = [
        f"{name} {_text(value)}" for name, value in parameters.items() if name != "int8_mask"
    ]
    return start + ", ".join(phrases) if phrases else ""


def _text(setting: JsonValue) -> str:
    """Return a setting in short: a number without zeros at its end, lists as JSON."""
    if isinstance(setting, float):
        return f"{setting:g}"
    return json.dumps(setting) if isinstance(setting, list | dict | bool) else str(setting)
