"""BM25 over the chunks of a collection.

What depends on the whole collection (its size, mean length, in how many chunks a term is) is reckoned when a question comes,
from the chunks that are live then: so the scores are those of one index of all live chunks, whatever ingests they came by.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from retrieval.analysis import groups
from retrieval.lexical import LexicalSegment, Postings, Rows, Scores

K1, B = 1.2, 0.75  # of four sets of questions in two languages better than 0.9, 0.4 (`README.md`)
# A chunk counts with its document, whose words say what it is about, and with the document's first chunk, which opens it.
# Measured in `README.md`; a document's length counts in full, for long ones hold more words of any kind.
OF_DOCUMENT, OF_OPENING = 2.0, 0.5
DOCUMENT_B = 1.0


class LivePart:
    """A segment, and which of its chunks are live, shape [n]; what of them BM25 asks for."""

    def __init__(self, segment: LexicalSegment, keys: Mapping[str, str]) -> None:
        """Take the segment and the keys of the documents that are live in it."""
        self.segment = segment
        self.live = segment.live(keys)
        self.size = int(self.live.sum())
        self.lengths = segment.lengths.astype(np.float32)
        self.of_document = segment.keys
        whole = np.bincount(segment.keys, segment.lengths, minlength=segment.documents)
        self.document_lengths = whole.astype(np.float32)
        self.live_documents = np.zeros(segment.documents, np.bool_)
        self.live_documents[segment.keys[self.live]] = True


@dataclass(frozen=True)
class Found:
    """A word of a question: its weight (idf), and for each segment the chunks that hold it, ascending."""

    weight: float
    rows: tuple[Rows, ...]


@dataclass(frozen=True)
class Scored:
    """The scores of all chunks of each segment, 0 for those that are not live or share no word; and the words."""

    scores: list[Scores]
    words: list[Found]

    def coverage(self, part: int, rows: Rows) -> Scores:
        """Return which share of the question some chunks hold, its words weighted by rarity; 0 to 1, shape [n]."""
        whole = sum(word.weight for word in self.words)
        held = np.zeros(len(rows), np.float32)
        for word in self.words:
            holding = word.rows[part]
            places = np.searchsorted(holding, rows)
            inside = places < len(holding)
            inside[inside] = holding[places[inside]] == rows[inside]
            held[inside] += word.weight
        return held / np.float32(whole) if whole else held


class Bm25:
    """The lexical index of one version of a collection: BM25 (Robertson and Zaragoza 2009) with an idf that is above 0.

    A chunk's score is its own, `OF_DOCUMENT` times its document's and `OF_OPENING` times that of its document's first chunk.
    """

    def __init__(self, parts: Sequence[LivePart]) -> None:
        self._parts = parts
        self._size = sum(part.size for part in parts)
        self._documents = sum(int(part.live_documents.sum()) for part in parts)
        total = sum(float(part.lengths[part.live].sum()) for part in parts)
        self._norms = [_norms(part.lengths, total / max(self._size, 1), B) for part in parts]
        mean = total / max(self._documents, 1)
        self._document_norms = [_norms(part.document_lengths, mean, DOCUMENT_B) for part in parts]
        self._shares = _shares(parts)

    def score(self, question: str) -> Scored:
        """Return the scores of all chunks for a question."""
        own = [np.zeros(len(part.live), np.float32) for part in self._parts]
        whole = [np.zeros(len(part.live_documents), np.float32) for part in self._parts]
        words = []
        for group, times in groups(question, self._shares).items():
            found = [part.segment.postings(group) for part in self._parts]
            weight = times * self._add_own(own, found)
            self._add_whole(whole, found, times)
            words.append(Found(weight, tuple(rows for rows, _ in found)))
        for place, part in enumerate(self._parts):
            matched = part.live & (own[place] > 0)
            about = OF_DOCUMENT * whole[place] + OF_OPENING * own[place][part.segment.openings]
            own[place] += about[part.of_document]
            own[place][~matched] = 0
        return Scored(own, words)

    def _add_own(self, scores: list[Scores], found: Sequence[Postings]) -> float:
        """Add a word's part to the scores of chunks and return its idf."""
        holding = sum(
            int(part.live[rows].sum()) for part, (rows, _) in zip(self._parts, found, strict=True)
        )
        idf = _idf(self._size, holding)
        for score, norm, (rows, counts) in zip(scores, self._norms, found, strict=True):
            score[rows] += idf * (K1 + 1) * counts / (counts + norm[rows])
        return idf

    def _add_whole(self, scores: list[Scores], found: Sequence[Postings], times: int) -> None:
        """Add a word's part to the scores of documents."""
        counts = [
            np.bincount(part.of_document[rows], counts, minlength=len(part.live_documents))
            for part, (rows, counts) in zip(self._parts, found, strict=True)
        ]
        holding = sum(
            int((count[part.live_documents] > 0).sum())
            for part, count in zip(self._parts, counts, strict=True)
        )
        weight = times * _idf(self._documents, holding) * (K1 + 1)
        for score, norm, count in zip(scores, self._document_norms, counts, strict=True):
            np.add(score, weight * count / (count + norm), out=score, casting="same_kind")


def _norms(lengths: Scores, mean: float, b: float) -> Scores:
    return (K1 * (1 - b + b * lengths / max(mean, 1e-9))).astype(np.float32)


def _idf(size: int, holding: int) -> float:
    return math.log1p((size - holding + 0.5) / (holding + 0.5))


def _shares(parts: Sequence[LivePart]) -> dict[str, float]:
    """Return the share of live chunks in each language."""
    found: dict[str, float] = {}
    whole = max(sum(part.size for part in parts), 1)
    for part in parts:
        for language, count in part.segment.languages(part.live).items():
            found[language] = found.get(language, 0.0) + count / whole
    return {language: share for language, share in found.items() if share}
