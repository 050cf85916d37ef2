"""`EmbedderPair`: two embedders that each know other languages, used as one.

A text has a vector of each, side by side, so that what knows only one embedder works with a pair too: the cosine of two such
vectors is the mean of both. Who knows a text's language asks for the one that knows it, or takes the vectors apart.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from adapt.protocols import TextEmbedder

Vectors = npt.NDArray[np.float32]
UNKNOWN = ""  # of a language
HALF = np.float32(np.sqrt(0.5))  # of both vectors, so that they make one of length 1


class EmbedderPair:
    """An embedder of few languages and one of many; tokens are counted, and texts cut, as the first does it."""

    def __init__(self, first: TextEmbedder, second: TextEmbedder) -> None:
        """Take both; the second is the one for texts in a language that is not known."""
        self._first = first
        self._second = second
        self._width = 0  # of the first one's vectors, known from the first text on

    @property
    def identity(self) -> str:
        """Return both identities."""
        return f"{self._first.identity}+{self._second.identity}"

    @property
    def name(self) -> str:
        """Return both names."""
        return f"{self._first.name}+{self._second.name}"

    @property
    def parts(self) -> tuple[TextEmbedder, ...]:
        """Return both."""
        return (self._first, self._second)

    @property
    def languages(self) -> frozenset[str] | None:
        """Return the languages that one of them knows."""
        known = [part.languages for part in self.parts]
        return None if None in known else frozenset().union(*(part or () for part in known))

    @property
    def max_tokens(self) -> int:
        """Return how many tokens of a text the first one reads."""
        return self._first.max_tokens

    def for_language(self, code: str) -> TextEmbedder:
        """Return the one that knows a language best: of those that name it the one with fewer others, else the second."""
        plain = code.lower().partition("-")[0]
        knowing = [part for part in self.parts if part.languages and plain in part.languages]
        return min(knowing, key=lambda part: len(part.languages or ()), default=self._second)

    def between(self, language: str, other: str) -> TextEmbedder:
        """Return the one that knows both languages best, where they are the same or one is not known; else the second."""
        if language == other or UNKNOWN in {language, other}:
            return self.for_language(language or other)
        return self._second

    def count_tokens(self, text: str) -> int:
        """Return how many tokens of the first one `text` has."""
        return self._first.count_tokens(text)

    def count_tokens_batch(self, texts: Sequence[str]) -> list[int]:
        """Return `count_tokens` of each text."""
        return self._first.count_tokens_batch(texts)

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return one vector of length 1 per text, in order."""
        vectors: list[list[float]] = self.embed_array(texts).tolist()
        return vectors

    def embed_array(self, texts: Sequence[str]) -> Vectors:
        """Return what `embed` does as one array, shape [n, dimensions]; [0, 0] for no texts."""
        vectors = [part.embed_array(texts) for part in self.parts]
        return HALF * np.concatenate(vectors, axis=1)

    def split(self, vectors: Vectors) -> dict[str, Vectors]:
        """Return the vectors of each, of length 1, by its name, from those that `embed_array` made."""
        width = self._first_width()
        return {
            self._first.name: vectors[:, :width] / HALF,
            self._second.name: vectors[:, width:] / HALF,
        }

    def _first_width(self) -> int:
        if not self._width:
            self._width = self._first.embed_array(["a"]).shape[1]
        return self._width
