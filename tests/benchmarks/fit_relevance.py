"""Fit the weights of `retrieval.relevance`: `python -m tests.benchmarks.fit_relevance` prints them, and of which files.

Maximum likelihood with a ridge on standardised features; each set, size of collection and side weighs the same. Questions
whose passage is among the first three count as answered. As a handful of documents holds nothing near to most questions,
those without an answer are also asked of small random parts of each collection, by similarity alone.
"""

import math
import random
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression

from adapt.artifacts import sha256_file
from adapt.embedding import load_embedder
from adapt.reader import ShippedReader
from adapt.records import Passage
from adapt.workspace import Workspace
from retrieval.evidence import nearest_sentence, shared_sense
from retrieval.lexical import indexed_text
from retrieval.relevance import READ, _content, _held
from tests.benchmarks import answer_sets
from tests.benchmarks.answer_sets import DATA, FIT, USED, Asked, Gathered, gather

SEED = "relevance"
RIDGE = 1e-3
BELOW = 0.01  # of the answered, at the border
SIZES = (8, 25, 80, 250)  # chunks of the small parts

Array = npt.NDArray[np.float64]
Features = Callable[[str, Sequence[Passage]], list[float]]
ENGLISH = (answer_sets.tydiqa, answer_sets.feedbackqa)
MULTILINGUAL = (
    answer_sets.mlqa_dev,
    answer_sets.squad_es,
    lambda: answer_sets.spanish_on_english(FIT),
    lambda: answer_sets.english_on_spanish(FIT),
)


class Rows:
    """Rows of features with what they are and how much they weigh."""

    def __init__(self) -> None:
        self._rows: list[Array] = []
        self._sides: list[Array] = []
        self._weights: list[Array] = []

    def add(self, rows: Sequence[Sequence[float]], side: int) -> None:
        """Take one side of one set; all of it weighs one."""
        self._rows.append(np.array(rows, np.float64))
        self._sides.append(np.full(len(rows), side))
        self._weights.append(np.full(len(rows), 1 / len(rows)))

    def fit(self) -> Array:
        """Return the weights of the features, and the intercept that the border has."""
        x, y, w = map(np.concatenate, (self._rows, self._sides, self._weights))
        middle, width = x.mean(axis=0), x.std(axis=0)
        model = LogisticRegression(C=1 / (RIDGE * len(x)), max_iter=5_000)
        model.fit((x - middle) / width, y, sample_weight=w / w.mean())
        weights: Array = model.coef_[0] / width
        return np.append(weights, -self.below(x @ weights, y, w))

    @staticmethod
    def below(scores: Array, sides: Array, weights: Array) -> float:
        """Return the score that `BELOW` of the answered lie below."""
        there, heavy = scores[sides == 1], weights[sides == 1]
        order = np.argsort(there)
        share = np.cumsum(heavy[order]) / heavy.sum()
        return float(there[order][np.searchsorted(share, BELOW)])


def main() -> None:
    """Print the files and their hashes, then the weights."""
    for file in USED:
        sys.stdout.write(f"{sha256_file(DATA / file)}  {file}\n")
    sys.stdout.write(f"seed {SEED!r}\n")
    minilm, muse = load_embedder("minilm"), load_embedder("muse")

    def english(question: str, passages: Sequence[Passage]) -> list[float]:
        words = _content(question)
        held = max(len(_held(words, one)) for one in passages)
        return [nearest_sentence(question, passages, minilm), math.log1p(held)]

    def multilingual(question: str, passages: Sequence[Passage]) -> list[float]:
        near = nearest_sentence(question, passages, muse)
        return [near, shared_sense(question, passages, muse)]

    sets = [(make(), gather(make())) for make in ENGLISH]
    weights = _fitted(sets, english)
    sys.stdout.write(f"ENGLISH {np.round(weights, 3).tolist()}\n")
    with tempfile.TemporaryDirectory() as folder:
        reader = ShippedReader(Workspace(Path(folder)))
        informed = _informed([found for _, found in sets], english, weights, reader)
    sys.stdout.write(f"INFORMATION, INFORMED {np.round(informed, 4).tolist()}\n")
    sets = [(make(), gather(make())) for make in MULTILINGUAL]
    weights = _fitted(sets, multilingual)
    sys.stdout.write(f"MULTILINGUAL {np.round(weights, 3).tolist()}\n")


def _fitted(sets: Sequence[tuple[Asked, Gathered]], features: Features) -> Array:
    rows = Rows()
    rng = random.Random(SEED)
    for one, found in sets:
        there = [features(text, passages) for text, passages in _answered(found)]
        absent = [features(text, ps[:READ]) for text, ps in found.others if ps and _content(text)]
        for size, others in ((found.chunks, absent), *_parts(one, found, features, rng)):
            rows.add([[*row, math.log(size)] for row in there], 1)
            rows.add([[*row, math.log(size)] for row in others], 0)
        sys.stderr.write(f"{one.name}: {found.chunks} chunks, {len(there)} answered\n")
    return rows.fit()


def _answered(found: Gathered) -> list[tuple[str, list[Passage]]]:
    """Return the questions whose document is among the first passages, with these."""
    return [
        (text, passages[:READ])
        for text, gold, passages in found.own
        if any(one.chunk.document in gold for one in passages[:READ]) and _content(text)
    ]


def _parts(
    one: Asked, found: Gathered, features: Features, rng: random.Random
) -> list[tuple[int, list[list[float]]]]:
    """Return the features of questions without an answer, each asked of random chunks, by how many."""
    embedder = load_embedder(one.embedder)
    lists = [passages for *_, passages in [*found.own, *found.others]]
    pool = list({p.chunk.chunk_id: p for passages in lists for p in passages[:4]}.values())
    vectors = embedder.embed_array([indexed_text(passage.chunk) for passage in pool])
    parts = []
    for size in SIZES:
        rows = []
        for text in filter(_content, one.others):
            among = np.array(rng.sample(range(len(pool)), min(size, len(pool))))
            near = vectors[among] @ embedder.embed_array([text])[0]
            best = among[np.argsort(-near)[:READ]]
            rows.append(features(text, [pool[i] for i in best]))
        parts.append((size, rows))
    return parts


def _informed(
    sets: Sequence[Gathered], features: Features, weights: Array, reader: ShippedReader
) -> tuple[float, float]:
    """Return how much a nat of the starter's information adds to a score, and the intercept that belongs to it."""
    rows = Rows()
    for found in sets:
        absent = [(text, ps[:READ]) for text, ps in found.others if ps and _content(text)]
        for side, asked in ((1, _answered(found)), (0, absent)):
            pairs = []
            for text, passages in asked:
                score = float(
                    np.dot(weights, [*features(text, passages), math.log(found.chunks), 1])
                )
                told = reader.information(text, [one.chunk.text for one in passages])
                pairs.append([score, max(told)])
            rows.add(pairs, side)
    fitted = rows.fit()
    return float(fitted[1] / fitted[0]), float(fitted[2] / fitted[0])


if __name__ == "__main__":
    main()
