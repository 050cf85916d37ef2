"""How the tokens of a question match those of the candidates, each read among its neighbours: three figures for a candidate.

A passage goes through MiniLM once, with its headings, so that "it closes at 18:30" is read beside the sentence that names
the office. Then, for each candidate: the mean over the question's tokens of the candidate's nearest token (MaxSim, Khattab
and Zaharia 2020, ColBERT, arXiv:2004.12832, equation 3); the cosine of the question's vector and the mean of the candidate's
tokens; and both again by a small learned map of the tokens (`MatchHead`), which knows that "when" is met by a date.

Not here: how the map is learned (`adapt.starter.choosing`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file

from adapt.models.decoding.candidates import Candidate

Vectors = npt.NDArray[np.float32]

ROOM = 250  # tokens of a window: MiniLM reads 256
CONTEXT_ROOM = 60  # of them for a heading or a leading line
HEAD = Path(__file__).parent / "head.safetensors"


class TokenEncoder(Protocol):
    """What is needed of MiniLM."""

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return one vector of length 1 for each text."""
        ...

    def tokens(self, text: str) -> list[int]:
        """Return the tokens of a text, without special ones."""
        ...

    def states(self, tokens: Sequence[int]) -> Vectors:
        """Return the last state of each token, shape [n, width], read with the special tokens around them."""
        ...


@dataclass(frozen=True)
class MatchHead:
    """A bilinear map of low rank beside the cosine of tokens, and what each token counts.

    `asked`, `told` (tokens) and `asked_whole`, `told_whole` (means) have shape [rank, width]; `weight_asked` and
    `weight_told` [width + 1], their last number a bias; `scales` [3].
    """

    asked: Vectors
    told: Vectors
    asked_whole: Vectors
    told_whole: Vectors
    weight_asked: Vectors
    weight_told: Vectors
    scales: Vectors

    @classmethod
    def load(cls, path: Path = HEAD) -> "MatchHead":
        """Return the one that is shipped."""
        return cls(**{name: array.astype(np.float32) for name, array in load_file(path).items()})

    def scores(self, question: Vectors, texts: Sequence[Vectors]) -> Vectors:
        """Return how well each text's tokens answer a question's, shape [n]; all tokens of length 1."""
        tokens = np.concatenate(texts)
        starts = np.cumsum([0, *map(len, texts[:-1])])
        near = question @ tokens.T + (question @ self.asked.T) @ (tokens @ self.told.T).T
        best = np.maximum.reduceat(near, starts, axis=1)
        counts = 1 / (1 + np.exp(-(question @ self.weight_asked[:-1] + self.weight_asked[-1])))
        matched = counts @ best / counts.sum()
        weights = np.exp(tokens @ self.weight_told[:-1] + self.weight_told[-1])
        sums = np.add.reduceat(weights[:, None] * tokens, starts, axis=0)
        whole, asked = unit(sums), unit(counts @ question)
        alike = whole @ asked
        mapped = (whole @ self.told_whole.T) @ (self.asked_whole @ asked)
        scores: Vectors = self.scales @ np.stack([matched, alike, mapped])
        return scores


class TokenMatch:
    """Reads candidates among their neighbours; safe to share between threads."""

    def __init__(self, encoder: TokenEncoder, head: MatchHead | None) -> None:
        """Take MiniLM and what is learned; without it, candidates are only read."""
        self._encoder = encoder
        self._head = head

    def figures(self, question: str, candidates: Sequence[Candidate]) -> Vectors:
        """Return for each candidate its MaxSim, cosine and learned match, shape [n, 3]."""
        tokens = self._encoder.tokens(question)[:ROOM]
        if not tokens or not candidates or self._head is None:
            return np.zeros((len(candidates), 3), np.float32)
        whole = self._encoder.encode([question])[0]
        asked = unit(self._encoder.states(tokens))
        states = self.read(candidates)
        raw = [unit(text_states) for text_states in states]
        closeness = [float((asked @ text_states.T).max(axis=1).mean()) for text_states in raw]
        cosine = [float(whole @ unit(text_states.mean(axis=0))) for text_states in states]
        learned = self._head.scores(asked, raw)
        return np.stack([closeness, cosine, learned], axis=1).astype(np.float32)

    def read(self, candidates: Sequence[Candidate]) -> list[Vectors]:
        """Return the states of each candidate's tokens, read in windows of its passage."""
        of_candidate: list[Vectors | None] = [None] * len(candidates)
        for window in self._windows(candidates):
            states = self._encoder.states([token for _, part in window for token in part])
            start = 0
            for place, part in window:
                if place is not None:
                    of_candidate[place] = states[start : start + len(part)]
                start += len(part)
        return [states for states in of_candidate if states is not None]

    def _windows(self, candidates: Sequence[Candidate]) -> list[list[tuple[int | None, list[int]]]]:
        """Return windows of token runs, each a candidate's by its place, or what is read with one (None)."""
        windows: list[list[tuple[int | None, list[int]]]] = []
        seen: set[str] = set()
        passage: int | None = None
        for place, candidate in enumerate(candidates):
            tokens = self._encoder.tokens(candidate.reading or candidate.text)[:ROOM] or [0]
            above = (
                [line for line in candidate.context.split("\n") if line] if candidate.number else []
            )
            new = candidate.number is None or candidate.number != passage or not windows
            size = 0 if new else sum(len(part) for _, part in windows[-1])
            fresh = [line for line in above if new or line not in seen]
            runs = [self._encoder.tokens(line)[:CONTEXT_ROOM] for line in fresh]
            if new or size + sum(map(len, runs)) + len(tokens) > ROOM:
                windows.append([])
                seen = set()
                runs = [self._encoder.tokens(line)[:CONTEXT_ROOM] for line in above]
                while runs and sum(map(len, runs)) + len(tokens) > ROOM:
                    runs.pop(0)
            seen.update(above)
            windows[-1] += [(None, run) for run in runs if run] + [(place, tokens)]
            passage = candidate.number
        return windows


def unit(vectors: Vectors) -> Vectors:
    """Return vectors with length 1; what is nothing stays nothing."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True).astype(np.float32)
    scaled: Vectors = vectors / np.maximum(lengths, np.float32(1e-9))
    return scaled
