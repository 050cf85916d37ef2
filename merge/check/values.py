"""What the values of a recipe come to on the tensors of its base.

Sums that vanish, probabilities out of range, filters and gradients that do not do what they seem to.
Not here: values that are wrong by themselves (`merge.recipes.parameters`).
"""

import math
from collections.abc import Iterator, Mapping

from pydantic import JsonValue

from adapt.errors import RecipeError
from merge.check.findings import Findings
from merge.methods.terms import Terms
from merge.recipes.faults import is_out_of_range, out_of_range
from merge.recipes.parameters import EVERYTHING, longest_gradient
from merge.recipes.recipe import Recipe, Source
from merge.recipes.yaml_lines import Location
from merge.weights.plan import MergePlan, OutputTensor


def check_values(
    recipe: Recipe, plan: MergePlan, layers: Mapping[str, int], findings: Findings
) -> None:
    """Add the faults of values on the tensors that are changed, and notes on settings that reach nothing."""
    changed = [t for file in plan.files for t in file.tensors if t.changes]
    terms_of = recipe.terms_of(layers)
    terms = {tensor.record.name: terms_of(tensor.record.name) for tensor in changed}
    _check_sums(recipe, changed, terms, findings)
    if recipe.spec.parameter("density") is not None:
        for place, source in enumerate(recipe.adapters):
            _check_density(recipe, place, source, changed, terms, findings)
    names = [t.record.name for t in changed]
    for at, setting in _settings(recipe):
        _note_unreached(".".join(map(str, at)), setting, names, layers, findings)


def _check_sums(
    recipe: Recipe,
    changed: list[OutputTensor],
    terms_by_name: Mapping[str, Terms],
    findings: Findings,
) -> None:
    """Refuse a mean whose weights sum to 0, and weights that are 0 wherever an adapter changes something."""
    used: set[int] = set()
    for tensor in changed:
        terms = terms_by_name[tensor.record.name]
        used |= {c.source for c in tensor.changes if terms.weights[c.source] != 0}
        total = math.fsum((*terms.weights, terms.base_weight))
        if recipe.spec.is_mean and total == 0:
            text = f"the weights of {tensor.record.name} sum to 0, and {recipe.merge_method} divides by their sum"
            findings.add(("models",), RecipeError(text))
            return
    if not used:
        findings.add(("models",), RecipeError("all weights are 0, so that nothing would be merged"))
        return
    for place, source in enumerate(recipe.adapters):
        if place not in used:
            findings.note(f"adapter {source.adapter_part} has weight 0 on all of its tensors")
    if recipe.setting_or_none("lambda") == 0:
        findings.note("lambda is 0, so that the merged model is the base")


def _check_density(
    recipe: Recipe,
    place: int,
    source: Source,
    changed: list[OutputTensor],
    terms_by_name: Mapping[str, Terms],
    findings: Findings,
) -> None:
    """Refuse a density that keeps no entry of any tensor, and DELLA's probabilities outside (0, 1)."""
    mine = [t for t in changed if any(c.source == place for c in t.changes)]
    kept = 0.0
    for tensor in mine:
        sources = terms_by_name[tensor.record.name].sources
        density = sources["density"][place]
        kept = max(kept, density * math.prod(tensor.record.shape))
        epsilon = sources["epsilon"][place] if "epsilon" in sources else 0.0
        if "epsilon" in sources and is_out_of_range(density, epsilon):
            text = f"{tensor.record.name}: {out_of_range(density, epsilon)}"
            findings.add(_field(recipe, source, "density"), RecipeError(text))
            return
    if mine and kept < 1:
        text = f"density keeps no entry of any tensor of adapter {source.adapter_part}; use a larger one"
        findings.add(_field(recipe, source, "density"), RecipeError(text))


def _field(recipe: Recipe, source: Source, name: str) -> Location:
    """Return where a parameter of a source is written: at the source, else for the whole recipe."""
    own = (*recipe.place(source)[:2], "parameters", name)
    return own if name in source.parameters else ("parameters", name)


def _settings(recipe: Recipe) -> Iterator[tuple[Location, JsonValue]]:
    for name, setting in recipe.parameters.items():
        yield ("parameters", name), setting
    for i, source in enumerate(recipe.models):
        for name, setting in source.parameters.items():
            yield ("models", i, "parameters", name), setting


def _note_unreached(
    field: str,
    setting: JsonValue,
    names: list[str],
    layers: Mapping[str, int],
    findings: Findings,
) -> None:
    """Note filters that match nothing, and gradients with more values than there are layers."""
    count = max(layers.values(), default=0)
    if longest_gradient(setting) > max(count, 1):
        findings.note(
            f"{field}: has {longest_gradient(setting)} values for {count} layers, so that some are never reached"
        )
    for entry in setting if isinstance(setting, list) else [setting]:
        word = entry.get("filter") if isinstance(entry, dict) else None
        if isinstance(word, str) and word != EVERYTHING and not any(word in n for n in names):
            findings.note(f"{field}: the filter '{word}' matches no tensor that is merged")
