"""What is recorded of a written merge: its settings, its model card, its licence and a summary line."""

import json
from collections.abc import Mapping
from typing import Literal

from pydantic import JsonValue

from adapt.registry.cards import CardText, shown
from adapt.registry.licences import join_licences
from adapt.registry.origins import licences_of
from adapt.workspace.folder import Workspace
from merge.check.resolve import DEFAULT_NAME, Resolved
from merge.recipes.recipe import Recipe, Source


def settings_of(
    resolved: Resolved, hashes: list[tuple[str, str]], rows: list[JsonValue]
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
        for entry, (sha256, _) in zip(resolved.sources, hashes, strict=True)
    ]
    return {
        "recipe": recipe.model_dump(mode="json", by_alias=True, exclude_none=True),
        "sources": sources,
        "method": recipe.merge_method,
        "parameters": resolved.parameters(),
        "notes": list(resolved.notes),
        **({"calibration": rows} if rows else {}),
    }


def card_of(
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


def licence_of(resolved: Resolved, workspace: Workspace) -> str:
    """Return all different licences of what is merged, joined by AND."""
    artifacts = [f.artifact for f in resolved.sources if f.artifact is not None]
    return join_licences(licences_of(workspace, artifacts, base=resolved.base.id).values())


def summary_of(resolved: Resolved) -> str:
    """Return one line: method, adapters with their weights, base."""
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
