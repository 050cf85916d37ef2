"""Fits the weights of `retrieval.prompt.relevance`: `python -m tests.benchmarks.answers.fit_relevance` prints them.

Maximum likelihood with a ridge on standardised features; each set and side weighs the same, and within a set each size of
collection. Questions whose passage is among the first three count as answered, by the passages in that one's language. As
handful of documents holds nothing near to most questions, those without an answer are also asked of small random parts of
each collection, by similarity alone. The everyday questions are two of the development sets; two others stand outside.
"""

import math
import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression

from adapt.embedding.encoders.batches import Vectors
from adapt.embedding.encoders.e5 import PASSAGE, QUESTION, token_closeness
from adapt.embedding.load import load_embedder
from adapt.embedding.shipped import shared_e5
from adapt.protocols import TextEmbedder
from adapt.records import Passage
from adapt.registry.artifacts import sha256_file
from retrieval.index.fields import indexed_text
from retrieval.prompt.relevance import (
    MINILM,
    MUSE,
    READ,
    WEIGHTS,
    Question,
    Weights,
    content,
    evidence,
    spoken,
    ways,
)
from tests.benchmarks.answers import answer_sets
from tests.benchmarks.answers.answer_sets import FIT, USED, Asked, Gathered, gather
from tests.benchmarks.starter.bench_starter import DATA

SEED = "relevance"
RIDGE = 1e-3
SIZES = (8, 25, 80, 250)  # chunks of the small parts

Array = npt.NDArray[np.float64]
Key = tuple[str, bool]  # the embedder, whether there are two languages
SETS = (
    answer_sets.tydiqa,
    answer_sets.feedbackqa,
    answer_sets.mlqa_dev,
    answer_sets.squad_es,
    lambda: answer_sets.spanish_on_english(FIT),
    lambda: answer_sets.english_on_spanish(FIT),
    lambda: answer_sets.everyday("bank"),
    lambda: answer_sets.everyday("town"),
)
LEAST = 10  # answered questions of one way that a set must have to count for it
BELOW = 0.02  # of the answered, at the border


class Remembering:
    """Embeds each text once, however often it is asked for; all that reading evidence needs of an embedder."""

    def __init__(self, embedder: TextEmbedder) -> None:
        self._embedder = embedder
        self._known: dict[str, Vectors] = {}
        self.identity, self.languages = embedder.identity, embedder.languages

    def embed_array(self, texts: Sequence[str]) -> Vectors:
        """Return a vector for each text."""
        fresh = [text for text in dict.fromkeys(texts) if text not in self._known]
        self._known |= zip(fresh, self._embedder.embed_array(fresh), strict=True) if fresh else ()
        return np.stack([self._known[text] for text in texts])


class Pair:
    """Both embedders, each remembering."""

    def __init__(self) -> None:
        self.parts = tuple(map(Remembering, load_embedder("shipped").parts))


class RememberingReader:
    """The shipped reader, which reads each text once."""

    def __init__(self) -> None:
        self._known: dict[str, Vectors] = {}

    def closeness(self, question: str, texts: Sequence[str]) -> list[float]:
        """Return how close each text comes to a question."""
        asked, *read = self._states([QUESTION + question, *(PASSAGE + text for text in texts)])
        return [token_closeness(asked, states) for states in read]

    def _states(self, texts: Sequence[str]) -> list[Vectors]:
        fresh = [text for text in dict.fromkeys(texts) if text not in self._known]
        states = [state.astype(np.float16) for state in shared_e5().states(fresh)]
        self._known |= zip(fresh, states, strict=True)
        return [self._known[text].astype(np.float32) for text in texts]


@dataclass
class Side:
    """The figures of the questions of one set that an answer is there for, or is not, by way; with the share of each."""

    rows: dict[Key, list[tuple[Weights, float]]]

    def add(self, figures: dict[Key, Weights], share: float) -> None:
        """Take the figures of a question."""
        for key, row in figures.items():
            self.rows.setdefault(key, []).append((row, share))


class Figures:
    """Reads what speaks for passages, once for each text."""

    def __init__(self) -> None:
        self._embedder = cast(TextEmbedder, Pair())
        self._reader = RememberingReader()

    def of(
        self, text: str, passages: Sequence[Passage], size: int, gold: set[str] | None = None
    ) -> dict[Key, Weights]:
        """Return the figures by way, of all passages or of those among which is one of these documents."""
        asked = Question(text, content(text), spoken(text, passages), math.log(size), self._reader)
        figures = {}
        for way, group in ways(asked, passages[:READ], self._embedder):
            if gold is None or any(passage.chunk.document in gold for passage in group):
                english = way.name == MINILM
                every = Weights(1, float(english), float(not english), 1, 1, 1)
                figures[way.name, way.across] = evidence(asked, way, group, every)
        return figures


