"""The parameters of a recipe for mergekit: one value, a gradient over the layers, or values with filters.

Parameters are looked for at the source, its slice, its module and the whole recipe, in that order; the first that has
a value for a tensor counts. What mergekit ignores in silence, and what would stop it half way, is refused.
"""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from merge.mergekit_methods import MergekitMethod, MergekitParameter
from merge.recipe_yaml import Location

Faults = list[tuple[Location, str]]
# YAML 1.1 reads 1e-5 as a word; mergekit takes it for the number that it is, and so do we
SCIENTIFIC = re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+")


@dataclass(frozen=True)
class Scope:
    """One `parameters:` of the recipe and where it stands."""

    location: Location
    values: Mapping[str, object]


def parameter_faults(
    method: MergekitMethod,
    location: Location,
    sources: Sequence[tuple[Location, Scope, bool]],
    scopes: Sequence[Scope],
) -> Faults:
    """Return what is wrong with the parameters of models that are merged with each other.

    Args:
        location: of the models or the slice.
        sources: each source's place, its own parameters, and whether it is the base.
        scopes: what holds for all of them, the nearest first.
    """
    faults: Faults = []
    for scope in scopes:
        faults += _scope_faults(method, scope)
    for _, scope, is_base in sources:
        faults += _scope_faults(method, scope)
        for key in scope.values:
            parameter = method.parameter(key)
            if parameter is not None and parameter.scope == "shared":
                faults.append(
                    (
                        (*scope.location, key),
                        "holds for the whole merge, and mergekit would ignore it here; move it to 'parameters'",
                    )
                )
            elif parameter is not None and parameter.scope == "non_base" and is_base:
                faults.append(
                    ((*scope.location, key), "has no effect on the base model; remove it")
                )
    return [
        *faults,
        *_missing(method, location, sources, scopes),
        *_sum_faults(method, location, sources, scopes),
    ]


def _scope_faults(method: MergekitMethod, scope: Scope) -> Faults:
    faults: Faults = []
    for key, setting in scope.values.items():
        parameter = method.parameter(key)
        at = (*scope.location, key)
        if parameter is not None:
            faults += setting_faults(parameter, at, setting)
            continue
        known = [p.name for p in method.parameters]
        near = difflib.get_close_matches(key, known, n=1)
        tail = f"did you mean {near[0]}?" if near else f"it takes {', '.join(known) or 'none'}"
        faults.append(
            (at, f"{method.name} has no such parameter, and mergekit would ignore it; {tail}")
        )
    return faults


def setting_faults(parameter: MergekitParameter, location: Location, setting: object) -> Faults:
    """Return what is wrong with a value, a gradient or a list of filters."""
    if isinstance(setting, Mapping):
        return _condition_faults(parameter, location, setting)
    if not isinstance(setting, list):
        return _value_faults(parameter, location, setting)
    if not setting:
        return [(location, "is an empty list; write a value, a gradient or filters")]
    mappings = [entry for entry in setting if isinstance(entry, Mapping)]
    if not mappings:
        return [
            f for i, v in enumerate(setting) for f in _value_faults(parameter, (*location, i), v)
        ]
    if len(mappings) < len(setting):
        return [(location, "mixes plain values and filters; write all as 'filter' and 'value'")]
    faults: Faults = []
    for i, condition in enumerate(mappings):
        faults += _condition_faults(parameter, (*location, i), condition)
    ends = [i for i, condition in enumerate(mappings) if _is_catch_all(condition)]
    if ends and ends[0] < len(mappings) - 1:
        text = "comes after a value that holds for every tensor, and is never reached"
        faults.append(((*location, ends[0] + 1), text))
    return faults


def _condition_faults(
    parameter: MergekitParameter, location: Location, condition: Mapping[str, object]
) -> Faults:
    unknown = [key for key in condition if key not in ("value", "filter")]
    if unknown:
        return [((*location, unknown[0]), "unknown key, there are 'value' and 'filter'")]
    if "value" not in condition:
        return [(location, "has no 'value'")]
    word = condition.get("filter")
    if word is not None and (not isinstance(word, str) or not word):
        return [((*location, "filter"), f"should be a part of a tensor's name (got {word!r})")]
    value = condition["value"]
    if isinstance(value, Mapping) or (
        isinstance(value, list) and any(isinstance(v, list | Mapping) for v in value)
    ):
        return [((*location, "value"), "should be one value or a gradient")]
    return setting_faults(parameter, (*location, "value"), value)


def _value_faults(parameter: MergekitParameter, location: Location, value: object) -> Faults:
    is_number = not isinstance(parameter.value.default, bool | str)
    if is_number and isinstance(value, str) and SCIENTIFIC.fullmatch(value):
        value = float(value)
    text = parameter.value.fault(value)
    return [(location, text)] if text else []


def _missing(
    method: MergekitMethod,
    location: Location,
    sources: Sequence[tuple[Location, Scope, bool]],
    scopes: Sequence[Scope],
) -> Faults:
    """Return the parameters without which mergekit stops, at the models that lack them."""
    faults: Faults = []
    for parameter in (p for p in method.parameters if p.required):
        if _is_set(parameter, scopes):
            continue
        if parameter.scope == "shared":
            faults.append((location, f"{method.name} needs {_lacks(parameter, scopes)}"))
            continue
        for at, scope, is_base in sources:
            if parameter.scope == "non_base" and is_base:
                continue
            if not _is_set(parameter, (scope, *scopes)):
                faults.append((at, f"{method.name} needs {_lacks(parameter, (scope, *scopes))}"))
    return faults


def _lacks(parameter: MergekitParameter, scopes: Sequence[Scope]) -> str:
    if any(parameter.name in scope.values for scope in scopes):
        return f"'{parameter.name}' for every tensor; add an entry without a filter"
    return f"the parameter '{parameter.name}'"


def _is_set(parameter: MergekitParameter, scopes: Sequence[Scope]) -> bool:
    """Return whether there is a value for every tensor, whatever its name."""
    settings = [s.values[parameter.name] for s in scopes if parameter.name in s.values]
    return any(_holds_always(setting) for setting in settings)


def _holds_always(setting: object) -> bool:
    if isinstance(setting, Mapping):
        return _is_catch_all(setting)
    if isinstance(setting, list) and any(isinstance(entry, Mapping) for entry in setting):
        return any(isinstance(entry, Mapping) and _is_catch_all(entry) for entry in setting)
    return setting is not None and setting != []


def _is_catch_all(condition: Mapping[str, object]) -> bool:
    return condition.get("filter") in (None, "*")


def _sum_faults(
    method: MergekitMethod,
    location: Location,
    sources: Sequence[tuple[Location, Scope, bool]],
    scopes: Sequence[Scope],
) -> Faults:
    """Refuse a mean whose plain weights sum to zero."""
    if method.name != "linear" or any(s.values.get("normalize") is False for s in scopes):
        return []
    shared = next((s.values["weight"] for s in scopes if "weight" in s.values), None)
    weights = [scope.values.get("weight", shared) for _, scope, _ in sources]
    numbers = [w for w in weights if isinstance(w, int | float)]
    if numbers and len(numbers) == len(weights) and sum(numbers) == 0:
        return [(location, "the weights sum to 0, and linear divides by their sum")]
    return []
