"""`Embedder`: texts to vectors of length 1, for documents, feedback recall and routing; cosine is their dot product.

Not here: which encoders there are (`adapt.embedding.shipped`, `adapt.embedding.sentence_transformer`), which one a name
means (`adapt.embedding.load`), what is embedded, and where vectors are kept.
"""

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Protocol, Self

import numpy as np

from adapt.embedding.encoders.batches import Vectors


class Encoder(Protocol):
    """What every encoder offers: vectors for any number of texts, and counts of tokens."""

    window: int

    def counts(self, texts: Sequence[str]) -> list[int]:
        """Return how many tokens each text has, special tokens not counted."""
        ...

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return one vector of length 1 per text, shape [n, dimensions]."""
        ...


class SingleEmbedder(ABC):
    """What an embedder of one part answers where a pair would choose."""

    @property
    @abstractmethod
    def name(self) -> str:
        """Return the name alone."""

    @property
    def parts(self) -> tuple[Self, ...]:
        """Return itself."""
        return (self,)

    def for_language(self, _code: str) -> Self:
        """Return itself."""
        return self

    def between(self, _one: str, _other: str) -> Self:
        """Return itself."""
        return self

    def split(self, vectors: Vectors) -> dict[str, Vectors]:
        """Return the vectors under its name."""
        return {self.name: vectors}


class Embedder(SingleEmbedder):
    """One encoder, loaded at first use and from then on shared by all threads."""

    def __init__(
        self,
        identity: str,
        load: Callable[[], Encoder],
        languages: frozenset[str] | None = None,
    ) -> None:
        self._identity = identity
        self._languages = languages
        self._load = load
        self._encoder: Encoder | None = None
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

    def _ready(self) -> Encoder:
        with self._lock:
            if self._encoder is None:
                self._encoder = self._load()
            return self._encoder
