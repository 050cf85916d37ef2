"""Whether models have the layers, shapes and vocabularies that a merge puts together, by their headers alone."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from merge.mergekit.sources import FoundModel, noting, same_file, vocabulary
from merge.recipes.parameters import Faults
from merge.recipes.yaml_lines import Location
from merge.weights.checkpoint import EMBEDDINGS, HEAD
from merge.weights.safetensors_file import ITEM_BYTES, TensorRecord

LAYER = re.compile(r"(.*?\.)(\d+)\.(.*)")
TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json", "tekken.json")


@dataclass(frozen=True)
class Piece:
    """A source of a merge and the layers that are taken of it; `end` is None for all of them."""

    location: Location
    model: FoundModel
    first: int = 0
    end: int | None = None


@dataclass(frozen=True)
class Layout:
    """A model's tensors: layer by layer, and those before and after all layers."""

    layers: tuple[Mapping[str, TensorRecord], ...]
    ends: Mapping[str, TensorRecord]


def layout(model: FoundModel) -> Layout | None:
    """Return a model's tensors by layer, or None where it has several stacks of layers (vision and language)."""
    stacks: dict[str, dict[int, dict[str, TensorRecord]]] = {}
    ends: dict[str, TensorRecord] = {}
    for name, record in model.tensors.items():
        match = LAYER.fullmatch(name)
        if match is None:
            ends[name] = record
        else:
            prefix, number, suffix = match.groups()
            stacks.setdefault(prefix, {}).setdefault(int(number), {})[suffix] = record
    if len(stacks) != 1:
        return None
    (stack,) = stacks.values()
    return Layout(tuple(stack.get(i, {}) for i in range(max(stack) + 1)), ends)


def architecture_faults(pieces: Sequence[tuple[Location, FoundModel]]) -> Faults:
    """Return the models that are of another kind than the first."""
    first = pieces[0][1]
    text = (
        f"and {first.name} is a {first.architecture}; only models of one architecture can be merged"
    )
    return [
        (location, f"is a {model.architecture or 'model without an architecture'}, {text}")
        for location, model in pieces[1:]
        if (model.architecture, model.config.get("model_type"))
        != (first.architecture, first.config.get("model_type"))
    ]


def layer_faults(groups: Sequence[Sequence[Piece]], donor: FoundModel) -> Faults:
    """Return the layers that are not there, or whose shapes do not go together.

    Args:
        donor: the model whose configuration the output gets.
    """
    shapes = layout(donor)
    if shapes is None:
        return []
    known: dict[str, set[tuple[int, ...]]] = {}
    for layer in shapes.layers:
        for suffix, record in layer.items():
            known.setdefault(suffix, set()).add(record.shape)
    faults: Faults = []
    for group in groups:
        for piece in group:
            faults += _piece_faults(piece, group[0], known, donor)
    return faults


def _piece_faults(
    piece: Piece, first: Piece, known: Mapping[str, set[tuple[int, ...]]], donor: FoundModel
) -> Faults:
    own, others = layout(piece.model), layout(first.model)
    if own is None or others is None:
        return []
    count = len(own.layers)
    if piece.end is None and count != len(others.layers):
        text = f"has {count} layers, and {first.model.name} has {len(others.layers)}; use slices"
        return [(piece.location, text)]
    if piece.end is not None and piece.end > count:
        at = (*piece.location, "layer_range")
        return [(at, f"ends at {piece.end}, but {piece.model.name} has {count} layers")]
    for i, layer in enumerate(own.layers[piece.first : piece.end]):
        number = first.first + i
        beside = others.layers[number] if number < len(others.layers) else layer
        text = _layer_fault(piece.model, layer, known, donor) or _pair_fault(
            piece, layer, first, beside
        )
        if text:
            return [(piece.location, text)]
    return []


def _layer_fault(
    model: FoundModel,
    layer: Mapping[str, TensorRecord],
    known: Mapping[str, set[tuple[int, ...]]],
    donor: FoundModel,
) -> str:
    """Return what of a layer the output's configuration has no place for."""
    for suffix, record in layer.items():
        if record.shape not in known.get(suffix, set()):
            return _misshapen(model, suffix, record, donor)
    return ""


