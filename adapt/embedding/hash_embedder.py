"""`HashEmbedder`: words hashed into places of a vector, without a model."""

import hashlib
import re
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from adapt.embedding.embedder import SingleEmbedder
from adapt.embedding.encoders.batches import Vectors

HASH_DIMENSIONS = 256
WORD = re.compile(r"\w+")


class HashEmbedder(SingleEmbedder):
    """Words and pairs of words hashed into 256 signed places: no model, the same everywhere, ready at once.

    It knows nothing of meaning and finds only shared words. It ships for tests and for trying a collection where no
    model may be loaded; `load_embedder("hash")` names it.
    """

    identity = f"hash@{HASH_DIMENSIONS}"
    name = "hash"
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
