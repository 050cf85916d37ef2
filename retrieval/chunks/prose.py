"""Prose too long for one chunk: along paragraphs, sentences, phrases and words, by llama-index's `SentenceSplitter`.

The splitter asks for sizes again and again; it gets them from counts that were made in one call
(`retrieval.chunks.token_counts`).
"""

import re
from functools import partial
from typing import TYPE_CHECKING

from retrieval.chunks.by_length import SENTENCE_END
from retrieval.chunks.token_counts import CHARACTERS_PER_TOKEN, TokenCounts

if TYPE_CHECKING:
    from llama_index.core.node_parser import SentenceSplitter

LONG_RUN = re.compile(r"\S{200}(?=\S)|\s{200}(?=\s)")
SENTENCE_LENGTH = 600  # characters; what runs on longer is a list: cut at line ends

Span = tuple[int, int]


class ProseCutter:
    """Cuts texts of one document."""

    def __init__(self, counts: TokenCounts, *, overlap: int) -> None:
        self._counts = counts
        self._overlap = overlap
        self._splitters: dict[int, SentenceSplitter] = {}

    def cut(self, text: str, *, tokens: int) -> list[Span]:
        """Return spans of at most about `tokens` each, which cover the text except for white space."""
        pieces = self._splitter(tokens).split_text(text)
        return _spans(text, pieces)

    def _splitter(self, tokens: int) -> "SentenceSplitter":
        from llama_index.core.node_parser import SentenceSplitter  # 1 s; no search cuts

        if tokens not in self._splitters:
            self._splitters[tokens] = SentenceSplitter(
                chunk_size=tokens,
                chunk_overlap=min(self._overlap, tokens // 2),
                tokenizer=partial(self._size, tokens),
                paragraph_separator="\n\n",
                # llama-index's own is nltk's for English, and slow on text without an end of sentence
                chunking_tokenizer_fn=sentences,
            )
        return self._splitters[tokens]

    def _size(self, most: int, text: str) -> range:
        """Return what llama-index takes the length of; of what is much too long, that alone matters."""
        if len(text) > CHARACTERS_PER_TOKEN * most:
            return range(-(-len(text) // CHARACTERS_PER_TOKEN))
        known = self._counts.known(text)
        return range(self._counts.sum(sentences(text)) if known is None else known)


def sentences(text: str) -> list[str]:
    """Return pieces that joined give the text: sentences, lines of what is too long for one, parts of endless words."""
    pieces = []
    for sentence in _cut(text, SENTENCE_END):
        lines = (
            sentence.splitlines(keepends=True) if len(sentence) > SENTENCE_LENGTH else [sentence]
        )
        for line in lines:
            pieces.extend(_cut(line, LONG_RUN))
    return pieces


def _cut(text: str, border: re.Pattern[str]) -> list[str]:
    ends = [match.end() for match in border.finditer(text)]
    starts = [0, *ends]
    return [text[a:b] for a, b in zip(starts, [*ends, len(text)], strict=True) if a < b]


def _spans(text: str, pieces: list[str]) -> list[Span]:
    """Return where each piece stands in the text.

    A piece begins at or before the first letter that is not covered yet. Of the places that qualify the last is
    taken: in a text that repeats itself it may be later than the true one, never earlier, so that no gap can open.
    """
    spans: list[Span] = []
    covered = 0
    for piece in pieces:
        while covered < len(text) and text[covered].isspace():
            covered += 1
        start = text.rfind(piece, 0, covered + len(piece))
        if start < 0:
            raise ValueError(f"a piece of {len(piece)} characters is not part of its text")
        spans.append((start, start + len(piece)))
        covered = max(covered, start + len(piece))
    return spans
