from collections.abc import Sequence

import pytest
from hypothesis import given, settings, strategies as st

from adapt.embedding.hash_embedder import HashEmbedder
from adapt.protocols import TextEmbedder
from adapt.records import Chunk, Document, Page, PageForm
from retrieval.chunks.cut import HEADING_TOKENS, ChunkSettings, chunk
from retrieval.chunks.sections import sections
from retrieval.chunks.token_counts import CHARACTERS_PER_TOKEN

SMALL = ChunkSettings(tokens=32, overlap=8)
FORMS: tuple[PageForm, ...] = ("plain", "markdown", "code")
WORDS = st.sampled_from(
    [
        *("a", "the", "casa", "¿qué?", "end.", "# A", "## B b", "\n", "\n\n", "```", "x" * 300, "señor,", "\t", "…»"),
        *("a | b\n", "| c | d |\n", "|---|---|\n", "\n- one", "\n    if x:\n", "~~~~", "lead:\n"),
    ]
)  # fmt: skip
TEXTS = st.one_of(st.text(max_size=2_000), st.lists(WORDS, max_size=300).map(" ".join))
CELLS = st.lists(st.sampled_from(["1", "twelve", "a longer cell", "3.5 %"]), min_size=2, max_size=4)
SENTENCE = "Every employee has a number of days of holiday a year and may take them at any time. "


def cut(text: str, form: PageForm = "markdown", heading: str = "") -> list[Chunk]:
    return cut_pages([Page(text, form=form, heading=heading)])


def cut_pages(pages: Sequence[Page], chosen: ChunkSettings = SMALL) -> list[Chunk]:
    document = Document("a.md", "0" * 64, tuple(pages))
    return chunk(document, chosen, count_tokens=HashEmbedder().count_tokens)


@settings(max_examples=200, deadline=None)
@given(text=TEXTS, form=st.sampled_from(FORMS))
def test_chunks_are_spans_of_their_page_and_cover_all_of_it(text: str, form: PageForm) -> None:
    chunks = cut(text, form)

    covered = [False] * len(text)
    for piece in chunks:
        assert text[piece.start : piece.end] == piece.text
        assert piece.text.strip() == piece.text != ""
        covered[piece.start : piece.end] = [True] * len(piece.text)
    assert all(seen or letter.isspace() for seen, letter in zip(covered, text, strict=True))


@settings(max_examples=200, deadline=None)
@given(text=TEXTS, form=st.sampled_from(FORMS))
def test_no_chunk_is_longer_than_the_setting(text: str, form: PageForm) -> None:
    for piece in cut(text, form, heading="Chapter " + "x" * 300):
        assert HashEmbedder().count_tokens(piece.text) <= SMALL.tokens
        assert len(piece.text) <= SMALL.tokens * CHARACTERS_PER_TOKEN
        assert HashEmbedder().count_tokens(piece.heading) <= HEADING_TOKENS


@settings(max_examples=100, deadline=None)
@given(
    rows=st.lists(CELLS, min_size=2, max_size=40),
    before=st.integers(0, 6),
    after=st.integers(0, 6),
    bars=st.booleans(),
    form=st.sampled_from(("plain", "markdown")),
)
def test_a_row_of_a_table_is_never_cut(
    rows: list[list[str]], before: int, after: int, bars: bool, form: PageForm
) -> None:
    lines = [("| {} |" if bars else "{}").format(" | ".join(row)) for row in rows]
    text = "\n\n".join([SENTENCE * before, "\n".join(lines), SENTENCE * after]).strip()

    chunks = cut(text, form)

    start = text.index(lines[0]) if before == 0 else text.index("\n\n") + 2
    table = (start, start + len("\n".join(lines)))
    for piece in chunks:
        for edge in (piece.start, piece.end):
            inside = table[0] < edge < table[1]
            assert not inside or "\n" in text[edge - 1 : edge + 1]
    if HashEmbedder().count_tokens("\n".join(lines)) <= SMALL.tokens:
        whole = [c for c in chunks if c.start <= table[0] and table[1] <= c.end]
        fits = len("\n".join(lines)) <= SMALL.tokens * CHARACTERS_PER_TOKEN // 2
        assert whole or not fits


