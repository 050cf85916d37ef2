import pytest

from adapt.records import Chunk, ContextPiece, Passage
from retrieval.citations import check, cited

PASSAGES = [Passage(Chunk(str(i), "a.txt", "r", "text"), 0.5) for i in range(3)]


@pytest.mark.parametrize(
    ("answer", "numbers"),
    [
        ("At nine [2].", [2]),
        ("At nine[1][3].", [1, 3]),
        ("Both [3, 1] and again [3].", [3, 1]),
        ("All [1-3].", [1, 2, 3]),
        ("None [0] [4] [99].", []),
        ("A link [1](http://x), code `a[2]` and\n```\nb[3]\n```", []),
    ],
)
def test_the_passages_that_an_answer_cites_are_found(answer: str, numbers: list[int]) -> None:
    assert cited(answer, PASSAGES) == numbers


@pytest.mark.parametrize(
    ("answer", "clean", "removed"),
    [
        ("At nine [2].", "At nine [2].", 0),
        ("At nine [7].", "At nine.", 1),
        ("At nine [2, 7].", "At nine [2].", 1),
        ("At nine[1][4].", "At nine[1].", 1),
        ("Write `a[7]` [8].", "Write `a[7]`.", 1),
    ],
)
def test_a_citation_of_a_passage_that_is_not_there_is_removed_and_counted(
    answer: str, clean: str, removed: int
) -> None:
    assert check(answer, PASSAGES) == (clean, removed)


def test_an_answer_is_cleaned_by_the_pieces_of_its_prompt() -> None:
    piece = ContextPiece("0", "text", passage=PASSAGES[0])

    assert check("Yes [1], no [2].", [piece]) == ("Yes [1], no.", 1)
