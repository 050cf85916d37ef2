"""Any model of sentence-transformers, a folder or a hub id, as an embedder's encoder. Not here: those that are shipped."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from huggingface_hub import ModelCard

from adapt.embedding.encoders.batches import Vectors
from adapt.errors import ModelError
from adapt.registry.artifacts import sha256_file
from adapt.registry.bases.hub import fetch


class SentenceTransformer:
    """Any model of sentence-transformers, with its own pooling."""

    def __init__(self, folder: Path) -> None:
        """Open it.

        Raises:
            ModelError: it is none.
        """
        import sentence_transformers  # 6 s; only who needs it pays

        try:
            self._model = sentence_transformers.SentenceTransformer(
                str(folder),
                local_files_only=True,
                trust_remote_code=False,
                model_kwargs={"use_safetensors": True},
            )
        except (OSError, ValueError, KeyError, TypeError, RuntimeError, ImportError) as error:
            raise ModelError(
                f"embedder '{folder}': sentence-transformers cannot open it "
                f"({str(error).splitlines()[0]}); name a sentence-transformers model"
            ) from error
        self.window = int(self._model.max_seq_length or 512)

    def counts(self, texts: Sequence[str]) -> list[int]:
        """Return how many tokens each text has, special ones not counted."""
        encoded = self._model.tokenizer(list(texts), add_special_tokens=False, verbose=False)
        return list(map(len, encoded["input_ids"]))

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return one vector of length 1 per text, shape [n, dimensions]."""
        vectors: Vectors = self._model.encode(  # it sorts by length itself, in batches of 32
            list(texts), normalize_embeddings=True, show_progress_bar=False
        )
        return vectors.astype(np.float32)


def find_model(name: str) -> Path:
    """Return the folder of a model, fetched from the hub if need be.

    Raises:
        ModelError: nothing of that name is here or there.
    """
    folder = Path(name).expanduser()
    if not folder.is_dir():
        wanted = ["*.safetensors", "*.json", "*.txt", "*.model", "README.md"]
        hint = "use 'shipped', 'minilm', 'muse', a local folder, or the id of a sentence-transformers model"
        folder = fetch(name, wanted, what="embedder", hint=hint)
    return folder


def languages_of(folder: Path) -> frozenset[str] | None:
    """Return the languages that the front matter of a model card names."""
    card = folder / "README.md"
    if not card.is_file():
        return None
    named = ModelCard.load(card, ignore_metadata_errors=True).data.get("language")
    codes = {str(code).lower() for code in ([named] if isinstance(named, str) else named or [])}
    return frozenset(codes) if codes and "multilingual" not in codes else None


def fingerprint(folder: Path) -> str:
    """Return the identity of a model's weights.

    Raises:
        ModelError: it has no safetensors.
    """
    weights = sorted(folder.rglob("*.safetensors"))
    if not weights:
        raise ModelError(
            f"embedder '{folder}': no *.safetensors there; other weight files can run code and are not read"
        )
    return hashlib.sha256("".join(map(sha256_file, weights)).encode()).hexdigest()
