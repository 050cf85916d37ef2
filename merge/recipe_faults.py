"""What is wrong between the fields of a recipe, and how faults are told: field, line, sentence.

Works on the values as they were read, so that one wrong field does not hide what is wrong in another.
"""

import difflib
import math
from collections.abc import Mapping, Sequence
from typing import TypeGuard

from merge.recipe_yaml import Location
from merge.specs import SPECS, MethodSpec

KNOWN = frozenset(p.name for spec in SPECS.values() for p in spec.parameters)


def all_faults(where: str, sentences: Sequence[str]) -> str:
    """Return one text for all faults: the fault itself where there is one, else a list."""
    if len(sentences) == 1:
        return f"{where}: {sentences[0]}"
    return "\n".join([f"{where}: {len(sentences)} faults", *(f"  - {s}" for s in sentences)])


def place(location: Location, text: str, lines: Mapping[Location, int]) -> str:
    """Put field and line before a fault; a field that is not written down takes its parent's line."""
    field = ""
    for part in location:
        field += f"[{part}]" if isinstance(part, int) else f".{part}" if field else str(part)
    line = next(
        (lines[location[:n]] for n in range(len(location), 0, -1) if location[:n] in lines), 0
    )
    return f"{f'line {line}: ' if line else ''}{field}: {text}"


def cross_faults(values: Mapping[str, object]) -> list[tuple[Location, str]]:
    """Return what is wrong between fields; reads what is there and leaves wrong types to pydantic."""
    faults: list[tuple[Location, str]] = []
    method = values.get("merge_method")
    spec = SPECS.get(method) if isinstance(method, str) else None
    if isinstance(method, str) and spec is None:
        near = difflib.get_close_matches(method, SPECS, n=1)
        tail = f"did you mean {near[0]}?" if near else f"there is: {', '.join(SPECS)}"
        faults.append((("merge_method",), f"no method named '{method}'; {tail}"))
    models = values.get("models")
    sources = models if isinstance(models, list | tuple) else []
    faults += _source_faults(sources, given="models" in values)
    groups: list[tuple[Location, object]] = [(("parameters",), values.get("parameters"))]
    groups += [
        (("models", i, "parameters"), source.get("parameters"))
        for i, source in enumerate(sources)
        if _is_mapping(source)
    ]
    if spec is not None:
        for location, group in groups:
            if _is_mapping(group):
                faults += _method_faults(spec, location, group)
        faults += _sum_faults(spec, groups)
    return faults


def _source_faults(sources: Sequence[object], *, given: bool) -> list[tuple[Location, str]]:
    faults: list[tuple[Location, str]] = []
    mappings = [(i, s) for i, s in enumerate(sources) if _is_mapping(s)]
    for i, source in mappings:
        if ("model" in source) == ("adapter" in source):
            faults.append((("models", i), "needs either 'adapter' or 'model: base+adapter'"))
        model = source.get("model")
        if isinstance(model, str) and model.count("+") > 1:
            faults.append((("models", i, "model"), "has more than one '+'; write base+adapter"))
    is_adapter = [
        isinstance(s.get("adapter"), str) or "+" in str(s.get("model")) for _, s in mappings
    ]
    if given and len(mappings) == len(sources) and not any(is_adapter):
        faults.append(
            (("models",), "names no adapter; add one as 'adapter: name' or 'model: base+folder'")
        )
    return faults


def _method_faults(
    spec: MethodSpec, location: Location, group: Mapping[str, object]
) -> list[tuple[Location, str]]:
    """Return the parameters that this method would silently ignore."""
    unused = [key for key in group if key in KNOWN and spec.parameter(key) is None]
    return [((*location, key), f"{spec.name} does not use it; remove it") for key in unused]


def _sum_faults(
    spec: MethodSpec, groups: Sequence[tuple[Location, object]]
) -> list[tuple[Location, str]]:
    shared = groups[0][1].get("weight", 1.0) if _is_mapping(groups[0][1]) else 1.0
    weights = [g.get("weight", shared) if _is_mapping(g) else shared for _, g in groups[1:]]
    numbers = [float(w) for w in weights if isinstance(w, int | float) and math.isfinite(w)]
    if spec.is_mean and numbers and len(numbers) == len(weights) and sum(numbers) == 0:
        return [(("models",), f"the weights sum to 0, and {spec.name} divides by their sum")]
    return []


def _is_mapping(value: object) -> TypeGuard[Mapping[str, object]]:
    return isinstance(value, Mapping)
