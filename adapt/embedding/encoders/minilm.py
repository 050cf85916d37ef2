"""all-MiniLM-L6-v2 in eight bits on ONNX Runtime; no torch, no transformers.

Not here: the graph (`adapt.embedding.encoders.minilm_graph`), and what goes into one batch
(`adapt.embedding.encoders.batches`).
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from adapt.embedding.encoders.batches import Rows, Vectors, cores, in_batches
from adapt.embedding.encoders.bert_graph import WIDTH
from adapt.embedding.encoders.minilm_graph import WINDOW, open_session

FEW = 8  # texts that are not worth waking the tokenizer's other threads for

Tokens = npt.NDArray[np.int32]


class WordPieces:
    """MiniLM's tokenizer."""

    window = WINDOW

    def __init__(self, folder: Path) -> None:
        """Read it from the model's folder."""
        # the file sets its own padding and a truncation at 128; we set both ourselves
        self._counter = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._counter.no_truncation()
        self._counter.no_padding()
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(self.window)

    def counts(self, texts: Sequence[str]) -> list[int]:
        """Return how many tokens each text has, special ones not counted."""
        if len(texts) < FEW:
            return [len(self._counter.encode(text, add_special_tokens=False)) for text in texts]
        encodings = self._counter.encode_batch_fast(list(texts), add_special_tokens=False)
        return list(map(len, encodings))

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the tokens of each text, special ones among them, cut at the window."""
        return [encoding.ids for encoding in self._tokenizer.encode_batch_fast(list(texts))]


def padded(rows: Sequence[Sequence[int]]) -> tuple[Tokens, Tokens]:
    """Return the tokens of some texts, padded with 0, and 1 where they are; both of shape [n, length]."""
    ids = np.zeros((len(rows), max(map(len, rows))), np.int32)
    mask = np.zeros_like(ids)
    for place, row in enumerate(rows):
        ids[place, : len(row)] = row
        mask[place, : len(row)] = 1
    return ids, mask


class MiniLm(WordPieces):
    """The encoder: word pieces, BERT, mean over the tokens, length 1."""

    def __init__(self, folder: Path, *, threads: int | None = None) -> None:
        """Read tokenizer and weights of a folder, and quantise; None stands for as many threads as there are cores."""
        super().__init__(folder)
        self._session = open_session(load_file(folder / "model.safetensors"))
        self._pool = ThreadPoolExecutor(threads or cores(), "minilm")

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return one vector of length 1 per text, shape [n, 384]."""
        return in_batches(self.ids(texts), self._encode, WIDTH, self._pool)

    def tokens(self, text: str) -> list[int]:
        """Return the tokens of a text, without special ones, however many they are."""
        tokens: list[int] = self._counter.encode(text, add_special_tokens=False).ids
        return tokens

    def states(self, tokens: Sequence[int]) -> Vectors:
        """Return the last state of each token, shape [n, 384], read with the special tokens around them."""
        first, *_, last = self.ids([""])[0]
        return self._states([first, *tokens[: self.window - 2], last])[1:-1]

    def _states(self, row: Sequence[int]) -> Vectors:
        """Return the last state of each token."""
        ids, mask = padded([row])
        states: Vectors = self._session.run(None, {"ids": ids, "mask": mask})[0][0]
        return states

    def _encode(self, rows: Rows) -> Vectors:
        ids, mask = padded(rows)
        states = self._session.run(None, {"ids": ids, "mask": mask})[0]
        sums: Vectors = np.matmul(mask[:, None, :].astype(np.float32), states)[:, 0]
        sums /= np.linalg.norm(sums, axis=1, keepdims=True)
        return sums