def main() -> None:
    """Print the files and their hashes, then the weights."""
    for file in USED:
        sys.stdout.write(f"{sha256_file(DATA / file)}  {file}\n")
    sys.stdout.write(f"seed {SEED!r}\n")
    sets = [_sides(make(), random.Random(SEED)) for make in SETS]
    for key, now in WEIGHTS.items():
        names = [name for name, weight in now._asdict().items() if weight and name != "border"]
        fitted = _fitted(sets, key, names)
        sys.stdout.write(f"{key}: {', '.join(f'{a}={b:.3f}' for a, b in fitted.items())}\n")


def _sides(asked_set: Asked, rng: random.Random) -> tuple[Side, Side]:
    """Return the figures of the questions that a set answers, and of those that it does not."""
    gathered, figures = gather(asked_set), Figures()
    answered, absent = Side({}), Side({})
    parts = SIZES if gathered.chunks > max(SIZES) else ()
    for text, gold, passages in gathered.own:
        by_way = figures.of(text, passages, gathered.chunks, gold) if content(text) else {}
        for size in (gathered.chunks, *parts):
            sized = {way: row._replace(size=math.log(size)) for way, row in by_way.items()}
            answered.add(sized, 1 / (1 + len(parts)))
    for text, passages in gathered.others:
        if content(text):
            absent.add(figures.of(text, passages, gathered.chunks), 1 / (1 + len(parts)))
    for size, text, passages in _parts(asked_set, gathered, parts, rng):
        absent.add(figures.of(text, passages, size), 1 / (1 + len(parts)))
    sys.stderr.write(f"{asked_set.name}: {gathered.chunks} chunks\n")
    return answered, absent


def _parts(
    asked_set: Asked, gathered: Gathered, sizes: Sequence[int], rng: random.Random
) -> list[tuple[int, str, list[Passage]]]:
    """Return questions without an answer, each asked of random chunks, with how many and the best of them."""
    if not sizes:
        return []
    embedder = load_embedder(asked_set.embedder)
    lists = [row[2] for row in gathered.own] + [row[1] for row in gathered.others]
    pool = list({p.chunk.chunk_id: p for passages in lists for p in passages[:4]}.values())
    vectors = embedder.embed_array([indexed_text(passage.chunk) for passage in pool])
    parts = []
    for size in sizes:
        for text in filter(content, asked_set.others):
            among = np.array(rng.sample(range(len(pool)), min(size, len(pool))))
            near = vectors[among] @ embedder.embed_array([text])[0]
            best = among[np.argsort(-near)[:READ]]
            parts.append((size, text, [pool[i] for i in best]))
    return parts


def _fitted(
    sets: Sequence[tuple[Side, Side]], key: tuple[str, bool, bool], names: Sequence[str]
) -> dict[str, float]:
    """Return the weights of some figures for one way, and the border."""
    of = (
        [(MINILM, False), (MUSE, key[1])]
        if not key[0] and not key[1]
        else [(key[0] or MUSE, key[1])]
    )
    rows, sides, weights = [], [], []
    for both in sets:
        for way in of:
            if len(both[0].rows.get(way, ())) < LEAST:
                continue
            for side, side_rows in zip((1, 0), both, strict=True):
                rows_of_way = side_rows.rows.get(way, [])
                whole = sum(share for _, share in rows_of_way)
                rows += [[getattr(figures, name) for name in names] for figures, _ in rows_of_way]
                sides += [side] * len(rows_of_way)
                weights += [share / whole for _, share in rows_of_way]
    x, y, w = np.array(rows), np.array(sides), np.array(weights)
    middle, width = x.mean(axis=0), x.std(axis=0)
    model = LogisticRegression(C=1 / (RIDGE * len(x)), max_iter=5_000)
    model.fit((x - middle) / width, y, sample_weight=w / w.mean())
    fitted: Array = model.coef_[0] / width
    border = -_below(x @ fitted, y, w, BELOW)
    return {**dict(zip(names, fitted.tolist(), strict=True)), "border": border}


def _below(scores: Array, sides: Array, weights: Array, share: float) -> float:
    """Return the score that this share of the answered lies below."""
    there, heavy = scores[sides == 1], weights[sides == 1]
    order = np.argsort(there)
    summed = np.cumsum(heavy[order]) / heavy.sum()
    return float(there[order][np.searchsorted(summed, share)])


if __name__ == "__main__":
    main()
