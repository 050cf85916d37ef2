"""One score of two: similarity and BM25, both scaled to [0, 1] among the candidates, added by weight.

Bruch et al. 2023 (arXiv:2210.11934) found that better than by ranks. What each is worth depends on which embedder was asked,
and on whether question and passage are in one language: across languages a passage shares names and numbers with the
question, and a few words by chance, so there BM25 counts by the share of the question's words that it found.

In a collection of several languages some candidates are in the question's and others are not, and their scores are on two
scales: only the former can match words, and texts in one language are more similar than a text and its translation. There
the comparable parts are added: the multilingual similarity, less for a chunk in the question's language, and the share of
the question's words, unless words or a name settle the answer already.
Not here: which embedder is asked (`retrieval.index.meaning`), and in what order the parts of a search run
(`retrieval.search.rank`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from retrieval.index.version_index import FEW, Candidate

Scores = npt.NDArray[np.float64]

# What an embedder's similarities are multiplied by, so that 0.25 means of each what it means of MiniLM, and passages that
# different embedders found can stand in one ranking; 1 for any other.
SCALES = {"muse": 5 / 3}
# The shipped embedders; what is added where candidates are of both kinds was measured with them and holds for no others
FIRST, GENERAL = "minilm", "muse"
# What is added to a fused score where candidates are of both kinds: times the multilingual similarity, the share of the
# question's words, and the similarity by the embedder of English where both texts are in English; and what being in the
# question's language adds to the first, which is taken off (`NOTES.md`)
MIXED_GENERAL, MIXED_COVERAGE, MIXED_FIRST, MIXED_OWN = 2.0, 1.2, 0.4, 0.35
# All of that counts where the best chunk leaves out this share of the question's words, for a title is in its text word for
# word; where a candidate is named this far, none of it; and where chunks in the question's language, or in others, are this
# share of the collection, none of it where they are as few as `FEW`
LEFT_OUT, NAMED, FEWER = 0.5, 0.5, 0.05


@dataclass(frozen=True)
class Weights:
    """The similarity's share of the score, in [0, 1]; the rest is BM25's.

    `own` is for the one embedder, or of two the one of few languages; `foreign` a share of it, for chunks in a language that
    it was not trained on; `general` for the one of many languages, of which as much counts as the best chunk leaves out of
    the question's words; `across` where question and chunk are in two. Where candidates of both kinds are compared, they
    share out the same part of the score; what is added there is not weighted by them.
    """

    own: float
    foreign: float
    general: float
    across: float


def similarity(candidate: Candidate) -> float:
    """Return how similar a candidate is to the question, whichever embedder says so; 0 where none was asked."""
    return (candidate.dense or 0.0) * SCALES.get(candidate.embedder, 1.0)


def similarities(candidates: Sequence[Candidate]) -> Scores:
    """Return `similarity` of each candidate."""
    scales = np.array([SCALES.get(candidate.embedder, 1.0) for candidate in candidates])
    near: Scores = np.array([candidate.dense or 0.0 for candidate in candidates]) * scales
    return near


def fuse(
    candidates: Sequence[Candidate], weights: Weights, languages: frozenset[str] | None
) -> list[float]:
    """Return the scores of candidates, each in [0, 1].

    Args:
        languages: those that the embedders know; None for all.
    """
    if not candidates:
        return []
    across = np.array([candidate.across for candidate in candidates])
    coverage = np.array([candidate.coverage for candidate in candidates])
    near = similarities(candidates)
    spread = float(np.ptp(near))
    near = (near - near.min()) / spread if spread else np.ones_like(near)
    words = np.array([candidate.lexical or 0.0 for candidate in candidates])
    words = words / words.max() if words.max() > 0 else words
    words *= np.where(across, np.sqrt(coverage), 1.0)
    left = 1 - float(coverage.max())
    weights = replace(weights, general=weights.general * left)
    kinds = [(candidate.across, candidate.language, candidate.embedder) for candidate in candidates]
    known = {kind: _weight(*kind, weights, languages) for kind in set(kinds)}
    weight = np.array([known[kind] for kind in kinds])
    scores = weight * near + (1 - weight) * words
    if across.any() and not across.all() and {FIRST, GENERAL} == set(candidates[0].names):
        fewer = (candidates[0].fewer - FEW) / (FEWER - FEW)
        named = max(candidate.named for candidate in candidates) / NAMED
        counts = float(np.prod(np.clip([fewer, left / LEFT_OUT, 1 - named], 0, 1)))
        added = counts * _comparable(candidates, across, coverage)
        added -= added.min()
        scores = (scores + added) / (1 + added.max())
    fused: list[float] = scores.tolist()
    return fused


def _comparable(
    candidates: Sequence[Candidate], across: npt.NDArray[np.bool_], coverage: Scores
) -> Scores:
    """Return what can be compared between chunks in the question's language and in others."""
    place = candidates[0].names.index(GENERAL)
    general = np.array([candidate.similar[place] or 0.0 for candidate in candidates])
    first = np.array(
        [
            (candidate.dense or 0.0) if candidate.embedder == FIRST else 0.0
            for candidate in candidates
        ]
    )
    added: Scores = MIXED_GENERAL * general + MIXED_COVERAGE * coverage + MIXED_FIRST * first
    return added - MIXED_OWN * ~across


def _weight(
    across: bool, language: str, embedder: str, weights: Weights, known: frozenset[str] | None
) -> float:
    if across:
        return weights.across
    if known is not None and language and language not in known:
        return weights.own * weights.foreign
    return weights.general if embedder in SCALES else weights.own
