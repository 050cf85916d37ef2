"""A recipe for mergekit with every model as one short text, wherever it stands: in models, slices and modules.

mergekit also writes `model: {model: {path: …}, lora: …}`; what those forms mean is `merge.recipes.model_names`.
"""

from collections.abc import Mapping

from merge.recipes.model_names import as_named
from merge.recipes.parameters import Faults
from merge.recipes.yaml_lines import Location


def with_short_names(
    part: Mapping[str, object], location: Location = ()
) -> tuple[dict[str, object], Faults]:
    """Return a recipe, or a module of it, with every model as `base+adapter`, and what is wrong in the long forms."""
    named, inner = as_named(part)
    faults: Faults = [((*location, *at), text) for at, text in inner]
    pieces = part.get("slices")
    if isinstance(pieces, list):
        named["slices"] = [
            _slice(piece, (*location, "slices", i), faults) for i, piece in enumerate(pieces)
        ]
    modules = part.get("modules")
    if isinstance(modules, Mapping):
        named["modules"] = {
            name: _module(module, (*location, "modules", str(name)), faults)
            for name, module in modules.items()
        }
    return named, faults


def _slice(piece: object, location: Location, faults: Faults) -> object:
    if not isinstance(piece, Mapping) or not isinstance(piece.get("sources"), list):
        return piece
    named, inner = as_named({**piece, "models": piece["sources"]})
    for at, text in inner:
        inside = ("sources", *at[1:]) if at[0] == "models" else at
        faults.append(((*location, *inside), text))
    named["sources"] = named["models"]
    if "models" not in piece:
        del named["models"]
    return named


def _module(module: object, location: Location, faults: Faults) -> object:
    if not isinstance(module, Mapping):
        return module
    named, inner = with_short_names(module, location)
    faults += inner
    return named


DEPTH = 6  # modules, a name, slices, a place, sources, a place


def without_parameters(part: Mapping[str, object]) -> dict[str, object]:
    """Return a recipe without any `parameters`, whose faults are reported by themselves."""
    return {key: _bare(value, DEPTH) for key, value in part.items() if key != "parameters"}


def _bare(value: object, depth: int) -> object:
    if isinstance(value, Mapping) and depth:
        return {k: _bare(v, depth - 1) for k, v in value.items() if k != "parameters"}
    if isinstance(value, list) and depth:
        return [_bare(entry, depth - 1) for entry in value]
    return value
