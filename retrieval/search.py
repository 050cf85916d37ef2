"""Questions to passages: each part ranks chunks by itself, the ranks become one list, the list becomes passages.

A part is a function from a question to ids with scores, best first. There is one now, `dense`; a lexical part and their
fusion go into `search`. Not here: where chunks lie (`retrieval.collection`).
"""

from collections.abc import Sequence
from typing import Protocol

from pydantic import Field

from adapt.config import Settings
from adapt.errors import DataError
from adapt.records import Chunk, Passage

Ranked = tuple[str, float]  # chunk id and score, larger is better


class SearchSettings(Settings):
    """Section `[search]`."""

    top_k: int = Field(4, ge=1, le=100)
    # MiniLM, 391 passages: 0.25 keeps the right passage of 99 % of English and 98 % of Spanish questions and gives
    # nothing for 93 % and 73 % of small talk ("hello", "thank you"); 0.3 keeps 97 % and 92 %, and quiets 100 % and 83 %
    min_score: float = Field(0.25, ge=-1, le=1)


class Index(Protocol):
    """What a search needs of a collection."""

    def dense(self, question: str, *, limit: int) -> list[Ranked]:
        """Return at most `limit` chunks by cosine similarity, best first."""
        ...

    def chunks(self, ids: Sequence[str]) -> dict[str, Chunk]:
        """Return the chunks of these ids; one that is gone meanwhile is left out."""
        ...


def search(
    index: Index, question: str, *, top_k: int | None = None, settings: SearchSettings | None = None
) -> list[Passage]:
    """Return at most `top_k` passages with a cosine similarity of at least `min_score`, best first.

    Raises:
        DataError: the question is empty.
    """
    settings = settings or SearchSettings()
    limit = settings.top_k if top_k is None else top_k
    if limit < 1:
        raise ValueError(f"top_k must be at least 1, got {limit}")
    if not question.strip():
        raise DataError("the query is empty; write what to look for")
    ranked = [r for r in index.dense(question, limit=limit) if r[1] >= settings.min_score]
    chunks = index.chunks([chunk_id for chunk_id, _ in ranked])
    return [
        Passage(chunks[chunk_id], score, {"dense": score})
        for chunk_id, score in ranked
        if chunk_id in chunks
    ]