def _pair_fault(
    piece: Piece,
    layer: Mapping[str, TensorRecord],
    first: Piece,
    beside: Mapping[str, TensorRecord],
) -> str:
    """Return why two layers cannot be merged with each other."""
    for suffix, record in layer.items():
        if suffix in beside and beside[suffix].shape != record.shape:
            return _misshapen(piece.model, suffix, record, first.model)
    missing = sorted(beside.keys() - layer.keys())
    return f"lacks {missing[0]}, which {first.model.name} has" if missing else ""


def _misshapen(model: FoundModel, name: str, record: TensorRecord, other: FoundModel) -> str:
    theirs = [r.shape for n, r in other.tensors.items() if n.endswith(name)]
    has = f"has {theirs[0]}" if theirs else "has none"
    return f"its {name} is {record.shape}, and {other.name} {has}; only equal shapes can be merged"


def end_faults(pieces: Sequence[Piece], donor: FoundModel, *, aligns: bool) -> Faults:
    """Return what does not go together before and after the layers: embeddings, norms, heads.

    Args:
        aligns: whether the recipe's tokenizer settings bring the vocabularies together.
    """
    faults: Faults = []
    reference = layout(donor)
    if reference is None:
        return []
    for piece in pieces:
        own = layout(piece.model)
        if own is None or piece.model is donor:
            continue
        if donor.checkpoint.is_tied and not piece.model.checkpoint.is_tied:
            text = f"has an output head of its own, and {donor.name}, whose configuration the output gets, has none"
            faults.append((piece.location, text))
        for name, record in own.ends.items():
            wanted = reference.ends.get(name)
            if wanted is None or wanted.shape == record.shape:
                continue
            if not _is_vocabulary(name):
                faults.append((piece.location, _misshapen(piece.model, name, record, donor)))
            elif record.shape[1:] != wanted.shape[1:]:
                text = f"has a hidden size of {record.shape[-1]}, and {donor.name} of {wanted.shape[-1]}"
                faults.append((piece.location, text))
            elif not aligns:
                text = f"has a vocabulary of {record.shape[0]} rows, and {donor.name} of {wanted.shape[0]}"
                faults.append((piece.location, f"{text}; add tokenizer_source: union"))
    return faults


def vocabulary_faults(
    models: Sequence[tuple[Location, FoundModel]], donor: FoundModel, *, aligns: bool
) -> Faults:
    """Return the models whose tokens mean something else, or, where vocabularies are aligned, that have no tokenizer."""
    faults: Faults = []
    for location, model in models:
        if aligns and not has_tokenizer(model):
            text = "has no tokenizer, and mergekit would take that of the base for it; add its tokenizer.json"
            faults.append((location, text))
        if aligns or model is donor:
            continue
        if same_file(model.folder / "tokenizer.json", donor.folder / "tokenizer.json"):
            continue
        with noting(faults, location):
            ours, theirs = vocabulary(model.folder), vocabulary(donor.folder)
            if ours is not None and theirs is not None and ours != theirs:
                differing = sum(theirs.get(token) != number for token, number in ours.items())
                text = f"{differing:,} of its {len(ours):,} tokens are not those of {donor.name}"
                faults.append((location, f"{text}; add tokenizer_source: union"))
    return faults


def has_tokenizer(model: FoundModel) -> bool:
    """Return whether a tokenizer lies beside the model."""
    return any((model.folder / name).is_file() for name in TOKENIZER_FILES)


def merged_bytes(groups: Sequence[Sequence[Piece]], dtype: str | None) -> int:
    """Return about how large the output's weights become; `dtype` is a code of safetensors, None keeps each tensor's."""
    total = 0
    for number, group in enumerate(groups):
        piece = group[0]
        own = layout(piece.model)
        if own is None:
            return sum(_bytes(r, dtype) for r in piece.model.tensors.values())
        if number == 0:
            total += sum(_bytes(record, dtype) for record in own.ends.values())
        for layer in own.layers[piece.first : piece.end]:
            total += sum(_bytes(record, dtype) for record in layer.values())
    return total


def _bytes(record: TensorRecord, dtype: str | None) -> int:
    return math.prod(record.shape) * ITEM_BYTES[dtype or record.dtype]


def _is_vocabulary(name: str) -> bool:
    return name == HEAD or name.endswith(EMBEDDINGS)
