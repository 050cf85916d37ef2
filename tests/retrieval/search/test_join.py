"""Chunks that stand side by side become one passage, whose text is that of the page."""

from hypothesis import given, strategies as st

from adapt.records import Chunk, Passage
from retrieval.chunks.ids import chunk_id
from retrieval.search.join import assemble, neighbours

PAGE = "One says this. Two says that.\n\nThree is short. Four goes on and on."
SPANS = [(0, 14), (9, 29), (31, 46), (47, 67)]


def chunk(number: int, *, key: str = "k", part: int = 0) -> Chunk:
    start, end = SPANS[number]
    return Chunk(
        chunk_id(key, number),
        "a.txt",
        "1",
        PAGE[start:end],
        1,
        f"h{number}",
        start,
        end,
        "en",
        part,
    )


def found(*numbers: int) -> list[Passage]:
    return [
        Passage(chunk(n), 1.0 - place / 10, {"dense": n / 10}) for place, n in enumerate(numbers)
    ]


AROUND = {chunk(n).chunk_id: chunk(n) for n in range(4)}


def test_two_that_touch_become_one_with_the_better_ones_id_and_scores() -> None:
    (passage,) = assemble(found(1, 0), {}, join=True, expand=0)

    assert passage.chunk.text == "One says this. Two says that."
    assert (passage.chunk.start, passage.chunk.end) == (0, 29)
    assert (passage.chunk.chunk_id, passage.chunk.heading) == ("k-00001", "h0")
    assert (passage.score, passage.scores) == (1.0, {"dense": 0.1})


def test_what_does_not_touch_stays_apart_and_in_order() -> None:
    other = Passage(chunk(1, part=1), 0.5)
    foreign = Passage(chunk(1, key="other"), 0.4)
    given = [*found(3, 0), other, foreign]

    assert assemble(given, {}, join=True, expand=0) == given
    assert assemble(found(2, 0), {}, join=True, expand=0) == found(2, 0)  # one is missing
    assert assemble(found(0, 1), {}, join=False, expand=0) == found(0, 1)


def test_a_chain_becomes_one_where_the_best_of_it_stood() -> None:
    first = Passage(chunk(0, key="other"), 0.99)

    passages = assemble([first, *found(2, 0, 1)], {}, join=True, expand=0)

    assert [one.chunk.chunk_id for one in passages] == ["other-00000", "k-00002"]
    assert passages[1].chunk.text == "One says this. Two says that.\n\nThree is short."


def test_neighbours_are_taken_in_as_far_as_the_page_goes() -> None:
    foreign = chunk(0, part=7)
    around = {**AROUND, foreign.chunk_id: foreign}

    assert neighbours(found(0), 1) == ["k-00000", "k-00001"]
    assert neighbours(found(3, 2), 1) == ["k-00002", "k-00003", "k-00004", "k-00001"]
    assert assemble(found(1), AROUND, join=False, expand=1)[0].chunk.text == PAGE[:46]
    assert assemble(found(1), around, join=False, expand=2)[0].chunk.text == PAGE[9:]
    assert len(assemble(found(0, 3), AROUND, join=True, expand=1)) == 1
    assert len(assemble(found(0, 3), AROUND, join=False, expand=1)) == 2


@given(st.lists(st.integers(0, 3), unique=True, min_size=1), st.integers(0, 4), st.booleans())
def test_a_passage_is_as_long_as_its_span_and_holds_every_chunk(
    numbers: list[int], expand: int, join: bool
) -> None:
    passages = assemble(found(*numbers), AROUND, join=join, expand=expand)

    for passage in passages:
        start, end = passage.chunk.start, passage.chunk.end
        assert passage.chunk.text.split() == PAGE[start:end].split()
        assert len(passage.chunk.text) == end - start
    for number in numbers:
        assert any(chunk(number).text in one.chunk.text for one in passages)
