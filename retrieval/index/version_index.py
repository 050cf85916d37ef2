"""What a search ranks chunks by: one version's vectors, words and texts, held open; each part scores every live chunk.

Similarities are exact: no live vector is left out (`retrieval.index.vectors`), unless Chroma proposes for a large collection
(`retrieval.index.stores`): then what it proposes is compared.
"""

from collections.abc import Mapping, Sequence
from itertools import repeat
from typing import NamedTuple

import numpy as np

from adapt.records import Chunk
from retrieval.index.bm25 import Bm25
from retrieval.index.filters import Filter, Mask
from retrieval.index.k_largest import best
from retrieval.index.live_words import LivePart, Scored
from retrieval.index.meaning import Embedders, Meaning
from retrieval.index.segment_index import SegmentIndex
from retrieval.index.stores.store import ExactStore, Near, VectorStore
from retrieval.index.vectors import (
    EachVectors,
    Rows,
    Vectors,
    dot_products,
)
from retrieval.index.word_index import LexicalSegment

__all__ = ["Candidate", "EachVectors", "SegmentIndex", "Vectors", "VersionIndex"]

MOST = 0.5  # of the live chunks
FEW = 0.01  # of the live chunks: so many in another language may be a few documents whose language was recognised wrongly


class Candidate(NamedTuple):
    """A chunk that may answer, with its score by each part that ran; `coverage` is the share of the question's words.

    `similar` is the similarity by each embedder, in the order of `names`, None for one that no chunk is asked of; `dense` is
    that of `embedder`, the one that was asked for chunks of its language. `across` is whether that is another language than
    the question's.

    Two are distinguished by `chunk_id`, which is built when it is asked for, as `vector` is read then: of a few hundred
    candidates a handful is shown.
    """

    name: str | int  # its id, or its place in `words`
    dense: float | None
    lexical: float | None
    coverage: float = 0.0
    language: str = ""
    vectors: Vectors | None = None  # its segment's, of one embedder for all candidates of a search
    words: LexicalSegment | None = None
    across: bool = False
    embedder: str = ""
    names: tuple[str, ...] = ()
    similar: tuple[float | None, ...] = ()
    # how far the question names it: a number, a date or a label in it, or its file
    named: float = 0.0
    # the share of live chunks in the question's language, or in others if these are fewer; the same for all candidates
    fewer: float = 0.0

    @property
    def chunk_id(self) -> str:
        """Return its id."""
        if self.words is None or isinstance(self.name, str):
            return str(self.name)
        return self.words.id(self.name)

    @property
    def vector(self) -> Vectors | None:
        """Return its own vector."""
        if self.vectors is None or isinstance(self.name, str):
            return None
        own: Vectors = self.vectors[self.name]
        return own


