from hypothesis import given, settings
from hypothesis import strategies as st

from adapt.embedding import HashEmbedder
from adapt.protocols import TextEmbedder
from adapt.records import Chunk, Document, Page, PageForm
from retrieval.chunking import CHARACTERS_PER_TOKEN, ChunkSettings, chunk

SMALL = ChunkSettings(tokens=32, overlap=8)
WORDS = st.sampled_from(
    [
        "a",
        "the",
        "casa",
        "¿qué?",
        "end.",
        "# A",
        "## B b",
        "\n",
        "\n\n",
        "```",
        "x" * 300,
        "señor,",
        "\t",
        "…»",
    ]
)
TEXTS = st.one_of(st.text(max_size=2_000), st.lists(WORDS, max_size=300).map(" ".join))


def cut(text: str, name: str = "a.md") -> list[Chunk]:
    form: PageForm = "plain" if name.endswith(".txt") else "markdown"
    document = Document(name, "0" * 64, (Page(text, form=form),))
    return chunk(document, SMALL, count_tokens=HashEmbedder().count_tokens)


@settings(max_examples=150, deadline=None)
@given(text=TEXTS, name=st.sampled_from(["a.md", "a.txt"]))
def test_chunks_are_spans_of_their_page_and_cover_all_of_it(text: str, name: str) -> None:
    text = text.replace("\r", " ")

    chunks = cut(text, name)

    covered = [False] * len(text)
    for piece in chunks:
        assert text[piece.start : piece.end] == piece.text
        covered[piece.start : piece.end] = [True] * len(piece.text)
    assert all(seen or letter.isspace() for seen, letter in zip(covered, text, strict=True))


@settings(max_examples=100, deadline=None)
@given(text=st.lists(WORDS, max_size=300).map(" ".join))
def test_no_chunk_is_longer_than_the_setting(text: str) -> None:
    for piece in cut(text):
        assert HashEmbedder().count_tokens(piece.text) <= SMALL.tokens
        assert len(piece.text) <= SMALL.tokens * CHARACTERS_PER_TOKEN


def test_a_chunk_knows_the_path_of_its_headings() -> None:
    chunks = cut(
        "# Leave\n\n## Holidays\n\nSome days.\n\n```\n# no heading\n```\n\n# Pay\n\nMonthly."
    )

    assert [(c.heading, c.text[:10]) for c in chunks] == [
        ("Leave > Holidays", "# Leave\n\n#"),
        ("Pay", "# Pay\n\nMon"),
    ]


def test_a_heading_stays_with_the_text_that_follows_it() -> None:
    sentence = (
        "Every employee has a number of days of holiday a year and may take them at any time. "
    )

    chunks = chunk(
        Document("a.md", "0" * 64, (Page("# Holidays\n\n" + sentence * 30, form="markdown"),)),
        ChunkSettings(),
        count_tokens=HashEmbedder().count_tokens,
    )

    assert len(chunks) > 2
    assert chunks[0].text.startswith("# Holidays\n\nEvery employee")
    assert {c.heading for c in chunks} == {"Holidays"}


def test_a_hash_sign_in_plain_text_is_no_heading() -> None:
    assert [c.heading for c in cut("# comment\nvalue = 1", "settings.txt")] == [""]


def test_pages_do_not_flow_into_each_other() -> None:
    document = Document("a.pdf", "0" * 64, (Page("One.", 1), Page("# Two.", 2)))

    chunks = chunk(document, SMALL, count_tokens=HashEmbedder().count_tokens)

    assert [(c.page, c.text) for c in chunks] == [(1, "One."), (2, "# Two.")]


def test_ids_depend_on_name_revision_and_position_only() -> None:
    first, again = cut("One. " * 100), cut("One. " * 100)
    other = chunk(
        Document("a.md", "1" * 64, (Page("One. " * 100),)),
        SMALL,
        count_tokens=HashEmbedder().count_tokens,
    )

    assert [c.chunk_id for c in first] == [c.chunk_id for c in again]
    assert len({c.chunk_id for c in [*first, *other]}) == len(first) + len(other)


def test_chunks_stay_within_the_window_of_the_shipped_embedder(minilm: TextEmbedder) -> None:
    text = "¿Cuántos días de vacaciones tiene? " * 80 + "a1b2" * 10_000 + " 1 | 2 | 3\n" * 300

    chunks = chunk(
        Document("a.md", "0" * 64, (Page(text),)), ChunkSettings(), count_tokens=minilm.count_tokens
    )

    assert max(minilm.count_tokens(c.text) for c in chunks) <= 140 < minilm.max_tokens
    assert max(len(c.text) for c in chunks) <= 140 * CHARACTERS_PER_TOKEN
