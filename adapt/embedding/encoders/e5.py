"""multilingual-e5-small (Wang et al. 2024, arXiv:2402.05672) on ONNX Runtime, from the weights of a package; no torch.

It was trained to bring a question near the text that answers it, in about 100 languages and across them. On texts of 370
characters it takes twice as long as the index's encoder of English (`adapt.embedding.encoders.minilm`) and ten times as
long as the multilingual one (`adapt.embedding.encoders.muse`): it reads what a search has found, not what a folder holds.
Not here: the graph (`adapt.embedding.encoders.e5_graph`), the file (`adapt.embedding.encoders.e5_file`), what goes into one
batch (`adapt.embedding.encoders.batches`).
"""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer
from tokenizers.models import Unigram
from tokenizers.pre_tokenizers import Metaspace

from adapt.embedding.encoders.batches import Rows, Vectors, batches, cores, in_batches
from adapt.embedding.encoders.bert_graph import WIDTH
from adapt.embedding.encoders.e5_file import read_e5, unpacked
from adapt.embedding.encoders.e5_graph import open_session

WEIGHTS = "e5-small-q4.bin"
WINDOW = 512  # tokens, two special ones among them
QUESTION, PASSAGE = "query: ", "passage: "  # what it was trained to read before each
KEPT = 4_096  # vectors of texts, 6 MB: people ask more than once of the same documents
LEADING = 3  # tokens before a text's own: the start, the word of the two above, the colon


class E5:
    """The encoder: unigram pieces, BERT, mean over the tokens, length 1; safe to share between threads."""

    def __init__(self, folder: Path, *, threads: int | None = None) -> None:
        """Read tokenizer and weights of a folder, and quantise; None stands for as many threads as there are cores."""
        file = read_e5(folder / WEIGHTS)
        self._tokenizer = Tokenizer(Unigram(file.pieces, unk_id=file.unknown))
        self._tokenizer.pre_tokenizer = Metaspace()
        self._normal = file.normal
        self._ends = file.start, file.end
        self._table = file.table
        self._positions = file.positions
        self._session = open_session(file.weights)
        self._pool = ThreadPoolExecutor(threads or cores(), "e5")
        self._lock = threading.Lock()
        self._kept: dict[str, Vectors] = {}  # by text, the oldest first

    def question(self, text: str) -> Vectors:
        """Return the vector of a question, of length 1, shape [384]."""
        vector: Vectors = self._vectors([QUESTION + text])[0]
        return vector

    def passages(self, texts: Sequence[str]) -> Vectors:
        """Return the vectors of texts that may answer, each of length 1, shape [n, 384]; the last `KEPT` are remembered."""
        with self._lock:
            known = {text: self._kept[text] for text in texts if text in self._kept}
        missing = [text for text in dict.fromkeys(texts) if text not in known]
        read = self._vectors([PASSAGE + text for text in missing])
        fresh = dict(zip(missing, read, strict=True))
        with self._lock:
            self._kept |= fresh
            for text in list(self._kept)[: max(0, len(self._kept) - KEPT)]:
                del self._kept[text]
        known |= fresh
        return np.stack([known[text] for text in texts]) if texts else read

    def closeness(self, question: str, texts: Sequence[str]) -> list[float]:
        """Return how close each text comes to a question, token by token, from -1 to 1 (`token_closeness`)."""
        asked, *read = self.states([QUESTION + question, *(PASSAGE + text for text in texts)])
        return [token_closeness(asked, states) for states in read]

    def states(self, texts: Sequence[str]) -> list[Vectors]:
        """Return of each text, after `QUESTION` or `PASSAGE`, its own tokens as read in context, each of length 1."""
        ids = self.ids(texts)
        states: list[Vectors] = [np.zeros((0, WIDTH), np.float32)] * len(texts)

        def work(batch: list[int]) -> None:
            read = self._states([ids[place] for place in batch])[:, LEADING:-1]
            read = read / np.linalg.norm(read, axis=2, keepdims=True)
            for place, rows in zip(batch, read, strict=True):
                states[place] = rows

        list(self._pool.map(work, batches(list(map(len, ids)))))  # a list, to raise what went wrong
        return states

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the tokens of each text, special ones among them, cut at the window."""
        plain = [" ".join(text.translate(self._normal).split()) for text in texts]
        first, last = self._ends
        encodings = self._tokenizer.encode_batch_fast(plain, add_special_tokens=False)
        return [[first, *encoding.ids[: WINDOW - 2], last] for encoding in encodings]

    def _vectors(self, texts: Sequence[str]) -> Vectors:
        if not texts:
            return np.zeros((0, WIDTH), np.float32)
        return in_batches(self.ids(texts), self._encode, WIDTH, self._pool)

    def _encode(self, rows: Rows) -> Vectors:
        sums: Vectors = self._states(rows).sum(axis=1)
        sums /= np.linalg.norm(sums, axis=1, keepdims=True)
        return sums

    def _states(self, rows: Rows) -> Vectors:
        ids = np.array(rows, np.int32)  # texts of as many tokens each
        embedded = unpacked(self._table[ids]) + self._positions[: ids.shape[1]]
        states: Vectors = self._session.run(None, {"rows": embedded, "mask": np.ones_like(ids)})[0]
        return states


def token_closeness(asked: Vectors, read: Vectors) -> float:
    """Return the mean, over a question's tokens, of the largest cosine with a token of a text; 0 where either has none.

    Both as read in their context: the late interaction of ColBERT (Khattab and Zaharia 2020, arXiv:2004.12832).
    """
    if not len(asked) or not len(read):
        return 0.0
    return float((asked @ read.T).max(axis=1).mean())
