"""Documents of very many and very short parts are told apart and cut by length, within the limit of tokens."""

import time

import pytest

from adapt.embedding.hash_embedder import HashEmbedder
from adapt.records import Document, Page, PageForm
from retrieval.chunks.by_length import FEW_PARTS, cut_by_length, is_crowded
from retrieval.chunks.cut import ChunkSettings, chunk
from retrieval.chunks.token_counts import TokenCounts

HASH = HashEmbedder()
MANY = 2 * FEW_PARTS


def counts() -> TokenCounts:
    return TokenCounts(HASH.count_tokens_batch)


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("# h\n" * MANY, "markdown"),
        ("# h\na\n" * MANY, "markdown"),
        ("a\n" * MANY, "plain"),
        ("a\n" * MANY, "code"),
        ("a. " * MANY, "plain"),
        ("a " * MANY, "plain"),
        ("| a | b |\n" * MANY, "markdown"),
    ],
)
def test_short_parts_by_the_hundred_thousand_are_cut_in_bounded_time(
    text: str, form: PageForm
) -> None:
    page = Page(text, form=form)
    started = time.process_time()

    chunks = chunk(
        Document("a.md", "0" * 64, (page,)),
        ChunkSettings(),
        count_tokens=HASH.count_tokens,
        count_all=HASH.count_tokens_batch,
    )

    assert time.process_time() - started < 5
    assert is_crowded([page])
    assert len(chunks) < len(text) / 50
    assert "".join("".join(piece.text.split()) for piece in chunks) == "".join(text.split())
    assert all(text[piece.start : piece.end] == piece.text for piece in chunks)
    assert all(HASH.count_tokens(piece.text) <= ChunkSettings().tokens for piece in chunks)


@pytest.mark.parametrize(
    "text",
    [
        "A sentence of some ten words, as they are written. Another.\n" * 20_000,
        "    if value > limit:\n        return None\n\n" * 30_000,
        "# h\n" * 1_000,  # few
        "a" * 1_000_000,
    ],
)
def test_ordinary_text_of_any_length_is_not_crowded(text: str) -> None:
    assert not is_crowded([Page(text, form="markdown")])


def test_a_cut_by_length_falls_between_lines() -> None:
    text = "one two three\n" * 200

    spans = cut_by_length(text, counts(), tokens=32)

    assert {text[start:end].split("\n")[0] for start, end in spans} == {"one two three"}
    assert "".join(text[a:b].replace("\n", "") for a, b in spans) == text.replace("\n", "")


def test_a_cut_by_length_of_a_word_without_end_stays_within_the_tokens() -> None:
    text = "a" * 10_000

    spans = cut_by_length(text, counts(), tokens=32)

    assert [start for start, _ in spans[1:]] == [end for _, end in spans[:-1]]
    assert all(counts().size(text[start:end]) <= 32 for start, end in spans)