def test_the_later_pieces_of_a_long_table_carry_its_header() -> None:
    rows = [f"| {place} | paid in month {place} | yes |" for place in range(40)]
    text = "# Pay\n\n| unit | what | done |\n|---|---|---|\n" + "\n".join(rows)

    chunks = cut(text, heading="Book")

    assert len(chunks) > 5
    assert chunks[0].text.startswith("# Pay\n\n| unit | what | done |\n|---|---|---|\n| 0 |")
    assert chunks[0].heading == "Book > Pay"
    assert {c.heading for c in chunks[1:]} == {"Book > Pay > unit | what | done"}
    assert [line for c in chunks for line in c.text.split("\n") if line in rows] == rows


def test_a_table_that_fits_is_not_cut_to_fill_the_chunk_before() -> None:
    table = "name | price\nlamp | 12\nchair | 40\ndesk | 99"

    chunks = cut(SENTENCE * 3 + "\n\n" + table + "\n\n" + SENTENCE * 3, "plain")

    assert [table in c.text for c in chunks].count(True) == 1


def test_a_row_with_one_cell_belongs_to_its_table() -> None:
    page = Page("a | b\nc | d\nTotals\ne | f\n\nText | with a bar.\n")

    assert [block.kind for block in sections(page)[0].blocks] == ["table", "prose"]


@pytest.mark.parametrize("fence", ["```", "~~~", "````"])
def test_a_fenced_block_that_fits_stays_whole_and_opens_no_section(fence: str) -> None:
    code = f"{fence}python\n# no heading\n```x\nvalue = 1\n\nother = 2\n{fence}"

    chunks = cut("# Use\n\n" + SENTENCE * 3 + "\n\n" + code + "\n\n" + SENTENCE * 3)

    assert [code in c.text for c in chunks].count(True) == 1
    assert {c.heading for c in chunks} == {"Use"}


def test_functions_stay_whole_where_they_fit_and_name_their_class_where_they_do_not() -> None:
    method = "    @cached\n    def pay{0}(self, unit):\n        first = unit.rate\n\n        return first * {0}\n"
    body = "".join(method.format(place) + "\n" for place in range(8))
    text = f"import os\n\n\nclass Wages(Base):\n    '''What is paid.'''\n\n{body}\n\ndef last():\n    return 1\n"

    chunks = cut(text, "code", heading="pay.py")

    for place in range(8):
        assert sum(method.format(place).strip() in c.text for c in chunks) == 1
    assert chunks[0].text.startswith("import os")
    assert {c.heading for c in chunks} == {"pay.py", "pay.py > class Wages(Base)"}
    assert chunks[-1].text.endswith("def last():\n    return 1")


def test_braces_close_the_function_that_they_belong_to() -> None:
    functions = [
        f"function f{i}(a, b) {{\n  const c = a + b * {i};\n  return c;\n}}" for i in range(9)
    ]

    chunks = cut("\n\n".join(functions), "code")

    assert len(chunks) > 2
    assert all(c.text.startswith("function") and c.text.endswith("}") for c in chunks)


def test_a_list_keeps_the_line_that_leads_to_it() -> None:
    lead = "These are the papers that you bring:"
    items = "\n".join(f"- paper number {i} of the office" for i in range(3))

    chunks = cut(SENTENCE.strip() + "\n" + lead + "\n\n" + items, "plain")

    assert any(lead in c.text and "- paper number 0" in c.text for c in chunks)


def test_a_chunk_knows_the_path_of_its_headings() -> None:
    chunks = cut(
        "# Leave\n\n## Holidays\n\nSome days.\n\n```\n# no heading\n```\n\n# Pay\n\nMonthly.\n\n# Left"
    )

    assert [(c.heading, c.text[:10]) for c in chunks] == [
        ("Leave > Holidays", "# Leave\n\n#"),
        ("Pay", "# Pay\n\nMon"),
        ("Left", "# Left"),
    ]


