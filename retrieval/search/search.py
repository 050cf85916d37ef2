"""Questions to passages: the best candidates are read, joined where they touch, and given with an account of what ran.

Not here: how candidates come and in which order (`retrieval.search.rank`), where they lie
(`retrieval.collections.collection`).
"""

from collections.abc import Callable
from dataclasses import dataclass

from adapt.records import Passage
from retrieval.index.filters import Filter
from retrieval.index.version_index import Candidate
from retrieval.search.fusion import similarity
from retrieval.search.join import assemble, neighbours
from retrieval.search.rank import CANDIDATES, Index, SearchSettings, rank, refine

__all__ = ["Filter", "Index", "SearchResult", "SearchSettings", "rank", "rankings", "run", "search"]


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Passages, best first; which parts ran, in order; how many chunks were candidates; how many repeated a better one.

    Parts: filter, dense, lexical, rerank, diverse, distinct, expand, join. `embedders` are those whose similarity counted,
    in the passages' order; none where `dense` did not run.
    """

    passages: tuple[Passage, ...]
    ran: tuple[str, ...]
    candidates: int
    duplicates: int = 0
    embedders: tuple[str, ...] = ()

    @property
    def account(self) -> str:
        """Return in one line what ran, with the embedders after `dense`, for people."""
        by = f"dense ({', '.join(self.embedders)})" if self.embedders else "dense"
        ran = ", ".join(by if name == "dense" else name for name in self.ran)
        return f"ran: {ran}; {self.candidates} candidates"


def search(
    index: Index,
    question: str,
    *,
    top_k: int | None = None,
    settings: SearchSettings | None = None,
    only: Filter | None = None,
) -> list[Passage]:
    """Return at most `top_k` passages that have to do with the question, best first.

    Args:
        only: which passages are looked at; None for all.

    Raises:
        DataError: the question is empty.
        RecipeError: both parts are switched off.
        ModelError: a reranker is named that cannot be used.
    """
    return list(run(index, question, top_k=top_k, settings=settings, only=only).passages)


def run(
    index: Index,
    question: str,
    *,
    top_k: int | None = None,
    settings: SearchSettings | None = None,
    only: Filter | None = None,
) -> SearchResult:
    """Return what `search` does, with the account of it."""
    settings = settings or SearchSettings()
    limit = settings.top_k if top_k is None else top_k
    if limit < 1:
        raise ValueError(f"top_k must be at least 1, got {limit}")
    ranked = rank(index, question, limit, settings, only)
    reread = max(settings.rerank_top, limit)
    best = refine(index, question, ranked, settings, limit=limit, reread=reread)
    passages, ran = best.passages(), [*(["filter"] if only else []), *best.ran]
    if settings.join or settings.expand:
        wanted = neighbours(passages, settings.expand) if settings.expand else []
        around = index.chunks(wanted) if wanted else {}
        passages = assemble(passages, around, join=settings.join, expand=settings.expand)
        ran += [name for name in ("expand", "join") if getattr(settings, name)]
    embedders = tuple(
        dict.fromkeys(candidate.embedder for candidate in best.ordered if candidate.embedder)
    )
    return SearchResult(tuple(passages), tuple(ran), best.candidates, best.duplicates, embedders)


def rankings(index: Index, question: str, settings: SearchSettings) -> dict[str, list[str]]:
    """Return the chunks that each part finds, best first, and last the order that a search with these settings goes by.

    `dense` and `lexical` are each part alone, switched on or not; `fused` is what a search makes of those that are on;
    `reranked` the same where a cross-encoder is named. Which of them are too far from the question to be shown
    (`min_score`, `min_coverage`) is asked as `adapt search` does: of the first few together, not of each.

    Raises:
        DataError: the question is empty.
        ModelError: a reranker is named that cannot be used.
    """
    whole = settings.model_copy(update={"dense": True, "lexical": True})
    both = rank(index, question, CANDIDATES, whole)
    parts: dict[str, Callable[[Candidate], float]] = {
        "dense": similarity,
        "lexical": lambda candidate: candidate.lexical or 0.0,
    }
    by_part = {}
    for name, score in parts.items():
        kept = [candidate for candidate, _ in both if name == "dense" or candidate.lexical]
        best = sorted(kept, key=lambda candidate: (-score(candidate), candidate.chunk_id))
        by_part[name] = [candidate.chunk_id for candidate in best[:CANDIDATES]]
    asked = both if settings == whole else rank(index, question, CANDIDATES, settings)
    reread = max(settings.rerank_top, settings.top_k)
    for name, reranker in {"fused": "", "reranked": settings.rerank}.items():
        if name == "fused" or reranker:
            chosen = settings.model_copy(update={"rerank": reranker, "strict": False})
            last = refine(index, question, asked, chosen, limit=CANDIDATES, reread=reread)
            by_part[name] = [candidate.chunk_id for candidate in last.ordered]
    return by_part
