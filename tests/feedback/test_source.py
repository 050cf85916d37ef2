"""Feedback in the prompt: how each kind is worded, and that a correction can be quoted."""

import pytest

from adapt.embedding.hash_embedder import HashEmbedder
from adapt.records import Feedback, Turn
from adapt.storage.database import Database
from adapt.workspace.folder import Workspace
from feedback.source import ANSWER_LENGTH, FeedbackSource, describe
from feedback.store import FeedbackStore

LONG = "word " * 100


@pytest.mark.parametrize(
    ("said", "line"),
    [
        (
            {"correction": "At\nnine."},
            'Asked "Open when?", the right answer was: At nine.',
        ),
        (
            {"correction": "At nine.", "rating": -1, "comment": "wrong"},
            'Asked "Open when?", the right answer was: At nine. (wrong)',
        ),
        ({"rating": 1}, 'Asked "Open when?", the user liked: "At eight."'),
        (
            {"rating": -1, "comment": "too short"},
            'Asked "Open when?", the user disliked: "At eight." (too short)',
        ),
        ({"comment": "hm"}, 'Asked "Open when?", the user remarked on "At eight.": (hm)'),
    ],
)
def test_each_kind_of_feedback_is_one_line(said: dict[str, object], line: str) -> None:
    assert describe(Feedback("t", "Open\n when?", "At eight.", **said)) == line  # type: ignore[arg-type]


def test_a_long_answer_is_shortened() -> None:
    line = describe(Feedback("t", "q", LONG, rating=1))

    assert line == f'Asked "q", the user liked: "{" ".join(LONG.split())[:ANSWER_LENGTH]}"'


def test_only_a_correction_may_be_quoted_and_says_what_was_asked(workspace: Workspace) -> None:
    store = FeedbackStore(Database(workspace))
    session = store.new_session("ana")
    for turn, question in (("a", "When does the office open?"), ("b", "When does the shop open?")):
        store.begin_turn(Turn(turn, session, "ana", question, "At eight."), account={})
    store.rate("a", user="ana", correction=" At\nnine. ")
    store.rate("b", user="ana", rating=1)
    source = FeedbackSource(store, HashEmbedder())

    pieces = source.offer("When does the office open?", user="ana").pieces

    assert [(p.piece_id, p.label, p.quotable, p.asked) for p in pieces] == [
        ("a", "correction", "At nine.", "When does the office open?"),
        ("b", "rating", "", ""),
    ]
    assert [p.score for p in pieces] == [1.0, 0.6667]
    assert [p.text for p in pieces] == [describe(said) for said in reversed(store.feedback("ana"))]
    assert source.offer("When does the office open?", user="ben").pieces == ()
