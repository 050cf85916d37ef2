"""What is wrong between the fields of a merge of whole models; mergekit itself finds most of it late or never.

Works on the values as they were read, so that one wrong field does not hide what is wrong in another; wrong types are
pydantic's. Not here: one parameter's value (`merge.recipes.mergekit.parameters`), and the models themselves
(`merge.mergekit.check`).
"""

import difflib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from merge.recipes.mergekit.catalogue import CHAT_TEMPLATES, METHODS, MergekitMethod
from merge.recipes.mergekit.fields import Sources, entries_of, is_mapping, mapping_of, plus_faults
from merge.recipes.mergekit.parameters import Scope, parameter_faults
from merge.recipes.parameters import Faults
from merge.recipes.yaml_lines import Location


@dataclass(frozen=True)
class _Group:
    """Sources that are merged with each other, the base that they have, and the parameters that hold for all of them."""

    location: Location
    sources: Sources
    base: object
    base_at: Location
    is_slice: bool
    scopes: tuple[Scope, ...]


def merge_faults(values: Mapping[str, object]) -> Faults:
    """Return the faults of a merge of full models."""
    faults: Faults = []
    name = values.get("merge_method")
    method = METHODS.get(name) if isinstance(name, str) else None
    if isinstance(name, str) and method is None:
        near = difflib.get_close_matches(name, METHODS, n=1)
        tail = f"did you mean {near[0]}?" if near else f"there is: {', '.join(METHODS)}"
        faults.append((("merge_method",), f"mergekit has no method named '{name}'; {tail}"))
    forms = [key for key in ("models", "slices", "modules") if values.get(key)]
    if len(forms) != 1:
        problem = (
            f"has {' and '.join(forms)}" if forms else "has none of models, slices and modules"
        )
        faults.append((tuple(forms[1:2]), f"{problem}; write exactly one of the three"))
    groups = list(_groups(values))
    for group in groups:
        faults += [
            f for location, source in group.sources for f in _source_faults(location, source)
        ]
        faults += _slice_faults(group) if group.is_slice else []
        faults += _contract_faults(method, group) if method else []
        faults += _group_parameter_faults(method, group) if method else []
    faults += _end_faults(groups)
    return [*faults, *_dtype_faults(values), *_tokenizer_faults(values)]


def _groups(values: Mapping[str, object]) -> Iterator[_Group]:
    """Yield all that is merged: the models, or each slice, of the whole or of each module."""
    top = Scope(("parameters",), mapping_of(values.get("parameters")))
    base = values.get("base_model")
    yield from _groups_of(values, (), base, (top,))
    modules = mapping_of(values.get("modules"))
    for name, module in modules.items():
        if is_mapping(module):
            location = ("modules", name)
            own = Scope((*location, "parameters"), mapping_of(module.get("parameters")))
            yield from _groups_of(module, location, base, (own, top))


def _groups_of(
    part: Mapping[str, object], location: Location, base: object, scopes: tuple[Scope, ...]
) -> Iterator[_Group]:
    models = entries_of(part, "models", location)
    if models:
        yield _Group((*location, "models"), models, base, ("base_model",), False, scopes)
    for at, piece in entries_of(part, "slices", location):
        own = Scope((*at, "parameters"), mapping_of(piece.get("parameters")))
        base_at = (*at, "base_model") if "base_model" in piece else ("base_model",)
        yield _Group(
            at,
            entries_of(piece, "sources", at),
            piece.get("base_model", base),
            base_at,
            True,
            (own, *scopes),
        )


def _source_faults(location: Location, source: Mapping[str, object]) -> Faults:
    if ("model" in source) == ("adapter" in source):
        return [(location, "needs either 'model' or 'adapter'")]
    return plus_faults((*location, "model"), source.get("model"))


def _slice_faults(group: _Group) -> Faults:
    faults: Faults = []
    lengths: list[int] = []
    for location, source in group.sources:
        limits = source.get("layer_range")
        if not isinstance(limits, list) or [type(n) for n in limits] != [int, int]:
            continue
        first, end = limits
        lengths.append(end - first)
        if first >= end:
            at = (*location, "layer_range")
            faults.append((at, f"goes from {first} to {end}; the end comes after the start"))
    if len(set(lengths)) > 1 and not faults:
        counts = ", ".join(map(str, lengths))
        faults.append(
            (group.location, f"takes {counts} layers; all sources of a slice need as many")
        )
    return faults


