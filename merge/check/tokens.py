"""Whether an adapter uses the base's vocabulary: sizes of embeddings, and a tokenizer that lies in the adapter's folder.

A merged model has the base's tokenizer and rows, so an adapter that was trained with others cannot be merged into it.
"""

from pathlib import Path
from typing import Any

from adapt.errors import ModelError
from adapt.registry.model_files import read_object
from merge.weights.adapters import Adapter
from merge.weights.checkpoint import EMBEDDINGS, HEAD, Checkpoint

TOKENIZER = "tokenizer.json"
TOKENIZERS = (TOKENIZER, "tokenizer.model", "vocab.json", "vocab.txt", "tekken.json")


def has_tokenizer(folder: Path) -> bool:
    """Return whether a model's folder holds a tokenizer."""
    return any((folder / name).is_file() for name in TOKENIZERS)


def check_tokens(adapter: Adapter, checkpoint: Checkpoint) -> None:
    """Check that an adapter was trained with the tokens of the base.

    Raises:
        ModelError: its embedding or head has other rows, or its tokenizer has tokens that the base's lacks or numbers
            otherwise; or a tokenizer is damaged.
    """
    _check_rows(adapter, checkpoint)
    theirs, ours = adapter.file.path.parent / TOKENIZER, checkpoint.folder / TOKENIZER
    if not theirs.is_file() or not ours.is_file() or theirs.read_bytes() == ours.read_bytes():
        return
    known, given = _vocabulary(ours), _vocabulary(theirs)
    new = [token for token in given if token not in known]
    moved = [token for token, number in given.items() if known.get(token, number) != number]
    if new or moved:
        listed = ", ".join(repr(token) for token in (new or moved)[:3])
        what = "that the base's lacks" if new else "that are others in the base's"
        raise ModelError(
            f"adapter '{adapter.reference}' brings a tokenizer with {len(new or moved)} tokens {what} ({listed}), and a "
            "merged model keeps the base's tokenizer; name the base with that tokenizer, or train the adapter on this one"
        )


def _check_rows(adapter: Adapter, checkpoint: Checkpoint) -> None:
    """Refuse an embedding or a head of another size than the base's."""
    if checkpoint.embedding is None:
        return
    rows = checkpoint.record(checkpoint.embedding).shape[0]
    for part in adapter.parts:
        if part.target != HEAD and not part.target.endswith(EMBEDDINGS):
            continue
        tensors = adapter.file.tensors
        if part.full:
            have = tensors[part.full].shape[0]
        else:
            have = tensors[part.a].shape[1] if part.embedding else tensors[part.b].shape[0]
        if have != rows:
            raise ModelError(
                f"adapter '{adapter.reference}' was trained with {have} tokens ({part.target}), and the base has {rows}; "
                "name the base with the resized vocabulary, or train the adapter on this one"
            )


def _vocabulary(path: Path) -> dict[str, int]:
    """Return the number of each token of a `tokenizer.json`."""
    try:
        content: Any = read_object(path)
        entries = content["model"].get("vocab", {})
        if isinstance(entries, list):  # Unigram: pieces with their scores, numbered by their order
            entries = {piece: number for number, (piece, _) in enumerate(entries)}
        added = {token["content"]: token["id"] for token in content.get("added_tokens") or []}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(
            f"{path}: not a readable tokenizer ({error}); save or download it again"
        ) from error
    return {**entries, **added}
