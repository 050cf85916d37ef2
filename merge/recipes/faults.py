"""What is wrong between the fields of a recipe, and how faults are reported: field, line, sentence.

Works on the values as they were read, so that one wrong field does not hide what is wrong in another.
"""

import difflib
import math
from collections.abc import Mapping, Sequence
from typing import TypeGuard

from pydantic_core import ErrorDetails

from adapt.errors import quoted
from merge.methods.catalogue import SPECS
from merge.methods.spec import MethodSpec, Parameter
from merge.recipes.model_names import MERGEKIT_METHODS
from merge.recipes.parameters import Faults, catches_all, is_plain, setting_faults
from merge.recipes.sections import section_faults
from merge.recipes.yaml_lines import Location

KNOWN = {p.name: p for spec in SPECS.values() for p in spec.parameters}
# where the method is wrong, its parameters are compared with those of all methods
_ANY = MethodSpec("no method", "", tuple(KNOWN.values()))
Group = tuple[Location, Mapping[str, object]]


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


def explain(fault: ErrorDetails, known: Sequence[str]) -> str:
    """Return the sentence of one pydantic fault; `known` are the keys that may stand at its place."""
    kind, message = fault["type"], fault["msg"]
    if kind == "extra_forbidden":
        return _unknown_key(str(fault["loc"][-1]), known)
    if kind == "missing":
        return "is missing"
    if kind in ("model_type", "dict_type"):
        message = "should be a mapping of 'key: value'"
    message = message.removeprefix("Input ").replace("a valid tuple", "a list")
    return f"{message} (got {quoted(fault['input'])})"


