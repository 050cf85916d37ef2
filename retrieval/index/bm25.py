"""BM25 over the chunks of a collection.

What depends on the whole collection (its size, mean length, in how many chunks a term is) is computed when a question comes,
from the chunks that are live then: so the scores are those of one index of all live chunks, whatever ingests they came by.
"""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from retrieval.index.live_words import LivePart, QuestionWord, Scored
from retrieval.index.postings import Holders, Rows, Scores
from retrieval.index.word_index import Live, Postings
from retrieval.language.compounds import Compounds
from retrieval.language.forms.normal_form import SIGN
from retrieval.language.terms import Asked, asked

K1, B = 1.2, 0.75  # of four sets of questions in two languages better than 0.9, 0.4 (`NOTES.md`)
# A chunk counts with its document, whose words say what it is about, and with the document's first chunk, which opens it.
# Measured in `NOTES.md`; a document's length counts in full, for long ones hold more words of any kind.
OF_DOCUMENT, OF_OPENING = 2.0, 0.5
DOCUMENT_B = 1.0
# What stands in the headings above a chunk, or in the name of its file, says what it is about
OF_FIELDS = (
    1.0,
    0.5,
    1.0,
)  # of text, headings, file's name; chosen on feedbackqa's validation set and leyes_uy
# the same of numbers, dates, codes and labels: a heading with "Article 12" is the article, a text only mentions it
OF_FIELDS_NAMED = (1.0, 2.0, 1.0)
FIELD_B = (
    1.0  # a path of ten headings says less by each; 0.5 cost 0.002 on leyes_uy, 0.001 on feedbackqa
)
HEADINGS, TITLE = 1, 2  # their places among the fields
FEW, MANY = (
    3,
    0.2,
)  # chunks, and a share of them: what so many hold, "COVID-19", distinguishes none
WORDS = 512  # that an index remembers: those in every other question take longest to compute


@dataclass(frozen=True)
class Added:
    """What a word adds to the scores of chunks and of documents: for each segment who holds it, ascending, and how much."""

    idf: float
    chunks: tuple[Postings, ...]
    documents: tuple[Postings, ...]
    fielded: tuple[
        Rows, ...
    ]  # of what is named, the chunks that hold it in a heading or the file's name
    titled: tuple[Rows, ...]  # those that hold it in the file's name


class Bm25:
    """The lexical index of one version of a collection: BM25 (Robertson and Zaragoza 2009) with an idf that is above 0.

    A chunk's score is its own, `OF_DOCUMENT` times its document's and `OF_OPENING` times that of its document's first chunk.
    """

    def __init__(self, parts: Sequence[LivePart]) -> None:
        self._parts = parts
        self._size = sum(part.size for part in parts)
        self._documents = sum(int(part.live_documents.sum()) for part in parts)
        total, headings, titles = (
            sum(float(lengths[part.live].sum()) for part, lengths in zip(parts, field, strict=True))
            for field in (
                [part.lengths for part in parts],
                [part.headings for part in parts],
                [part.titles for part in parts],
            )
        )
        size = max(self._size, 1)
        self._norms = [
            (
                _norms(part.lengths, total / size, B),
                _norms(part.headings, headings / size, FIELD_B),
                _norms(part.titles, titles / size, FIELD_B),
            )
            for part in parts
        ]
        mean = total / max(self._documents, 1)
        self._document_norms = [
            (_norms(part.document_lengths, mean, DOCUMENT_B),) for part in parts
        ]
        self._openings = [part.segment.openings for part in parts]
        self._shares = _shares(parts)
        segments = [part.segment for part in parts]
        self._compounds = Compounds(
            (word for segment in segments for word in segment.compounds()),
            lambda term: any(segment.holds(term) for segment in segments),
        )
        self._word = functools.lru_cache(maxsize=WORDS)(self._add)

    def score(self, question: str, masks: Sequence[Live | None] | None = None) -> Scored:
        """Return the scores of chunks for a question.

        Args:
            masks: of each segment, which chunks count; None for all that are live. How rare a word is they do not change.
        """
        words, added, times = [], [], []
        for wanted in self._asked(question):
            word = self._word(wanted.terms, wanted.named)
            holders = tuple(rows for rows, _ in word.chunks)
            # neither counts as missing: a name in a form that no text here uses, for its words count already,
            # and what names nothing in another language
            if (wanted.named or wanted.small) and not any(map(len, holders)):
                continue
            added.append(word)
            times.append(wanted.times)
            words.append(
                QuestionWord(
                    wanted.times * word.idf,
                    holders,
                    word.fielded,
                    word.titled,
                    self._distinctness(holders) if wanted.named else 0.0,
                )
            )
        rows, scores = [], []
        for place, mask in enumerate(masks or [part.mask for part in self._parts]):
            matched, score = self._together(place, added, times, mask)
            rows.append(matched)
            scores.append(score)
        return Scored(rows, scores, words, [part.segment.titles for part in self._parts])

    def _asked(self, question: str) -> list[Asked]:
        """Return what a question asks for, its words with the compounds that are made with them, or in their parts."""
        every = asked(question, self._shares)
        if not self._compounds:
            return every
        expanded = []
        for wanted in every:
            words = [] if wanted.named else sorted(wanted.terms)
            compounds = [other for word in words for other in self._compounds.made_with(word)]
            expanded.append(
                replace(wanted, terms=wanted.terms.union(compounds)) if compounds else wanted
            )
            if not compounds and not any(
                map(len, (rows for rows, _ in self._word(wanted.terms, wanted.named).chunks))
            ):
                parts = next(filter(None, map(self._compounds.parts, words)), None)
                if parts is not None:
                    expanded[-1:] = [replace(wanted, terms=frozenset({part})) for part in parts]
        return expanded

    def _distinctness(self, rows: Sequence[Rows]) -> float:
        """Return how far something named distinguishes those that hold it: 1 for few, 0 for `MANY` of all."""
        return min(max(1 - (sum(map(len, rows)) - FEW) / (MANY * self._size), 0.0), 1.0)

    def _together(
        self, place: int, words: Sequence[Added], times: Sequence[int], mask: Live | None
    ) -> tuple[Rows, Scores]:
        """Return the chunks of a segment that share a word, and their scores with those of document and opening."""
        part = self._parts[place]
        own = _summed([word.chunks[place] for word in words], len(part.live))
        asked = [
            (rows, score if count == 1 else score * np.float32(count))
            for (rows, score), count in zip(
                (word.documents[place] for word in words), times, strict=True
            )
        ]
        about = OF_DOCUMENT * _summed(asked, len(part.live_documents))
        about += OF_OPENING * own.take(self._openings[place])
        rows = np.flatnonzero(own != 0)  # of truth values: numpy looks for those much faster
        if mask is not None:
            rows = rows[mask[rows]]
        scores = own.take(rows)
        scores += about.take(part.of_document.take(rows))
        return rows.astype(np.int32), scores.astype(np.float32)

    def _add(self, group: frozenset[str], named: bool) -> Added:
        """Compute what a word adds, whatever it is asked with; those that were asked last are remembered (`_word`)."""
        postings = [part.segment.postings(group) for part in self._parts]
        chunks = [holders for holders, _ in postings]
        documents = [holders for _, holders in postings]
        both = list(zip(self._parts, chunks, documents, strict=True))
        named = named or any(SIGN in term for term in group)
        fields = OF_FIELDS_NAMED if named else OF_FIELDS
        idf = _idf(self._size, sum(part.holding(holders.rows) for part, holders, _ in both))
        holding = sum(part.holding_documents(holders.rows) for part, _, holders in both)
        weight = _idf(self._documents, holding)
        return Added(
            idf,
            _weighted(chunks, self._norms, [idf * (K1 + 1) * share for share in fields]),
            _weighted(documents, self._document_norms, [weight * (K1 + 1)]),
            tuple(_within_field(holders, HEADINGS, TITLE) for holders in chunks) if named else (),
            tuple(_within_field(holders, TITLE) for holders in chunks),
        )


