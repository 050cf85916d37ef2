"""How a recipe writes one parameter, and its value for one tensor: plain, a gradient over the layers, or by filters.

    density: 0.5                     density: [0.8, 0.3, 0.1]      density:
                                                                     - {filter: mlp, value: [0.2, 0.6]}
                                                                     - {value: 0.5}   # all other tensors

Resolved as mergekit 0.1.5 resolves it (`config.evaluate_setting`, and `plan.py` for the place of a tensor among the layers).
Not here: what a method takes (`merge.methods.catalogue`), and what holds where a source says nothing
(`merge.recipes.recipe`).
"""

import re
from collections.abc import Iterable, Mapping

from pydantic import JsonValue

from adapt.errors import quoted
from merge.methods.spec import Parameter, Value
from merge.recipes.yaml_lines import Location

EVERYTHING = "*"
Faults = list[tuple[Location, str]]
_LAYER = re.compile(r"(?:^|(?P<stack>.*?)\.)(?P<index>\d+)\.")


def layer_counts(tensors: Iterable[str]) -> dict[str, int]:
    """Return how many layers each stack of a model has, from the names of its tensors: `{"model.layers": 24}`."""
    counts: dict[str, int] = {}
    for name in tensors:
        match = _LAYER.match(name)
        if match:
            stack, index = match["stack"] or "", int(match["index"])
            counts[stack] = max(counts.get(stack, 0), index + 1)
    return counts


def depth(tensor: str, layers: Mapping[str, int]) -> float:
    """Return where a tensor lies among the layers of its stack, in [0, 1].

    As in mergekit, what lies in no layer (embeddings, the last norm, the head) counts as the first one, and the layer of a
    model of one layer as the last one.
    """
    match = _LAYER.match(tensor)
    if not match:
        return 0.0
    count = layers.get(match["stack"] or "", 1)
    return min(1.0, int(match["index"]) / (count - 1)) if count > 1 else 1.0


def evaluate(setting: JsonValue, tensor: str, t: float) -> Value | None:
    """Return the value of a setting that has no faults, for one tensor at depth `t`; None where no filter matches it."""
    if isinstance(setting, Mapping):
        setting = [setting]
    if not isinstance(setting, list):
        return setting
    if not any(isinstance(entry, Mapping) for entry in setting):
        return _on_gradient([e for e in setting if isinstance(e, Value)], t)
    for condition in setting:
        if isinstance(condition, Mapping) and _matches(condition.get("filter"), tensor):
            return evaluate(condition["value"], tensor, t)
    return None


def _matches(word: JsonValue, tensor: str) -> bool:
    return word is None or word == EVERYTHING or (isinstance(word, str) and word in tensor)


def _on_gradient(values: list[Value], t: float) -> Value:
    """Return the value at `t` between the ends of a gradient: numbers are interpolated, flags switch."""
    scaled = t * (len(values) - 1)
    first = int(scaled)
    if any(isinstance(value, bool | str) for value in values):
        return values[first]
    fraction = scaled - first
    lower, upper = float(values[first]), float(values[min(len(values) - 1, first + 1)])
    return (1 - fraction) * lower + fraction * upper


def is_plain(setting: object) -> bool:
    """Return whether a setting is the same for every tensor."""
    return not isinstance(setting, list | Mapping)


def catches_all(setting: object) -> bool:
    """Return whether a setting has a value for every tensor."""
    conditions = [setting] if isinstance(setting, Mapping) else setting
    if not isinstance(conditions, list) or not any(isinstance(c, Mapping) for c in conditions):
        return True
    return any(isinstance(c, Mapping) and c.get("filter") in (None, EVERYTHING) for c in conditions)


def values_of(setting: object) -> list[object]:
    """Return all single values that are written in a setting."""
    if isinstance(setting, Mapping):
        return values_of(setting.get("value"))
    if isinstance(setting, list):
        return [value for entry in setting for value in values_of(entry)]
    return [setting]


def longest_gradient(setting: object) -> int:
    """Return the number of values of the longest gradient in a setting; 0 without one."""
    if isinstance(setting, Mapping):
        return longest_gradient(setting.get("value"))
    if not isinstance(setting, list):
        return 0
    if any(isinstance(entry, Mapping) for entry in setting):
        return max(longest_gradient(entry) for entry in setting)
    return len(setting)


def setting_faults(parameter: Parameter, setting: object, at: Location) -> Faults:
    """Return what is wrong with one parameter as it is written, each with its place."""
    if isinstance(setting, Mapping):
        return _condition_faults(parameter, setting, at)
    if not isinstance(setting, list):
        return _value_faults(parameter, setting, at)
    if not parameter.varies:
        return [(at, f"takes one value for the whole model, not a list (got {quoted(setting)})")]
    if not setting:
        return [(at, "is an empty list; write a value, or leave it out")]
    if not any(isinstance(entry, Mapping) for entry in setting):
        return [f for i, v in enumerate(setting) for f in _value_faults(parameter, v, (*at, i))]
    faults: Faults = []
    for i, entry in enumerate(setting):
        if isinstance(entry, Mapping):
            faults += _condition_faults(parameter, entry, (*at, i))
        else:
            text = "mixes values and filters; write each entry as {filter: …, value: …}"
            faults.append(((*at, i), f"{text} (got {quoted(entry)})"))
    return faults or _order_faults(setting, at)


def _condition_faults(
    parameter: Parameter, condition: Mapping[object, object], at: Location
) -> Faults:
    """Return what is wrong with `{filter: …, value: …}`."""
    if not parameter.varies:
        return [(at, "takes one value for the whole model, no filters")]
    faults: Faults = [
        ((*at, str(key)), "unknown key, known keys: filter, value")
        for key in condition
        if key not in ("filter", "value")
    ]
    word = condition.get("filter")
    if word is not None and (not isinstance(word, str) or not word):
        faults.append(
            (
                (*at, "filter"),
                f"should be a part of tensors' names, such as mlp (got {quoted(word)})",
            )
        )
    if "value" not in condition:
        faults.append((at, "has no value; write {filter: …, value: …}"))
        return faults
    value = condition["value"]
    nested = value if isinstance(value, list) else [value]
    if any(isinstance(entry, Mapping) for entry in nested):
        return [*faults, ((*at, "value"), "holds a filter inside a filter; write them as one list")]
    return faults + setting_faults(parameter, value, (*at, "value"))


def _value_faults(parameter: Parameter, value: object, at: Location) -> Faults:
    text = parameter.fault(value)
    number = _number_in(value) if text and isinstance(parameter.default, float) else None
    if number is not None:
        text = f"should be a number, not text; write {number:g} without quotes (got {value!r})"
    return [(at, text)] if text else []


def _number_in(value: object) -> float | None:
    """Return the number that a text spells; YAML reads `1e-2` as a text too."""
    if not isinstance(value, str):
        return None
    try:
        return float(value)
    except ValueError:
        return None


def _order_faults(conditions: list[object], at: Location) -> Faults:
    """Return the entries that are never reached, because an earlier one takes every tensor."""
    for i, condition in enumerate(conditions[:-1]):
        if catches_all(condition):
            return [((*at, i + 1), "is never used: the entry before it takes every tensor")]
    return []
