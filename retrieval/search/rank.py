"""Questions to candidates in order: each part scores chunks by itself, the scores become one, later parts change the order.

Parts: `dense`, the similarity of vectors, and `lexical`, BM25. They are fused as Bruch et al. 2023 (arXiv:2210.11934) found
better than by ranks: both scaled to [0, 1] among the candidates, and added by weight. After them, where switched on:
`rerank`, a cross-encoder that reads the best (`adapt.embedding.reranker`), `diverse` and `distinct`
(`retrieval.search.near_duplicates`). Not here: where chunks lie (`retrieval.collections.collection`), how they are scored
(`retrieval.index.version_index`), which of them count (`retrieval.index.filters`), what becomes of the best
(`retrieval.search.search`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from pydantic import Field, model_validator

from adapt.embedding.reranker import load_reranker
from adapt.errors import DataError, RecipeError
from adapt.records import Chunk, Passage
from adapt.workspace.settings import Settings
from retrieval.index.fields import indexed_text
from retrieval.index.filters import Filter
from retrieval.index.live_words import IN_TEXT
from retrieval.index.version_index import Candidate
from retrieval.search.fusion import Weights, fuse, similarities, similarity
from retrieval.search.near_duplicates import Seen, spread

CANDIDATES = 100  # of each part
LOOKED = 10  # passages of which one must have to do with a question for any to be given
BOTH_OFF = "search.dense and search.lexical are both off; switch one on"


class SearchSettings(Settings):
    """Section `[search]`."""

    top_k: int = Field(4, ge=1, le=100)
    dense: bool = True
    lexical: bool = True
    # of the similarity in the fused score, the rest is BM25's (`NOTES.md`)
    dense_weight: float = Field(0.4, ge=0, le=1)
    # of it, for passages in a language that the embedder was not trained on
    foreign_weight: float = Field(0.25, ge=0, le=1)
    # the same where the shipped multilingual embedder is asked, times the share of the question's words, weighted by how
    # rare they are, that the best passage leaves out; and where question and passage are in two languages
    general_weight: float = Field(0.7, ge=0, le=1)
    # (in a collection of several languages more is added to what these weights make of a passage, which none of them
    # weighs: `retrieval.search.fusion`; with `lexical` off the similarity orders alone, with `dense` off BM25)
    across_weight: float = Field(0.65, ge=0, le=1)
    # what a passage gains that the question names, by a number, a date, a label or its file's name (`NOTES.md`)
    named_weight: float = Field(0.4, ge=0, le=1)
    # questions in people's own words come down to it: 0.25 left 3 of 54 without a passage; small talk is known by its words
    min_score: float = Field(0.2, ge=-1, le=1)
    # a passage below `min_score` is kept if it holds this share of the question's words, weighted by how rare they are
    min_coverage: float = Field(0.5, ge=0, le=1)
    # whether each passage must reach one of the two, as a prompt wants it; else one of the first `LOOKED` is enough
    strict: bool = True
    # a cross-encoder that reads the best `rerank_top` again: a folder or a hub id; empty for none
    rerank: str = ""
    rerank_top: int = Field(20, ge=1, le=200)
    # whether a passage that repeats a better one is left out, and how similar its vector is to that one's at least
    distinct: bool = True
    distinct_above: float = Field(0.97, ge=0, le=1)
    # how much a passage loses for being like a better one (1 - λ of maximal marginal relevance); 0 switches it off
    diversity: float = Field(0.0, ge=0, le=1)
    # whether passages that stand side by side become one, and how many neighbours are added on each side
    join: bool = False
    expand: int = Field(0, ge=0, le=5)

    @model_validator(mode="after")
    def _has_a_part(self) -> "SearchSettings":
        if not (self.dense or self.lexical):
            raise RecipeError(BOTH_OFF)
        return self


class Index(Protocol):
    """What a search needs of a collection."""

    @property
    def embedded_languages(self) -> frozenset[str] | None:
        """Return the languages that the embedder knows, None for any."""
        ...

    def candidates(
        self, question: str, *, dense: bool, lexical: bool, limit: int, only: Filter | None = None
    ) -> list[Candidate]:
        """Return the `limit` best chunks of each part that runs, with their scores by all of them.

        Args:
            only: which chunks are looked at; None for all.
        """
        ...

    def chunks(self, ids: Sequence[str]) -> dict[str, Chunk]:
        """Return the chunks of these ids; one that is gone meanwhile, or never was, is left out."""
        ...


@dataclass
class Ranking:
    """Candidates, best first, with the scores that order them, and what is known of them so far."""

    ordered: list[Candidate]
    scores: list[float]
    candidates: int
    ran: list[str] = field(default_factory=list)
    duplicates: int = 0
    chunks: dict[str, Chunk] = field(default_factory=dict)  # those that were read
    fused: dict[str, float] = field(
        default_factory=dict
    )  # scores of those that were reranked, before

    def keep(self, places: Sequence[int]) -> None:
        """Keep these, in this order."""
        self.ordered = [self.ordered[i] for i in places]
        self.scores = [self.scores[i] for i in places]

    def read(self, index: Index, places: Sequence[int]) -> list[int]:
        """Read the texts of some, and return those of them that there still are."""
        missing = [i for i in places if self.ordered[i].chunk_id not in self.chunks]
        if missing:
            self.chunks |= index.chunks([self.ordered[i].chunk_id for i in missing])
        return [i for i in places if self.ordered[i].chunk_id in self.chunks]

    def passages(self) -> list[Passage]:
        """Return them as passages; all must have been read."""
        return [
            Passage(self.chunks[candidate.chunk_id], score, self._parts(candidate, score))
            for candidate, score in zip(self.ordered, self.scores, strict=True)
        ]

    def _parts(self, candidate: Candidate, score: float) -> dict[str, float]:
        covered = None if candidate.lexical is None else candidate.coverage
        each = (
            zip(candidate.names, candidate.similar, strict=True) if len(candidate.names) > 1 else ()
        )
        parts = {
            "dense": candidate.dense,
            **dict(each),
            "lexical": candidate.lexical,
            "coverage": covered,
        }
        if candidate.chunk_id in self.fused:
            parts |= {"fused": self.fused[candidate.chunk_id], "rerank": score}
        return {name: part for name, part in parts.items() if part is not None}


def rank(
    index: Index,
    question: str,
    limit: int,
    settings: SearchSettings,
    only: Filter | None = None,
) -> list[tuple[Candidate, float]]:
    """Return candidates with their fused scores, in [0, 1] where both parts run, best first; at least `limit` if there are.

    Raises:
        DataError: the question is empty.
        RecipeError: both parts are switched off.
    """
    if not question.strip():
        raise DataError("the query is empty; write what to look for")
    if not (settings.dense or settings.lexical):
        raise RecipeError(BOTH_OFF)
    candidates = index.candidates(
        question,
        dense=settings.dense,
        lexical=settings.lexical,
        limit=max(CANDIDATES, limit),
        only=only,
    )
    scores = _scored(candidates, settings, index.embedded_languages)
    return [(candidates[i], scores[i]) for i in _order(candidates, scores)]


def refine(
    index: Index,
    question: str,
    ranked: Sequence[tuple[Candidate, float]],
    settings: SearchSettings,
    *,
    limit: int,
    reread: int,
) -> Ranking:
    """Return the `limit` best of what `rank` found that have to do with the question, their texts read.

    Args:
        reread: how many a reranker reads, where one is named.

    Raises:
        ModelError: it cannot be used.
    """
    fitting = _fitting(ranked, settings)
    ranking = Ranking(
        [candidate for candidate, _ in fitting], [score for _, score in fitting], len(ranked)
    )
    ranking.ran = [name for name in ("dense", "lexical") if getattr(settings, name)]
    if settings.rerank:
        _rerank(ranking, index, question, settings.rerank, reread)
    if settings.diversity:
        vectors = [
            candidate.vector for candidate in ranking.ordered if candidate.vector is not None
        ]
        order = spread(ranking.scores, vectors, weight=settings.diversity, count=limit)
        ranking.keep(order)
        ranking.ran.append("diverse")
    if settings.distinct:
        _drop_repeated(ranking, index, limit, settings.distinct_above)
        ranking.ran.append("distinct")
    else:
        ranking.keep(ranking.read(index, range(min(limit, len(ranking.ordered)))))
    return ranking


def _rerank(ranking: Ranking, index: Index, question: str, name: str, count: int) -> None:
    """Order the first `count` by a cross-encoder; the others follow as they were."""
    head = ranking.read(index, range(min(count, len(ranking.ordered))))
    texts = [indexed_text(ranking.chunks[ranking.ordered[i].chunk_id]) for i in head]
    scores = dict(zip(head, load_reranker(name).score(question, texts), strict=True))
    ranking.fused = {ranking.ordered[i].chunk_id: ranking.scores[i] for i in head}
    for i, score in scores.items():
        ranking.scores[i] = score
    best = sorted(head, key=lambda i: (-scores[i], i))
    ranking.keep([*best, *range(count, len(ranking.ordered))])
    ranking.ran.append("rerank")


def _drop_repeated(ranking: Ranking, index: Index, limit: int, near: float) -> None:
    """Keep the first `limit` that repeat none before them, as few texts as possible being read."""
    seen, start = Seen(near), 0
    kept: list[int] = []
    while len(kept) < limit and start < len(ranking.ordered):
        stop = min(start + limit - len(kept), len(ranking.ordered))
        for i in ranking.read(index, range(start, stop)):
            candidate = ranking.ordered[i]
            if seen.repeats(ranking.chunks[candidate.chunk_id].text, candidate.vector):
                ranking.duplicates += 1
            else:
                kept.append(i)
        start = stop
    ranking.keep(kept)


def _order(candidates: Sequence[Candidate], scores: Sequence[float]) -> list[int]:
    """Return the places of candidates, best first; of equal ones the first by id."""
    order = sorted(range(len(scores)), key=scores.__getitem__, reverse=True)
    if len(set(scores)) == len(scores):
        return order
    return sorted(order, key=lambda i: (-scores[i], candidates[i].chunk_id))


def _scored(
    candidates: Sequence[Candidate], settings: SearchSettings, languages: frozenset[str] | None
) -> list[float]:
    if not settings.lexical:
        # also where some are in another language
        return [similarity(candidate) for candidate in candidates]
    if not settings.dense:
        return [candidate.lexical or 0.0 for candidate in candidates]
    weights = Weights(
        settings.dense_weight,
        settings.foreign_weight,
        settings.general_weight,
        settings.across_weight,
    )
    both = fuse(candidates, weights, languages)
    # what names a law, among much else, may want another that speaks of it; across languages few words are shared
    rest = [1.0 if candidate.across else candidate.coverage for candidate in candidates]
    named = [
        settings.named_weight * candidate.named * share
        for candidate, share in zip(candidates, rest, strict=True)
    ]
    most = max(named, default=0.0)
    return [(score + more) / (1 + most) for score, more in zip(both, named, strict=True)]


def _fitting(
    ranked: Sequence[tuple[Candidate, float]], settings: SearchSettings
) -> list[tuple[Candidate, float]]:
    """Return what of a ranking has to do with the question; what is first, by all or by words, is never cut alone."""
    near, covered = settings.min_score, settings.min_coverage
    looked = ranked if settings.strict else ranked[:LOOKED]
    closeness = similarities([candidate for candidate, _ in looked]).tolist()
    fits = [
        (candidate.dense is not None and close >= near)
        or (
            candidate.lexical is not None
            and (candidate.named >= IN_TEXT or candidate.coverage >= covered)
        )
        for (candidate, _), close in zip(looked, closeness, strict=True)
    ]
    if not any(fits):
        return []
    if not settings.strict:
        return list(ranked)
    fits[0] = True
    lexical = [candidate.lexical or 0.0 for candidate, _ in looked]
    if max(lexical) > 0:
        fits[lexical.index(max(lexical))] = True
    return [pair for pair, fit in zip(looked, fits, strict=True) if fit]
