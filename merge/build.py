"""From a recipe to an artifact: check, stage, write, evaluate, publish.

A merge that fails, is stopped or is killed leaves nothing in the registry.
Not here: the arithmetic (`merge.methods`), the writing (`merge.stream`, `merge.as_adapter`), what evaluation means.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Literal

from pydantic import JsonValue

from adapt.artifacts import Artifact, sha256_file
from adapt.cards import CardText, shown, write_card
from adapt.errors import ModelError, RecipeError
from adapt.protocols import Progress, no_progress
from adapt.records import ProgressEvent
from adapt.registry import Registry
from adapt.workspace import Workspace
from merge.as_adapter import write_adapter
from merge.check import DEFAULT_NAME, Resolved, resolve
from merge.recipe import Recipe
from merge.stream import write_model
from merge.tensor_merger import TensorMerger, one_thread
from merge.terms import Terms

Evaluate = Callable[[Path], Mapping[str, JsonValue]]


def merge(
    recipe: Recipe,
    *,
    workspace: Workspace,
    output: Literal["model", "adapter"] = "model",
    evaluate: Evaluate | None = None,
    progress: Progress = no_progress,
) -> Artifact:
    """Merge and publish, and return the new artifact.

    Args:
        output: a full model, or (only for weighted sums and methods on factors) one adapter for the same base.
        evaluate: measures the finished folder; what it returns becomes the card's metrics. If it raises, nothing is
            published.

    Raises:
        AdaptError: something is missing or does not fit (see `merge.check`), or a weight came out as no number.
    """
    if output == "adapter" and not recipe.spec.gives_adapter:
        raise RecipeError(
            f"{recipe.merge_method} cannot give an adapter: its result has no low rank; "
            "merge to a full model, or use task_arithmetic"
        )
    resolved = resolve(recipe, workspace=workspace)
    terms = _terms(resolved)
    before = _hashes(resolved)
    with Registry(workspace).stage(recipe.name or DEFAULT_NAME) as staging:
        if output == "adapter":
            write_adapter(
                resolved.adapters,
                staging.path,
                method=recipe.merge_method,
                terms=lambda _: terms,
                base=resolved.base.id,
                output_dtype=recipe.output_dtype,
            )
        else:
            merger = TensorMerger(
                resolved.checkpoint,
                resolved.adapters,
                method=recipe.merge_method,
                terms=lambda _: terms,
            )
            with one_thread():
                write_model(resolved.plan, merger, staging.path, progress=progress)
        if _hashes(resolved) != before:
            raise ModelError(
                "an adapter was changed while it was being merged; run the merge again"
            )
        metrics: Mapping[str, JsonValue] = {}
        if evaluate is not None:
            progress(ProgressEvent("evaluate"))
            metrics = evaluate(staging.path)
        progress(ProgressEvent("publish"))
        licence = _licence(resolved, workspace)
        write_card(staging.path, _card(resolved, output, metrics=metrics, licence=licence))
        return staging.publish(
            output,
            base=resolved.base.record,
            parents=[f.artifact.reference for f in resolved.sources if f.artifact is not None],
            settings=_settings(resolved, before),
            metrics=metrics,
            licence=licence,
            summary=_summary(resolved),
        )


def _terms(resolved: Resolved) -> Terms:
    recipe = resolved.recipe
    return Terms(
        weights=tuple(recipe.weight(found.source) for found in resolved.sources),
        sources={"density": tuple(recipe.density(found.source) for found in resolved.sources)},
        shared={"normalize": recipe.normalize, "lambda": recipe.parameters.lam},
        base_weight=sum(recipe.weight(source) for source in resolved.base_sources),
    )


def _hashes(resolved: Resolved) -> list[str]:
    return [sha256_file(adapter.file.path) for adapter in resolved.adapters]


def _settings(resolved: Resolved, hashes: list[str]) -> dict[str, JsonValue]:
    """Return the recipe as written and each adapter as found, so that the merge can be repeated and compared."""
    recipe = resolved.recipe
    sources: list[JsonValue] = [
        {
            "adapter": found.adapter.reference,
            "sha256": sha256,
            "weight": recipe.weight(found.source),
            "density": recipe.density(found.source),
            "ranks": list(found.adapter.ranks),
        }
        for found, sha256 in zip(resolved.sources, hashes, strict=True)
    ]
    return {
        "recipe": recipe.model_dump(mode="json", by_alias=True, exclude_none=True),
        "sources": sources,
        "normalize": recipe.normalize,
    }


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
        f"- `{shown(found.adapter.reference)}`: weight {recipe.weight(found.source):g}"
        f", density {recipe.density(found.source):g}"
        for found in resolved.sources
    ]
    opens = {
        "model": "Opens with `AutoModelForCausalLM.from_pretrained`; the chat template is the base's.",
        "adapter": "Opens with `PeftModel.from_pretrained` on the base.",
    }
    return CardText(
        name=recipe.name or DEFAULT_NAME,
        kind=output,
        summary="\n".join([f"{recipe.merge_method} of the adapters", "", *sources]),
        base=resolved.base.record,
        parents=[f.artifact.reference for f in resolved.sources if f.artifact is not None],
        metrics=metrics,
        licence=licence,
        use=opens[output],
    )


def _licence(resolved: Resolved, workspace: Workspace) -> str:
    """Return all different licences of the parents and of a base of the registry, joined by AND."""
    base = Registry(workspace).find(resolved.base.id)
    cards = [f.artifact.card for f in resolved.sources if f.artifact is not None]
    return join_licences([*(c.licence for c in cards), base.card.licence if base else ""])


def join_licences(licences: Iterable[str]) -> str:
    """Return one SPDX expression that holds all of these licences, each once."""
    parts: dict[str, None] = {}
    for licence in licences:
        if " OR " in licence:
            parts[f"({licence})"] = None
        else:
            parts.update(dict.fromkeys(part for part in licence.split(" AND ") if part))
    return " AND ".join(parts)


def _summary(resolved: Resolved) -> str:
    recipe = resolved.recipe
    adapters = ", ".join(
        f"{found.adapter.reference} * {recipe.weight(found.source):g}" for found in resolved.sources
    )
    return f"{recipe.merge_method} of {adapters} on {resolved.base.id}"
