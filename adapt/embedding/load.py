"""Which embedder a name means: those that are shipped, the test double, or any model of sentence-transformers."""

from pathlib import Path

from adapt.embedding.embedder import Embedder
from adapt.embedding.hash_embedder import HashEmbedder
from adapt.embedding.pair import EmbedderPair
from adapt.embedding.sentence_transformer import (
    SentenceTransformer,
    find_model,
    fingerprint,
    languages_of,
)
from adapt.embedding.shipped import minilm, muse
from adapt.protocols import TextEmbedder
from adapt.workspace.settings import Settings


class EmbeddingSettings(Settings):
    """Section `[embedding]`."""

    # `shipped`: `minilm` (English) and `muse` (16 languages) together; or one of them, or a folder or hub id of a model of
    # sentence-transformers
    model: str = "shipped"


def load_embedder(name: str = "shipped") -> TextEmbedder:
    """Return the embedder of that name; its weights are read at first use.

    Args:
        name: `shipped` (both that come with adapt), `minilm` or `muse` (one of them), `hash` (the test double), a folder,
            or a hub id (fetched unless `HF_HUB_OFFLINE`).

    Raises:
        ModelError: nothing of that name is here, or it has no safetensors.
    """
    if name == "hash":
        return HashEmbedder()
    if name == "shipped":
        return EmbedderPair(minilm(), muse())
    if name in {"minilm", "muse"}:
        return minilm() if name == "minilm" else muse()
    folder = find_model(name)
    identity = f"{Path(name).name}@{fingerprint(folder)[:16]}"
    return Embedder(identity, lambda: SentenceTransformer(folder), languages_of(folder))
