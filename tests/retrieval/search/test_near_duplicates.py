"""What counts as said twice, and an order that prefers what is new."""

import numpy as np
import pytest

from retrieval.search.near_duplicates import Seen, is_repeat, spread
from tests.benchmarks.answers.named_documents import pairs, repeats

ONE = np.array([1, 0], np.float32)
NEAR = np.array([0.99, 0.141], np.float32)
FAR = np.array([0.6, 0.8], np.float32)
LONG = "the application is sent to the office by the head of the unit in writing before the end of the month"


@pytest.mark.parametrize(
    ("other", "vector", "repeated"),
    [
        (LONG.upper() + "\n", FAR, True),  # the same words
        (LONG.replace("unit", "unit,"), NEAR, True),
        ("kindly: " + LONG, NEAR, True),
        ("kindly: " + LONG, FAR, False),  # said alike, meant otherwise
        (LONG.replace("is sent", "is not sent"), NEAR, False),
        ("nunca " + LONG, NEAR, False),
        (LONG.replace("the end", "8 days before the end"), NEAR, False),
        ("something else entirely is said here", NEAR, False),
    ],
)
def test_a_passage_repeats_another_where_words_and_meaning_are_the_same(
    other: str, vector: np.ndarray, repeated: bool
) -> None:
    seen = Seen(0.97)

    assert not seen.repeats(LONG, ONE)
    assert seen.repeats(other, vector) is repeated


@pytest.mark.parametrize(
    ("one", "other"),
    [("at 5 °C", "at -5 °C"), ("rule 10.5 holds", "rule 105 holds"), ("x < 3", "x > 3")],
)
def test_numbers_and_their_signs_tell_passages_apart(one: str, other: str) -> None:
    seen = Seen(0.97)

    assert not seen.repeats(one, ONE)
    assert not seen.repeats(other, ONE)


def test_texts_that_differ_in_a_word_that_means_something_are_no_repeats() -> None:
    assert [(one[:60], other[:60]) for one, other, _ in pairs() if is_repeat(one, other)] == []


def test_texts_that_are_only_set_otherwise_are_repeats() -> None:
    assert [one[:60] for one, other, _ in repeats() if not is_repeat(one, other)] == []


@pytest.mark.parametrize(
    ("one", "other", "repeated"),
    [
        ("the tenant pays the landlord", "the landlord pays the tenant", False),
        ("see Annex A for the colour", "see Annex B for the colour", False),
        ("the colour of the catalogue", "the color of the catalog", True),
        ("send an e-mail to the office", "send an email to the office", True),
        ("the infor-\nmation desk is here", "the information desk is here", True),
        ("☑ the gate is closed", "☐ the gate is closed", False),
        ("Is the gate closed?", "Is the gate closed.", False),
        ("- the gate is closed", "* the gate is closed", True),
    ],
)
def test_what_changes_a_meaning_and_what_does_not(one: str, other: str, repeated: bool) -> None:
    rest = " and the porter, who has the key, stands there from morning to night all year long"

    assert is_repeat(one + rest, other + rest) is repeated


@pytest.mark.parametrize(("shared", "repeated"), [(26, False), (27, True)])
def test_nine_tenths_of_the_words_must_be_shared(shared: int, repeated: bool) -> None:
    rest = " ".join(f"word{'x' * n}" for n in range(shared))

    # beside them four words of one text and two of the other, "e-mail" being two: 2 · 27 of 60
    assert is_repeat(f"{rest} e-mail e-mail", f"{rest} email email") is repeated
    assert is_repeat(f"e-mail e-mail {rest}", f"email email {rest}") is repeated


def test_what_was_left_out_hides_nothing_itself() -> None:
    seen = Seen(0.97)

    assert [seen.repeats(text, None) for text in ("a", "A", "b", "a ")] == [
        False,
        True,
        False,
        True,
    ]


def test_a_like_passage_stands_behind_a_new_one() -> None:
    vectors, scores = [ONE, NEAR, FAR], [1.0, 0.9, 0.5]

    assert spread(scores, vectors, weight=0.0, count=3) == [0, 1, 2]
    assert spread(scores, vectors, weight=0.7, count=3) == [0, 2, 1]
    assert spread(scores, vectors, weight=0.7, count=1) == [0, 1, 2]
    assert spread([10.0, 9.0, 5.0], vectors, weight=0.3, count=3) == [0, 1, 2]
    # scaled 1, 0.8 and 0; the last overtakes where 0.8 · (1 - w) - 0.99 · w < -0.6 · w
    assert spread([10.0, 9.0, 5.0], vectors, weight=0.66, count=3) == [0, 1, 2]
    assert spread([10.0, 9.0, 5.0], vectors, weight=0.68, count=3) == [0, 2, 1]
    assert spread([], [], weight=0.5, count=3) == []
    assert sorted(spread([0.2] * 3, vectors, weight=1.0, count=2)) == [0, 1, 2]
