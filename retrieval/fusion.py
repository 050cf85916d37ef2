"""One score of two: similarity and BM25, both scaled to [0, 1] among the candidates, added by weight.

Bruch et al. 2023 (arXiv:2210.11934) found that better than by ranks. What each is worth depends on which embedder was asked,
and on whether question and passage are in one language: across languages a passage shares names and numbers with the
question, and a few words by chance, so there BM25 counts by the share of the question's words that it found.
Not here: which embedder is asked (`retrieval.meaning`), and in what order the parts of a search run (`retrieval.ranking`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from retrieval.index import Candidate

# What an embedder's similarities are multiplied by, so that 0.25 means of each what it means of MiniLM, and passages that
# different embedders found can stand in one ranking; 1 for any other.
SCALES = {"muse": 5 / 3}


@dataclass(frozen=True)
class Weights:
    """The similarity's share of the score, in [0, 1]; the rest is BM25's.

    `own` is for the one embedder, or of two the one of few languages; `foreign` a share of it, for chunks in a language that
    it was not trained on; `general` for the one of many languages, of which as much counts as the best chunk leaves out of
    the question's words; `across` where question and chunk are in two.
    """

    own: float
    foreign: float
    general: float
    across: float


def similarity(one: Candidate) -> float:
    """Return how similar a candidate is to the question, whichever embedder says so; 0 where none was asked."""
    return (one.dense or 0.0) * SCALES.get(one.embedder, 1.0)


def fuse(
    found: Sequence[Candidate], weights: Weights, languages: frozenset[str] | None
) -> list[float]:
    """Return the scores of candidates, each in [0, 1].

    Args:
        languages: those that the embedders know; None for all.
    """
    if not found:
        return []
    near = np.array([similarity(one) for one in found])
    spread = float(np.ptp(near))
    near = (near - near.min()) / spread if spread else np.ones_like(near)
    words = np.array([one.lexical or 0.0 for one in found])
    words = words / words.max() if words.max() > 0 else words
    words *= [np.sqrt(one.coverage) if one.across else 1.0 for one in found]
    left = 1 - max(one.coverage for one in found)
    weights = replace(weights, general=weights.general * left)
    spoken = None if languages is None else {"", *languages}
    weight = np.array([_weight(one, weights, spoken) for one in found])
    fused: list[float] = (weight * near + (1 - weight) * words).tolist()
    return fused


def _weight(one: Candidate, weights: Weights, known: set[str] | None) -> float:
    if one.across:
        return weights.across
    if known is not None and one.language not in known:
        return weights.own * weights.foreign
    return weights.general if one.embedder in SCALES else weights.own
