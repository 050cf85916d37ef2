"""The parameters of a recipe for mergekit: one value, a gradient over the layers, or values with filters.

Parameters are looked for at the source, its slice, its module and the whole recipe, in that order; the first that has
a value for a tensor counts. What mergekit ignores in silence, and what would stop it half way, is refused.
"""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from merge.recipes.mergekit.catalogue import MergekitMethod, MergekitParameter
from merge.recipes.parameters import Faults, catches_all, setting_faults
from merge.recipes.yaml_lines import Location

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
            is_number = not isinstance(parameter.value.default, bool | str)
            plain = _as_numbers(setting) if is_number else setting
            faults += setting_faults(parameter.value, plain, at)
            continue
        known = [p.name for p in method.parameters]
        near = difflib.get_close_matches(key, known, n=1)
        tail = f"did you mean {near[0]}?" if near else f"it takes {', '.join(known) or 'none'}"
        faults.append(
            (at, f"{method.name} has no such parameter, and mergekit would ignore it; {tail}")
        )
    return faults


def _as_numbers(setting: object) -> object:
    """Return a setting with its texts such as `1e-5` as the numbers that they are, in gradients and filters as well."""
    if isinstance(setting, Mapping):
        return {k: _as_number(v) if k == "value" else v for k, v in setting.items()}
    if not isinstance(setting, list):
        return _as_number(setting)
    return [_as_numbers(v) if isinstance(v, Mapping) else _as_number(v) for v in setting]


def _as_number(value: object) -> object:
    if isinstance(value, list):
        return [v if isinstance(v, list) else _as_number(v) for v in value]
    return float(value) if isinstance(value, str) and SCIENTIFIC.fullmatch(value) else value


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
    return any(setting not in (None, []) and catches_all(setting) for setting in settings)


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
