"""Questions to passages: each part scores chunks by itself, the scores become one, the best become passages.

Parts: `dense`, the similarity of vectors, and `lexical`, BM25. Each can be switched off. They are fused as Bruch et al.
2023 (arXiv:2210.11934) found better than by ranks: both scaled to [0, 1] among the candidates, and added by weight.
Not here: where chunks lie (`retrieval.collection`), how they are scored (`retrieval.index`).
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from pydantic import Field

from adapt.config import Settings
from adapt.errors import DataError, RecipeError
from adapt.records import Chunk, Passage
from retrieval.index import Candidate

CANDIDATES = 100  # of each part


class SearchSettings(Settings):
    """Section `[search]`."""

    top_k: int = Field(4, ge=1, le=100)
    dense: bool = True
    lexical: bool = True
    # of the similarity in the fused score, the rest is BM25's (`README.md`)
    dense_weight: float = Field(0.4, ge=0, le=1)
    # of it, for passages in a language that the embedder was not trained on
    foreign_weight: float = Field(0.25, ge=0, le=1)
    # MiniLM, 391 passages: 0.25 keeps the right passage of 99 % of English and 98 % of Spanish questions and gives
    # nothing for 93 % and 73 % of small talk ("hello", "thank you"); 0.3 keeps 97 % and 92 %, and quiets 100 % and 83 %
    min_score: float = Field(0.25, ge=-1, le=1)
    # a passage below `min_score` is kept if it holds this share of the question's words, weighted by how rare they are
    min_coverage: float = Field(0.5, ge=0, le=1)


class Index(Protocol):
    """What a search needs of a collection."""

    @property
    def embedded_languages(self) -> frozenset[str] | None:
        """Return the languages that the embedder knows, None for any."""
        ...

    def candidates(
        self, question: str, *, dense: bool, lexical: bool, limit: int
    ) -> list[Candidate]:
        """Return the `limit` best chunks of each part that runs, with their scores by all of them."""
        ...

    def chunks(self, ids: Sequence[str]) -> dict[str, Chunk]:
        """Return the chunks of these ids; one that is gone meanwhile is left out."""
        ...


def search(
    index: Index, question: str, *, top_k: int | None = None, settings: SearchSettings | None = None
) -> list[Passage]:
    """Return at most `top_k` passages that have to do with the question, best first.

    Raises:
        DataError: the question is empty.
        RecipeError: both parts are switched off.
    """
    settings = settings or SearchSettings()
    limit = settings.top_k if top_k is None else top_k
    if limit < 1:
        raise ValueError(f"top_k must be at least 1, got {limit}")
    ranked = [one for one in rank(index, question, limit, settings) if _fits(one[0], settings)]
    ranked = ranked[:limit]
    chunks = index.chunks([candidate.chunk_id for candidate, _ in ranked])
    return [
        Passage(chunks[candidate.chunk_id], score, _scores(candidate))
        for candidate, score in ranked
        if candidate.chunk_id in chunks
    ]


def rank(
    index: Index, question: str, limit: int, settings: SearchSettings
) -> list[tuple[Candidate, float]]:
    """Return candidates with their fused scores, in [0, 1] where both parts run, best first; at least `limit` if there are.

    Raises:
        DataError: the question is empty.
        RecipeError: both parts are switched off.
    """
    if not question.strip():
        raise DataError("the query is empty; write what to look for")
    if not (settings.dense or settings.lexical):
        raise RecipeError("search.dense and search.lexical are both off; switch one on")
    found = index.candidates(
        question, dense=settings.dense, lexical=settings.lexical, limit=max(CANDIDATES, limit)
    )
    scores = _fused(found, settings, index.embedded_languages)
    order = sorted(range(len(found)), key=lambda i: (-scores[i], found[i].chunk_id))
    return [(found[i], scores[i]) for i in order]


def rankings(index: Index, question: str, settings: SearchSettings) -> dict[str, list[str]]:
    """Return the chunks that each part finds, best first, and last what they find together (`fused`).

    Raises:
        DataError: the question is empty.
    """
    both = settings.model_copy(update={"dense": True, "lexical": True})
    found = rank(index, question, CANDIDATES, both)
    parts: dict[str, Callable[[Candidate], float]] = {
        "dense": lambda one: one.dense or 0.0,
        "lexical": lambda one: one.lexical or 0.0,
    }
    ranked = {}
    for name, score in parts.items():
        held = [one for one, _ in found if name == "dense" or one.lexical]
        best = sorted(held, key=lambda one: (-score(one), one.chunk_id))
        ranked[name] = [one.chunk_id for one in best[:CANDIDATES]]
    return {**ranked, "fused": [one.chunk_id for one, _ in found]}


def _fused(
    found: Sequence[Candidate], settings: SearchSettings, languages: frozenset[str] | None
) -> list[float]:
    if not found:
        return []
    if not settings.lexical:
        return [one.dense or 0.0 for one in found]
    words = np.array([one.lexical or 0.0 for one in found])
    if not settings.dense:
        return [float(score) for score in words]
    near = np.array([one.dense or 0.0 for one in found])
    spread = float(np.ptp(near))
    near = (near - near.min()) / spread if spread else np.ones_like(near)
    words = words / words.max() if words.max() > 0 else words
    known = np.array([languages is None or one.language in {"", *languages} for one in found])
    weight = settings.dense_weight * np.where(known, 1.0, settings.foreign_weight)
    return [float(score) for score in weight * near + (1 - weight) * words]


def _fits(candidate: Candidate, settings: SearchSettings) -> bool:
    """Return whether a passage has to do with the question at all."""
    if candidate.dense is not None and candidate.dense >= settings.min_score:
        return True
    return candidate.lexical is not None and candidate.coverage >= settings.min_coverage


def _scores(candidate: Candidate) -> dict[str, float]:
    covered = None if candidate.lexical is None else candidate.coverage
    parts = {"dense": candidate.dense, "lexical": candidate.lexical, "coverage": covered}
    return {name: score for name, score in parts.items() if score is not None}