def _end_faults(groups: Sequence[_Group]) -> Faults:
    """Find slices whose ends differ: mergekit merges norm and head from as many models as the first slice has."""
    slices: dict[Location, list[_Group]] = {}
    for group in groups:
        if group.is_slice:
            slices.setdefault(group.location[:-1], []).append(group)
    faults: Faults = []
    for ordered in slices.values():
        first, last = len(ordered[0].sources), len(ordered[-1].sources)
        if first != last:
            text = f"merges {last} models, and the first slice {first}: mergekit would leave models out of the final norm"
            faults.append((ordered[-1].location, f"{text} and head; both need as many"))
    return faults


def _contract_faults(method: MergekitMethod, group: _Group) -> Faults:
    """Compare the number of models and the base with what the method takes, as mergekit counts them."""
    names = [str(source.get("model", source.get("adapter"))) for _, source in group.sources]
    if not names:
        return []
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        return [(group.location, f"names '{twice[0]}' twice; each model counts once")]
    has_base = group.base is not None and group.base in names
    if method.base == "ignored" and group.base is not None and not has_base and not group.is_slice:
        text = f"is none of the models, and mergekit would add it to them for {method.name}; remove it, or list it"
        return [(group.base_at, text)]
    if method.base == "required" and group.base is None:
        return [(("base_model",), f"is missing; {method.name} needs one")]
    if method.base == "required" and group.is_slice and not has_base:
        text = f"lacks a source with the base model '{group.base}', which {method.name} needs"
        return [(group.location, text)]
    counts_base = method.base != "ignored" and group.base is not None
    total = len(names) + (counts_base and not has_base and not group.is_slice)
    others = len(names) - has_base
    return _count_faults(
        method, group.location, total=total, others=others, counts_base=counts_base
    )


def _count_faults(
    method: MergekitMethod, location: Location, *, total: int, others: int, counts_base: bool
) -> Faults:
    fewest_others = method.fewest_others or (1 if method.base == "required" else 0)
    limits = (
        (total, method.fewest, method.most, "models" + (" with the base" if counts_base else "")),
        (others, fewest_others, method.most_others, "models beside the base"),
    )
    for count, fewest, most, what in limits:
        if count < fewest or (most is not None and count > most):
            how = "" if fewest == most else "at least " if count < fewest else "at most "
            limit = fewest if count < fewest else most
            return [(location, f"{method.name} takes {how}{limit} {what}, and there are {count}")]
    return []


def _group_parameter_faults(method: MergekitMethod, group: _Group) -> Faults:
    named = [
        (
            location,
            Scope((*location, "parameters"), mapping_of(source.get("parameters"))),
            source.get("model", source.get("adapter")) == group.base,
        )
        for location, source in group.sources
    ]
    return parameter_faults(method, group.location, named, group.scopes)


def _dtype_faults(values: Mapping[str, object]) -> Faults:
    if values.get("dtype") == "float64" and "out_dtype" not in values:
        return [(("dtype",), "computes in float64; say with out_dtype what to write")]
    if values.get("out_dtype") == "float64":
        return [(("out_dtype",), "should be bfloat16, float16 or float32 (got 'float64')")]
    return []


def _tokenizer_faults(values: Mapping[str, object]) -> Faults:
    faults: Faults = []
    if values.get("tokenizer") is not None and values.get("tokenizer_source") is not None:
        faults.append((("tokenizer_source",), "and tokenizer cannot both be given; keep one"))
    if values.get("tokenizer_source") == "base" and "base_model" not in values:
        faults.append((("tokenizer_source",), "is 'base', and there is no base_model"))
    tokens = mapping_of(mapping_of(values.get("tokenizer")).get("tokens"))
    for token, setting in tokens.items():
        if is_mapping(setting) and "source" in setting:
            faults += _token_faults(("tokenizer", "tokens", token, "source"), setting["source"])
    template = values.get("chat_template")
    if (
        isinstance(template, str)
        and "{" not in template
        and template not in ("auto", *CHAT_TEMPLATES)
    ):
        near = difflib.get_close_matches(template, CHAT_TEMPLATES, n=1)
        tail = f"did you mean {near[0]}?" if near else f"or one of {', '.join(CHAT_TEMPLATES)}"
        faults.append((("chat_template",), f"should be Jinja, 'auto', {tail} (got '{template}')"))
    return faults


def _token_faults(location: Location, source: object) -> Faults:
    if isinstance(source, str):
        return []
    kind = source.get("kind") if is_mapping(source) else None
    if not is_mapping(source) or kind not in ("zero", "model_token"):
        return [(location, "should be a model's name, or a mapping with kind: zero or model_token")]
    if kind == "zero":
        return []
    named = [key for key in ("token", "token_id") if source.get(key) is not None]
    if not isinstance(source.get("model"), str) or len(named) != 1:
        return [(location, "model_token needs 'model', and either 'token' or 'token_id'")]
    return []