def _unknown_key(key: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(key, known, n=1)
    return "unknown key, " + (
        f"did you mean {near[0]}?" if near else f"known keys: {', '.join(known)}"
    )


def cross_faults(values: Mapping[str, object]) -> Faults:
    """Return what is wrong between fields; reads what is there and leaves wrong types to pydantic.

    Args:
        values: of a recipe of adapters, every model as a text (`merge.recipes.model_names.as_named`).
    """
    method = values.get("merge_method")
    spec = SPECS.get(method, _ANY) if isinstance(method, str) else _ANY
    faults: Faults = []
    if isinstance(method, str) and spec is _ANY:
        faults.append((("merge_method",), _unknown_method(method)))
    models = values.get("models")
    sources = models if isinstance(models, list | tuple) else []
    faults += _source_faults(sources, given="models" in values)
    faults += section_faults(values, [name for name in map(_adapter, sources) if name])
    shared = values.get("parameters")
    recipe: Group = (("parameters",), shared if _is_mapping(shared) else {})
    groups = [_group(i, source) for i, source in enumerate(sources)]
    faults += _count_faults(spec, sources)
    faults += _parameter_faults(spec, recipe, groups)
    faults += _weight_faults(spec, values, recipe, groups)
    return faults + _density_faults(spec, recipe, groups)


def _unknown_method(method: str) -> str:
    if method in MERGEKIT_METHODS:
        return f"{method} works on whole models, which mergekit merges from a recipe file"
    near = difflib.get_close_matches(method, (*SPECS, *MERGEKIT_METHODS), n=1)
    tail = f"did you mean {near[0]}?" if near else f"there is: {', '.join(SPECS)}"
    return f"no method named '{method}'; {tail}"


def _group(place: int, source: object) -> Group:
    own = source.get("parameters") if _is_mapping(source) else None
    return ("models", place, "parameters"), own if _is_mapping(own) else {}


def _adapter(source: object) -> str | None:
    """Return the adapter that a source names, or None."""
    if not _is_mapping(source):
        return None
    name, model = source.get("adapter"), source.get("model")
    if isinstance(name, str):
        return name
    return model.partition("+")[2] or None if isinstance(model, str) else None


def _source_faults(sources: Sequence[object], *, given: bool) -> Faults:
    faults: Faults = []
    mappings = [(i, s) for i, s in enumerate(sources) if _is_mapping(s)]
    for i, source in mappings:
        named = [key for key in source if key != "parameters"]
        # a misspelt key is reported as such
        if named not in (["model"], ["adapter"]) and set(named) <= {"model", "adapter"}:
            faults.append((("models", i), "needs either 'adapter' or 'model: base+adapter'"))
        model = source.get("model")
        if isinstance(model, str) and model.count("+") > 1:
            faults.append((("models", i, "model"), "has more than one '+'; write base+adapter"))
        elif isinstance(model, str) and "+" in model and "" in model.split("+"):
            faults.append((("models", i, "model"), f"names only half of base+adapter: '{model}'"))
    is_readable = not faults and len(mappings) == len(sources)
    if given and is_readable and not any(map(_adapter, sources)):
        faults.append(
            (("models",), "names no adapter; add one as 'adapter: name' or 'model: base+folder'")
        )
    return faults


def _count_faults(spec: MethodSpec, sources: Sequence[object]) -> Faults:
    count = sum(_adapter(source) is not None for source in sources)
    if not count or spec.fewest <= count <= (spec.most or count):
        return []
    if spec.fewest == spec.most:
        needed = f"exactly {spec.most}"
    else:
        needed = f"at least {spec.fewest}" if count < spec.fewest else f"at most {spec.most}"
    return [(("models",), f"{spec.name} merges {needed} adapters, and there are {count}")]


def _parameter_faults(spec: MethodSpec, recipe: Group, groups: Sequence[Group]) -> Faults:
    """Return what is wrong with each parameter by itself: unknown, of no use, in the wrong place, out of range."""
    faults: Faults = []
    for at, group in (recipe, *groups):
        for key, setting in group.items():
            parameter = spec.parameter(str(key))
            if parameter is None:
                faults.append(((*at, key), _useless(spec, str(key), per_source=at[0] == "models")))
            elif at[0] == "models" and not parameter.per_source:
                text = (
                    f"holds for the whole merge; write it under the recipe's own parameters: {key}"
                )
                faults.append(((*at, key), text))
            else:
                own = setting_faults(parameter, setting, (*at, key))
                faults += own or _uncaught(parameter, setting, (*at, key), recipe[1])
    return faults


def _useless(spec: MethodSpec, key: str, *, per_source: bool) -> str:
    if key in KNOWN:
        return f"{spec.name} does not use it; remove it"
    names = [p.name for p in spec.parameters if p.per_source or not per_source]
    return _unknown_key(key, names) if names else f"unknown key, {spec.name} has none for a model"


def _uncaught(
    parameter: Parameter, setting: object, at: Location, shared: Mapping[str, object]
) -> Faults:
    """Return a fault where filters leave some tensors without a value, by themselves and by the recipe's."""
    if catches_all(setting):
        return []
    if at[0] == "models" and parameter.name in shared and catches_all(shared[parameter.name]):
        return []
    text = f"has no value for tensors that no filter matches; add {{value: {parameter.default}}} as the last entry"
    return [(at, text)]


def _plain(name: str, default: float, groups: Sequence[Group], recipe: Group) -> list[float]:
    """Return a parameter of each source as a number; nothing where any of them is none, or varies."""
    shared = recipe[1].get(name, default)
    values = [group.get(name, shared) for _, group in groups]
    numbers = [float(v) for v in values if is_plain(v) and isinstance(v, int | float)]
    finite = [number for number in numbers if math.isfinite(number)]
    return finite if len(finite) == len(values) else []


def _weight_faults(
    spec: MethodSpec, values: Mapping[str, object], recipe: Group, groups: Sequence[Group]
) -> Faults:
    if spec.parameter("weight") is None:
        return []
    faults: Faults = []
    if spec.is_mean and recipe[1].get("normalize") is False:
        text = "scales the base's own weights too, by the sum of the weights; a recipe of whole models can, in mergekit"
        faults.append(((*recipe[0], "normalize"), text))
    sources = values.get("models")
    models = sources if isinstance(sources, list | tuple) else []
    base = values.get("base_model")
    if spec.is_mean:
        weights = _plain("weight", 1.0, groups, recipe)
        if weights and math.fsum(weights) == 0:
            text = f"the weights sum to 0, and {spec.name} divides by their sum"
            faults.append((("models",), text))
        is_source = any(_is_mapping(s) and s.get("model") == base for s in models)
        if isinstance(base, str) and "weight" in recipe[1] and not is_source:
            text = (
                "mergekit lets the base count in the mean with this weight; give each adapter its own weight, and list "
                "the base among the models if it should count"
            )
            faults.append(((*recipe[0], "weight"), text))
    adapters = [g for g, source in zip(groups, models, strict=True) if _adapter(source)]
    weights = _plain("weight", 1.0, adapters, recipe)
    if weights and not any(weights) and not faults:
        faults.append((("models",), "all weights are 0, so that nothing would be merged"))
    return faults


def without_faulty_parameters(values: Mapping[str, object], faults: Faults) -> Mapping[str, object]:
    """Return the values without the groups of parameters that have faults."""
    faulty = {at[: at.index("parameters")] for at, _ in faults if "parameters" in at[:3]}
    kept = {key: value for key, value in values.items() if key != "parameters" or () not in faulty}
    models = values.get("models")
    if isinstance(models, list):
        kept["models"] = [
            {k: v for k, v in source.items() if k != "parameters"}
            if ("models", i) in faulty and isinstance(source, Mapping)
            else source
            for i, source in enumerate(models)
        ]
    return kept


def _density_faults(spec: MethodSpec, recipe: Group, groups: Sequence[Group]) -> Faults:
    """Return where DELLA's keep probabilities, density ± epsilon, leave (0, 1); as in mergekit, density 1 keeps all."""
    epsilon = spec.parameter("epsilon")
    if epsilon is None:
        return []
    faults: Faults = []
    for at, group in groups:
        density = _plain("density", 1.0, [(at, group)], recipe)
        spread = _plain("epsilon", float(epsilon.default), [(at, group)], recipe)
        if density and spread and is_out_of_range(density[0], spread[0]):
            own = [name for name in ("epsilon", "density") if name in group]
            key = own[0] if own else "epsilon" if "epsilon" in recipe[1] else "density"
            where = (*at, key) if key in group else (*recipe[0], key)
            faults.append((where, out_of_range(density[0], spread[0])))
    return faults


def is_out_of_range(density: float, epsilon: float) -> bool:
    """Return whether DELLA would draw with a probability outside (0, 1)."""
    return 0 < density < 1 and not (density - epsilon > 0 and density + epsilon < 1)


def out_of_range(density: float, epsilon: float) -> str:
    """Return the sentence of that."""
    return (
        f"density {density:g} ± epsilon {epsilon:g} leaves (0, 1), and they are probabilities; "
        f"use an epsilon below {min(density, 1 - density):g}"
    )


def _is_mapping(value: object) -> TypeGuard[Mapping[str, object]]:
    return isinstance(value, Mapping)
