"""The encoders with a memory: passages are drawn again and again while weights are learned."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from adapt.models.choice.evidence import Reader
from adapt.models.choice.match import TokenEncoder, Vectors


class RememberedTokens:
    """A token encoder that reads each window once; its states are kept in half precision."""

    def __init__(self, encoder: TokenEncoder) -> None:
        self._encoder = encoder
        self._tokens: dict[str, list[int]] = {}
        self._states: dict[tuple[int, ...], npt.NDArray[np.float16]] = {}
        self._texts = RememberedTexts(encoder.encode)

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return one vector of length 1 for each text."""
        return self._texts.encode(texts)

    def tokens(self, text: str) -> list[int]:
        """Return the tokens of a text, without special ones."""
        if text not in self._tokens:
            self._tokens[text] = self._encoder.tokens(text)
        return self._tokens[text]

    def states(self, tokens: Sequence[int]) -> Vectors:
        """Return the last state of each token, shape [n, width]."""
        key = tuple(tokens)
        if key not in self._states:
            self._states[key] = self._encoder.states(tokens).astype(np.float16)
        return self._states[key].astype(np.float32)


class RememberedTexts:
    """An encoder of texts that reads each once."""

    def __init__(self, read: Callable[[Sequence[str]], Vectors]) -> None:
        """Take what reads texts."""
        self._read = read
        self._vectors: dict[str, Vectors] = {}

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return one vector of length 1 for each text."""
        missing = [text for text in dict.fromkeys(texts) if text not in self._vectors]
        if missing:
            self._vectors |= dict(zip(missing, self._read(missing), strict=True))
        return np.stack([self._vectors[text] for text in texts])


class RememberedAnswers:
    """An encoder of questions and of what answers them that reads each text once."""

    def __init__(self, encoder: Reader) -> None:
        self._encoder = encoder
        self._texts = RememberedTexts(encoder.passages)

    def question(self, text: str) -> Vectors:
        """Return the vector of a question."""
        return self._encoder.question(text)

    def passages(self, texts: Sequence[str]) -> Vectors:
        """Return one vector of length 1 for each text that may answer."""
        return self._texts.encode(texts)