def _within_field(holders: Holders, *fields: int) -> Rows:
    """Return who holds a word in one of some fields."""
    counts = functools.reduce(np.bitwise_or, (holders.counts[field] for field in fields))
    rows: Rows = holders.rows[counts != 0]
    return rows


def _weighted(
    postings: Sequence[Holders], norms: Sequence[tuple[Scores, ...]], weights: Sequence[float]
) -> tuple[Postings, ...]:
    """Return who holds a word, and what it adds to each one's score by its fields, the first of which most hold it in."""
    added = []
    for holders, fields in zip(postings, norms, strict=True):
        score = _saturated(
            holders.counts[0].astype(np.float32), fields[0].take(holders.rows), weights[0]
        )
        for counts, norm, weight in zip(holders.counts[1:], fields[1:], weights[1:], strict=True):
            at = np.flatnonzero(counts != 0)  # of truth values: numpy looks for those much faster
            if len(at):
                norms_at = norm.take(holders.rows.take(at))
                score[at] += _saturated(counts.take(at).astype(np.float32), norms_at, weight)
        added.append((holders.rows, score))
    return tuple(added)


def _saturated(counts: Scores, norms: Scores, weight: float) -> Scores:
    norms += counts
    np.divide(counts, norms, out=norms)
    norms *= np.float32(weight)
    return norms


def _summed(added: Sequence[Postings], size: int) -> npt.NDArray[np.float64]:
    """Return the sums of what words add, shape [size]."""
    if not added:
        return np.zeros(size)
    # in the types that bincount would make of them, at once
    rows = np.concatenate([rows for rows, _ in added], dtype=np.intp)
    parts = np.concatenate([part for _, part in added], dtype=np.float64)
    return np.bincount(rows, parts, minlength=size).astype(np.float64, copy=False)


def _norms(lengths: Scores, mean: float, b: float) -> Scores:
    return (K1 * (1 - b + b * lengths / max(mean, 1e-9))).astype(np.float32)


def _idf(size: int, holding: int) -> float:
    return math.log1p((size - holding + 0.5) / (holding + 0.5))


def _shares(parts: Sequence[LivePart]) -> dict[str, float]:
    """Return the share of live chunks in each language."""
    shares: dict[str, float] = {}
    whole = max(sum(part.size for part in parts), 1)
    for part in parts:
        for language, count in part.segment.languages(part.live).items():
            shares[language] = shares.get(language, 0.0) + count / whole
    return {language: share for language, share in shares.items() if share}
