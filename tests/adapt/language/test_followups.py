"""Follow-up questions: what they take from their conversation, and that questions which need nothing are left alone."""

import json
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from adapt.language.followups.questions import Whole
from adapt.language.followups.whole import whole_question
from adapt.records import Message

ABSENT = "That is not in your documents."
EXPECTED = [
    line
    for line in Path(__file__).with_name("followups_expected.txt").read_text("utf-8").splitlines()
    if not line.startswith("#")
]
DEVELOPMENT = Path(__file__).with_name("followups_development.json")


def after(*turns: str, answer: str = ABSENT) -> Whole:
    """Return what becomes of the last turn, each earlier one having got the same answer."""
    history = [
        m for turn in turns[:-1] for m in (Message("user", turn), Message("assistant", answer))
    ]
    return whole_question(turns[-1], history)


@pytest.mark.parametrize("line", [line for line in EXPECTED if not line.endswith("=>")])
def test_a_follow_up_takes_what_it_leaves_out_from_the_conversation(
    line: str,
) -> None:
    turns, expected = line.split(" => ")

    assert after(*turns.split(" | ")).text == expected


@pytest.mark.parametrize("line", [line for line in EXPECTED if line.endswith("=>")])
def test_a_question_that_says_what_it_is_about_is_left_as_it_is(line: str) -> None:
    turns = line.removesuffix(" =>").split(" | ")

    assert after(*turns) == Whole(turns[-1])


def test_the_first_question_of_a_conversation_is_left_as_it_is() -> None:
    assert whole_question("And how long does it last?", []) == Whole("And how long does it last?")


def test_greetings_and_thanks_between_two_questions_do_not_cut_them_apart() -> None:
    assert after("How much is the Merlin saw?", "Thanks!", "who makes it?").text == (
        "who makes the Merlin saw?"
    )


def test_a_person_is_called_by_the_name_that_the_answer_gave() -> None:
    question = "Who is the director of the Harbour Museum?"

    named = after(question, "where was he born?", answer="The director is Paul Reyes. [1]")
    refused = after(question, "where was he born?", answer=ABSENT)

    assert named.text == "where was Paul Reyes (the director of the Harbour Museum) born?"
    assert refused.text == "where was the director of the Harbour Museum born?"


def test_a_citation_of_the_answer_is_never_taken_for_what_is_meant() -> None:
    completed = after(
        "¿Quién dirige el coro?", "¿dónde nació?", answer="Dirige Irene Sanz [12]. [3]"
    )

    assert completed.text == "¿dónde nació Irene Sanz?"


def test_an_earlier_subject_is_forgotten_after_a_change_of_topic() -> None:
    completed = after(
        "How much is the Merlin saw?", "Where is the Storr clinic?", "when does it open?"
    )

    assert completed.text == "when does the Storr clinic open?"


def test_the_rule_that_made_a_question_whole_is_named() -> None:
    question = "How much is the Merlin saw?"

    rules = [after(question, t).rule for t in ("who makes it?", "And the Osprey?", "why?", "Hello")]

    assert rules == ["pronoun", "ellipsis", "fragment", ""]


def test_the_development_conversations_are_made_whole_and_their_changes_of_topic_are_not() -> None:
    rows = json.loads(DEVELOPMENT.read_text(encoding="utf-8"))["conversations"]

    wrong = [row["turns"] for row in rows if bool(after(*row["turns"]).rule) == row["whole"]]

    # the last turn names what it is about itself, and is searched as it stands
    assert wrong == [
        ["What is the Finch bicycle's price?", "And the Dray, how much can that one carry?"]
    ]


@given(st.lists(st.text(max_size=40), min_size=1, max_size=4))
def test_no_conversation_breaks_the_rules(turns: list[str]) -> None:
    completed = after(*turns)

    assert completed.rule or completed.text == turns[-1]


WORDS = (
    "and what about it the a of in how much long is does blue one Merlin saw who he her there 42 i meant "
    "y el la lo su de ¿ ? ' , no si cuál más los del sábado otro"
)


@given(st.lists(st.lists(st.sampled_from(WORDS.split()), max_size=9), min_size=2, max_size=3))
def test_no_order_of_small_words_breaks_the_rules(turns: list[list[str]]) -> None:
    completed = after(*(" ".join(turn) for turn in turns))

    assert completed.rule or completed.text == " ".join(turns[-1])