class VersionIndex:
    """The index of one version of a collection. Safe to share between threads: nothing of it changes."""

    def __init__(
        self,
        segments: Mapping[str, SegmentIndex],
        live: Mapping[str, Mapping[str, str]],
        store: VectorStore | None = None,
        embedders: Embedders | None = None,
    ) -> None:
        """Take the segments, the keys of the live documents of each, and whose vectors they are.

        Args:
            store: finds the nearest chunks; None: all are compared.
            embedders: None for one that need not be named.
        """
        self._by_name = dict(segments)
        self._segments = list(segments.values())
        self._parts = [LivePart(segment.words, live[name]) for name, segment in segments.items()]
        self._bm25 = Bm25(self._parts)
        self._exact = ExactStore()
        self._store = store or self._exact
        self._embedders = embedders or Embedders()
        self._spoken = [part.segment.languages(part.live) for part in self._parts]
        languages = {
            language for spoken in self._spoken for language, count in spoken.items() if count
        }
        self._languages = sorted(languages)
        named = [language for language in self._languages if language] or [""]
        # whose vectors decide whether two chunks say the same
        self._telling = self._embedders.between(named[0], named[-1])

    def candidates(
        self,
        question: str,
        meaning: Meaning | None,
        *,
        lexical: bool,
        limit: int,
        only: Filter | None = None,
    ) -> list[Candidate]:
        """Return the `limit` best chunks of each part that runs, each with its scores by all of them.

        Where there is more than one embedder, each gives the `limit` best of the chunks that it is asked for in the
        question's language, and as many in others: texts in one language are more similar, and would leave none of these.

        Args:
            meaning: of the question, where the dense part runs.
            only: which chunks are looked at; None for all.
        """
        masks = self._masks(only)
        scored = self._bm25.score(question, masks) if lexical else None
        chosen = [np.zeros(0, np.int32) for _ in self._parts]
        if scored is not None:
            places = best(scored.scores, limit)
            chosen = [rows[at] for rows, at in zip(scored.rows, places, strict=True)]
        if meaning is not None:
            for (embedder, _), languages in self._kinds(meaning.language).items():
                near = self._near(meaning, embedder, masks, languages, limit, narrowed=bool(only))
                chosen = [np.union1d(*both) for both in zip(chosen, near, strict=True)]
        candidates: list[Candidate] = []
        for part, rows in enumerate(chosen):
            candidates += self._candidates(part, rows, meaning, scored)
        return candidates

    def asked(self, language: str) -> set[int]:
        """Return the places of the embedders that a question in a language needs."""
        return {embedder for embedder, _ in self._kinds(language)}

    def _kinds(self, language: str) -> dict[tuple[int, bool], list[str]]:
        """Return the languages of chunks, by which embedder compares them with a question and whether that is across."""
        apart = len(self._embedders.names) > 1 and self._fewer(language) >= FEW
        kinds: dict[tuple[int, bool], list[str]] = {}
        for spoken in self._languages:
            place = self._embedders.between(language, spoken)
            across = apart and self._embedders.across(language, spoken)
            kinds.setdefault((place, across), []).append(spoken)
        return kinds

    def _fewer(self, language: str) -> float:
        """Return the share of live chunks that are in a language or in others, whichever are fewer."""
        others = [other for other in self._languages if self._embedders.across(language, other)]
        share = self._share(others)
        return min(share, 1 - share)

    def _share(self, languages: Sequence[str]) -> float:
        """Return which share of the live chunks is in one of some languages."""
        inside = sum(spoken.get(language, 0) for spoken in self._spoken for language in languages)
        return inside / max(sum(part.size for part in self._parts), 1)

    def chunks(self, ids: Sequence[str]) -> dict[str, Chunk]:
        """Return the live chunks of these ids; what is not of this version is left out."""
        chunks = {}
        for chunk_id in ids:
            for segment, part in zip(self._segments, self._parts, strict=True):
                row = segment.words.row(chunk_id)
                if row is not None and part.live[row]:
                    chunks[chunk_id] = segment.texts.get(row)
        return chunks

    def _masks(self, only: Filter | None) -> list[Mask | None]:
        if not only:
            return [part.mask for part in self._parts]
        return [
            segment.allowed(only) & part.live
            for segment, part in zip(self._segments, self._parts, strict=True)
        ]

    def _candidates(
        self, part: int, rows: Rows, meaning: Meaning | None, scored: Scored | None
    ) -> list[Candidate]:
        segment, count = self._segments[part], len(rows)
        languages = segment.words.spoken(rows)
        similar = self._similar(segment, rows, meaning)
        by_embedder = list(zip(*similar, strict=True)) if meaning is not None else [()] * count
        how = {language: self._how(meaning, language) for language in set(languages)}
        asked = [how[language] for language in languages]
        lexical: list[float | None] = [None] * count
        coverage, named = [0.0] * count, [0.0] * count
        if scored is not None:
            lexical = scored.of(part, rows).tolist()
            coverage = scored.coverage(part, rows).tolist()
            named = scored.named(part, rows).tolist()
        dense: list[float | None] = [None] * count
        if meaning is not None:
            dense = [similar[place][at] for at, (place, _, _) in enumerate(asked)]
        # by columns, for a few hundred are made for each question
        columns = (
            rows.tolist(), dense, lexical, coverage, languages,
            repeat(segment.near[self._telling].vectors), repeat(segment.words),
            [across for _, across, _ in asked], [name for _, _, name in asked],
            repeat(() if meaning is None else self._embedders.names), by_embedder, named,
            repeat(0.0 if meaning is None else self._fewer(meaning.language)),
        )  # fmt: skip
        return list(map(Candidate._make, zip(*columns, strict=False)))

    def _similar(
        self, segment: SegmentIndex, rows: Rows, meaning: Meaning | None
    ) -> list[list[float | None]]:
        """Return the dot_products of some chunks by each embedder, None for one that is not asked."""
        if meaning is None:
            return []
        asked = self.asked(meaning.language)
        similar: list[list[float | None]] = []
        for place, near in enumerate(segment.near):
            if place in asked:
                close = dot_products(near.vectors.take(rows, axis=0), meaning.by(place))
                similar.append(np.clip(close, -1.0, 1.0).tolist())
            else:
                similar.append([None] * len(rows))
        return similar

    def _how(self, meaning: Meaning | None, spoken: str) -> tuple[int, bool, str]:
        """Return which embedder is asked for chunks of a language, whether that is across languages, and its name."""
        if meaning is None:
            return 0, False, ""
        place = self._embedders.between(meaning.language, spoken)
        across = self._embedders.across(meaning.language, spoken)
        return place, across, self._embedders.names[place]

    def _near(
        self,
        meaning: Meaning,
        embedder: int,
        masks: Sequence[Mask | None],
        languages: Sequence[str],
        limit: int,
        *,
        narrowed: bool,
    ) -> list[Rows]:
        """Return the rows of the nearest chunks that count and are in one of some languages, by one embedder."""
        every = len(languages) == len(self._languages)
        near = Near(
            vector=meaning.by(embedder),
            embedder=embedder,
            count=limit,
            masks=tuple(masks),
            languages=None if every else tuple(languages),
        )
        # Chroma knows neither filters nor languages: it is asked where most chunks count
        few = narrowed or self._share(languages) < MOST
        return (self._exact if few else self._store).near(self._by_name, near)
