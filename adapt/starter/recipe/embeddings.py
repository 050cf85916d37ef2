"""The input embeddings that the hand-set heads read: random vectors in which like tokens are alike, and a few features."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from adapt.starter.recipe.heads import (
    BOUNDARY,
    BRACKET,
    CODE,
    CONST,
    CONTENT,
    COPIED,
    HIDDEN,
    MARKER,
    RARITY,
    WORD,
)
from adapt.starter.recipe.tokenizer import ASSISTANT, END, PAD, SPECIAL_TOKENS, SYSTEM, USER


@dataclass(frozen=True)
class Vocabulary:
    """What the construction must know of the tokens: their texts, and how often each occurs in the corpus."""

    texts: Sequence[str]
    counts: Sequence[int]


def embedding_rows(vocabulary: Vocabulary, *, seed: int) -> Tensor:
    """Return the input embeddings: features in their blocks, and a random vector in `CONTENT`."""
    generator = torch.Generator().manual_seed(seed)
    size = len(vocabulary.texts)
    rows = torch.zeros(size, HIDDEN)
    rows[:, CONTENT.start :] = _content(vocabulary.texts, generator)
    rows[:, CONST.start] = 0.5
    total = sum(vocabulary.counts) + size
    for index, (text, count) in enumerate(zip(vocabulary.texts, vocabulary.counts, strict=True)):
        if text in (SYSTEM, USER, ASSISTANT):
            rows[index, MARKER[(SYSTEM, USER, ASSISTANT).index(text)]] = 0.5
        elif text not in (PAD, END):
            if text.strip():
                surprise = math.log(total / (count + 1))
                rows[index, RARITY.start] = 0.3 * min(max((surprise - 4) / 6, 0.0), 1.0)
            if "\n" in text or text.rstrip()[-1:] in (".", "!", "?"):
                rows[index, BOUNDARY.start] = 0.5
            if text.strip() == "[":
                rows[index, BRACKET.start] = 0.5
        if text == SYSTEM:  # a head that finds nothing looks at the first token: it says nothing
            rows[index, COPIED.start : COPIED.stop] = 0
        if "\n" in text or text in SPECIAL_TOKENS:  # they stand everywhere and tell nothing apart
            rows[index, CODE.start : WORD.stop] = 0
    # one length for all rows: the distance heads compare scores of tokens, whose sizes must not
    # differ by chance
    content = rows[:, CONTENT.start :]
    features = rows[:, : CONTENT.start].square().sum(dim=1)
    content *= ((1.5 - features).sqrt() / content.norm(dim=1)).unsqueeze(1)
    return rows


def _content(texts: Sequence[str], generator: torch.Generator) -> Tensor:
    """Return a random vector for each token; tokens that differ in case or a leading space share most of it.

    So `marlow` finds `Marlow`, and ` The` inside a passage can become `The` at the start of an answer.
    """
    width = len(CONTENT)
    alike: dict[str, Tensor] = {}
    spaced, capital = torch.zeros(width), torch.zeros(width)
    form = slice(WORD.stop - CONTENT.start, COPIED.stop - CONTENT.start)
    for direction in (spaced, capital):
        direction[form] = torch.randn(form.stop - form.start, generator=generator)
        direction.div_(direction.norm())
    rows = torch.zeros(len(texts), width)
    for index, text in enumerate(texts):
        own = torch.randn(width, generator=generator) / math.sqrt(width)
        key = text.strip().lower() or text
        if key not in alike:
            alike[key] = torch.randn(width, generator=generator) / math.sqrt(width)
        rows[index] = 0.6 * alike[key] + 0.6 * own
        rows[index] += (
            0.45 * spaced * text.startswith(" ") + 0.35 * capital * text.strip()[:1].isupper()
        )
    return rows


def copied_row(vocabulary: Vocabulary, embedding: Tensor, text: str) -> Tensor:
    """Return what heads can copy of one token's embedding."""
    return embedding[list(vocabulary.texts).index(text)][COPIED.start : COPIED.stop].clone()
