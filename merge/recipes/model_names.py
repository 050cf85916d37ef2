"""The forms in which mergekit lets a recipe name models, and which recipes are mergekit's own work.

A merge of adapters of one base is ours: ΔW exactly, streamed. Whole checkpoints, slices, modules, tokenizers to be joined
and mixtures of experts go to mergekit. Works on the values as they were read; wrong types are left to others.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from adapt.errors import quoted
from merge.methods.catalogue import SPECS
from merge.recipes.parameters import Faults
from merge.recipes.yaml_lines import Location

# keys that only mergekit's side knows: of mergekit-yaml, mergekit-moe and mergekit-extract-lora
MERGEKIT_KEYS = (
    "slices",
    "modules",
    "tokenizer",
    "tokenizer_source",
    "chat_template",
    "experts",
    "gate_mode",
    "experts_per_token",
    "shared_experts",
    "extract_lora",
)
# methods of mergekit 0.1.5 that need whole models
MERGEKIT_METHODS = (
    "passthrough",
    "karcher",
    "arcee_fusion",
    "multislerp",
    "nearswap",
    "ram",
    "ramplus_tl",
)


def as_named(values: Mapping[str, object]) -> tuple[dict[str, object], Faults]:
    """Return the values with every model as mergekit's short text `base+adapter`, and what is wrong in the long forms.

    mergekit also reads `model: {model: base, lora: {path: folder}}`; a revision on the hub is not fetched here.
    """
    named = dict(values)
    faults: Faults = []
    if isinstance(values.get("base_model"), Mapping):
        named["base_model"] = _short(values["base_model"], ("base_model",), faults)
    models = values.get("models")
    if isinstance(models, list | tuple):
        named["models"] = [_source(s, ("models", i), faults) for i, s in enumerate(models)]
    if "parameters" in values and values["parameters"] is None:
        named["parameters"] = {}
    return named, faults


def _source(source: object, at: Location, faults: Faults) -> object:
    if not isinstance(source, Mapping):
        return source
    named = dict(source)
    if isinstance(named.get("model"), Mapping):
        named["model"] = _short(named["model"], (*at, "model"), faults)
    if "parameters" in named and named["parameters"] is None:
        named["parameters"] = {}
    return named


def _short(value: object, at: Location, faults: Faults) -> str:
    """Return `base+adapter` of a model written as a mapping; a text in its place where it has faults."""
    before = len(faults)
    whole = value if isinstance(value, Mapping) else {}
    known = ("model", "lora")
    faults += [((*at, str(k)), _unknown(str(k), known)) for k in whole if k not in known]
    if "model" not in whole:
        faults.append((at, "has no 'model'; write {model: base, lora: adapter}"))
    parts = [
        _path(whole[key], (*at, key), faults) for key in known if whole.get(key, None) is not None
    ]
    return "+".join(parts) if len(faults) == before else "?+?"


def _path(value: object, at: Location, faults: Faults) -> str:
    if isinstance(value, str) and value:
        return value
    if not isinstance(value, Mapping):
        faults.append((at, f"should be a name or {{path: …}} (got {quoted(value)})"))
        return ""
    for key in value:
        if key != "path" and value[key] is not None:
            faults.append(((*at, str(key)), _unknown(str(key), ("path",))))
    path = value.get("path")
    if not isinstance(path, str) or not path:
        faults.append((at, "has no 'path'; write {path: folder}"))
        return ""
    return path


def _unknown(key: str, known: tuple[str, ...]) -> str:
    if key == "revision":
        return "a revision is not fetched; download it and name its folder"
    if key == "override_architecture":
        return "is not used in a merge of adapters; remove it"
    return f"unknown key, known keys: {', '.join(known)}"


def is_for_mergekit(values: Mapping[str, object]) -> bool:
    """Return whether a recipe is more than a merge of adapters of one base, and mergekit has to run it."""
    if any(key in values for key in MERGEKIT_KEYS):
        return True
    method = values.get("merge_method")
    if method in MERGEKIT_METHODS:
        return True
    if not isinstance(method, str) or method not in SPECS:
        return False
    named, _ = as_named(values)
    models = list(_models(named))
    return bool(_whole_models(named)) or _means_whole_models(named, models)


def _models(named: Mapping[str, object]) -> Iterator[Mapping[object, object]]:
    models = named.get("models")
    for source in models if isinstance(models, list) else []:
        if isinstance(source, Mapping):
            yield source


def _whole_models(named: Mapping[str, object]) -> set[str]:
    """Return the models that are neither an adapter nor the base; one alone is taken for the base."""
    texts = [text for source in _models(named) if isinstance(text := source.get("model"), str)]
    plain = {text for text in texts if "+" not in text}
    base = named.get("base_model")
    if isinstance(base, str):
        known = {base, *_as_folders({base})}
        return {text for text in plain if not {text, *_as_folders({text})} & known}
    plain -= {text.partition("+")[0] for text in texts if "+" in text}
    has_adapters = any("+" in text for text in texts) or any("adapter" in s for s in _models(named))
    return plain if len(plain) > 1 or has_adapters else set()


def _as_folders(names: set[str]) -> set[str]:
    folders = [Path(name).expanduser() for name in names]
    return {str(folder.resolve()) for folder in folders if folder.is_dir()}


def _means_whole_models(named: Mapping[str, object], models: list[Mapping[object, object]]) -> bool:
    """Return whether mergekit means the whole weights where we would merge task vectors of a base."""
    method, base = named.get("merge_method"), named.get("base_model")
    parameters = named.get("parameters")
    normalize = parameters.get("normalize") if isinstance(parameters, Mapping) else None
    if method == "linear" and normalize is False:
        return True  # the base's own weights are scaled by the sum of the weights
    if isinstance(base, str) and "+" in base:
        # SLERP goes from this model to the other; every other method would take differences to it
        return method != "slerp" or base not in [source.get("model") for source in models]
    if method == "slerp":
        return isinstance(base, str) and any(source.get("model") == base for source in models)
    return method == "nuslerp" and base is None and any("model" in source for source in models)