def test_of_a_heading_path_that_is_too_long_the_end_is_kept() -> None:
    path = " > ".join(f"a b c {place}" for place in range(40))

    (only,) = cut("## Last\n\nText.", heading=path)

    assert only.heading.endswith("c 39 > Last")
    assert path.endswith(only.heading.removesuffix(" > Last"))


def test_a_heading_stays_with_the_text_that_follows_it() -> None:
    chunks = cut_pages([Page("# Holidays\n\n" + SENTENCE * 30, form="markdown")], ChunkSettings())

    assert len(chunks) > 2
    assert chunks[0].text.startswith("# Holidays\n\nEvery employee")
    assert {c.heading for c in chunks} == {"Holidays"}


def test_a_hash_sign_in_plain_text_is_no_heading() -> None:
    assert [c.heading for c in cut("# comment\nvalue = 1", "plain")] == [""]


def test_pages_do_not_flow_into_each_other() -> None:
    chunks = cut_pages([Page("One.", 1), Page(" \n"), Page("# Two.", 2)])

    assert [(c.page, c.part, c.text) for c in chunks] == [(1, 0, "One."), (2, 2, "# Two.")]


def test_ids_depend_on_name_revision_and_position_only() -> None:
    first, again = cut("One. " * 100), cut("One. " * 100)
    other = chunk(
        Document("a.md", "1" * 64, (Page("One. " * 100),)),
        SMALL,
        count_tokens=HashEmbedder().count_tokens,
    )

    assert [c.chunk_id for c in first] == [c.chunk_id for c in again]
    assert len({c.chunk_id for c in [*first, *other]}) == len(first) + len(other)


def test_a_document_is_counted_in_few_calls(hashing: TextEmbedder) -> None:
    calls = []

    def count_all(texts: Sequence[str]) -> list[int]:
        calls.append(len(texts))
        return hashing.count_tokens_batch(texts)

    table = "\n".join(f"{i} | cell" for i in range(200))
    pages = [Page(f"# A {i}\n\n{SENTENCE * 40}\n\n{table}", form="markdown") for i in range(20)]
    document = Document("a.md", "0" * 64, tuple(pages))
    chunks = chunk(document, SMALL, count_tokens=hashing.count_tokens, count_all=count_all)

    assert len(chunks) > 500
    assert len(calls) < 2 * len(pages) + 10


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_deep_nesting_and_long_lines_end_in_chunks(form: PageForm) -> None:
    nested = "\n".join(" " * depth + "if x:" for depth in range(1_000))
    text = nested + "\n" + "a(" * 20_000 + "\n" + " | " * 5_000 + "\n" + "#" * 3_000 + "\n```" * 999

    chunks = cut(text, form)

    assert sum(len(c.text) for c in chunks) > 40_000
    assert max(len(c.text) for c in chunks) <= SMALL.tokens * CHARACTERS_PER_TOKEN


@settings(max_examples=60, deadline=None)
@given(text=TEXTS, form=st.sampled_from(FORMS))
def test_chunks_stay_within_the_shipped_embedder_whatever_the_text(
    text: str, form: PageForm, minilm: TextEmbedder
) -> None:
    document = Document("a.md", "0" * 64, (Page(text, form=form),))

    chunks = chunk(
        document, SMALL, count_tokens=minilm.count_tokens, count_all=minilm.count_tokens_batch
    )

    assert all(minilm.count_tokens(c.text) <= SMALL.tokens for c in chunks)


def test_chunks_stay_within_the_window_of_the_shipped_embedder(minilm: TextEmbedder) -> None:
    text = "¿Cuántos días de vacaciones tiene? " * 80 + "a1b2" * 10_000 + " 1 | 2 | 3\n" * 300

    chunks = chunk(
        Document("a.md", "0" * 64, (Page(text),)), ChunkSettings(), count_tokens=minilm.count_tokens
    )

    assert max(minilm.count_tokens(c.text) for c in chunks) <= 140 < minilm.max_tokens
    assert max(len(c.text) for c in chunks) <= 140 * CHARACTERS_PER_TOKEN
