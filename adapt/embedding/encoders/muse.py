"""Multilingual Universal Sentence Encoder v3 on ONNX Runtime, from the weights of a package; no torch, none of its code.

512 numbers for a text of any of 16 languages, near each other where texts mean the same, across languages too. Not here: the
graph (`adapt.embedding.encoders.muse_graph`), and what goes into one batch (`adapt.embedding.encoders.batches`).
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sentencepiece import SentencePieceProcessor

from adapt.embedding.encoders.batches import Rows, Vectors, cores, in_batches
from adapt.embedding.encoders.muse_graph import WIDTH, open_session

WEIGHTS, PIECES = "weights.npz", "sp.model"
BLOCKS = 17  # of the table of tokens: token i is row i // 17 of block i % 17
START, END = 1, 2  # tokens around each text
WINDOW = 1_024  # tokens; it was trained on sentences and paragraphs and itself knows no end
FEW = 8  # texts that are not worth waking other threads for
# Arabic, Chinese (both scripts), Dutch, English, French, German, Italian, Japanese, Korean, Polish, Portuguese, Russian,
# Spanish, Thai, Turkish: the model card on tfhub.dev, which counts the two scripts as two
LANGUAGES = frozenset("ar de en es fr it ja ko nl pl pt ru th tr zh zh-tw".split())  # noqa: SIM905


class Muse:
    """The encoder: word pieces, n-gram convolutions, small dense layers, length 1."""

    window = WINDOW

    def __init__(self, folder: Path, *, threads: int | None = None) -> None:
        """Read tokenizer and weights of a folder, and quantise; None stands for as many threads as there are cores."""
        self._threads = threads or cores()
        self._pieces = SentencePieceProcessor(model_file=str(folder / PIECES))
        with np.load(folder / WEIGHTS, allow_pickle=False) as file:
            table = [file[f"q{block}"] for block in range(1, BLOCKS + 1)]
            others = {name: file[name] for name in file.files if not name.startswith("q")}
        self._table: npt.NDArray[np.uint8] = np.stack(table)
        self._session = open_session(others)
        self._pool = ThreadPoolExecutor(self._threads, "muse")

    def counts(self, texts: Sequence[str]) -> list[int]:
        """Return how many tokens each text has, special ones not counted."""
        return list(map(len, self._tokens(texts)))

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the tokens of each text, special ones among them, cut at the window."""
        return [[START, *tokens[: WINDOW - 2], END] for tokens in self._tokens(texts)]

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return one vector of length 1 per text, shape [n, 512]."""
        return in_batches(self.ids(texts), self._encode, WIDTH, self._pool)

    def _tokens(self, texts: Sequence[str]) -> list[list[int]]:
        threads = 1 if len(texts) < FEW else self._threads
        tokens: list[list[int]] = self._pieces.encode(list(texts), num_threads=threads)
        return tokens

    def _encode(self, rows: Rows) -> Vectors:
        ids = np.array(rows, np.int32)
        blocks = ids % BLOCKS
        given = {"codes": self._table[blocks, ids // BLOCKS], "blocks": blocks}
        vectors: Vectors = self._session.run(None, given)[0]
        return vectors
