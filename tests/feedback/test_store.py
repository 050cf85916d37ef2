import re
from dataclasses import replace

import pytest

from adapt.errors import AdaptError, NotFoundError
from adapt.records import Feedback, Message, Turn
from adapt.storage.database import Database
from adapt.workspace.folder import Workspace
from feedback.store import FeedbackStore, now


@pytest.fixture
def store(workspace: Workspace) -> FeedbackStore:
    return FeedbackStore(Database(workspace))


def add_turn(store: FeedbackStore, user: str, question: str, answer: str = "yes") -> Turn:
    session = store.new_session(user)
    turn = Turn(f"turn-{user}-{question}", session, user, question, answer, created_at="2026-01-01")
    store.begin_turn(turn, account={"pieces": []})
    return turn


def test_what_is_not_given_stays_as_it_was(store: FeedbackStore) -> None:
    turn = add_turn(store, "ana", "open?")
    store.rate(turn.turn_id, user="ana", rating=-1)
    store.rate(turn.turn_id, user="ana", comment=" too long ")

    said = store.rate(turn.turn_id, user="ana", correction="At 8:00.")

    assert (said.rating, said.comment, said.correction) == (-1, "too long", "At 8:00.")
    assert store.feedback("ana") == [said]


def test_a_user_never_sees_or_touches_another_users_rows(store: FeedbackStore) -> None:
    turn = add_turn(store, "ana", "my salary?", "a secret")
    store.rate(turn.turn_id, user="ana", rating=1)

    assert store.feedback("ben") == []
    assert store.turns(turn.session_id, user="ben") == []
    assert store.sessions("ben") == []
    assert store.history(turn.session_id, user="ben") == []
    with pytest.raises(NotFoundError):
        store.rate(turn.turn_id, user="ben", rating=-1)
    with pytest.raises(NotFoundError):
        store.account(turn.turn_id, user="ben")
    with pytest.raises(NotFoundError):
        store.begin_turn(Turn("t2", turn.session_id, "ben", "q", ""), account={})


def test_forgetting_a_user_removes_the_text_from_the_file(
    store: FeedbackStore, workspace: Workspace
) -> None:
    turn = add_turn(store, "ana", "zebra-question", "zebra-answer")
    store.rate(turn.turn_id, user="ana", comment="zebra-comment")
    add_turn(store, "ben", "kept")

    removed = store.forget("ana")
    database = Database(workspace)
    with database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()

    files = b"".join(p.read_bytes() for p in workspace.path.glob("adapt.db*"))
    assert removed == 1
    assert b"zebra" not in files
    assert store.users() == ["ben"]


def test_a_thumb_can_be_taken_back(store: FeedbackStore) -> None:
    turn = add_turn(store, "ana", "open?")
    store.rate(turn.turn_id, user="ana", rating=1, comment="nice")

    said = store.rate(turn.turn_id, user="ana", rating=0)

    assert (said.rating, said.comment) == (None, "nice")


@pytest.mark.parametrize("rating", [2, -5])
def test_a_rating_is_one_up_or_one_down(store: FeedbackStore, rating: int) -> None:
    turn = add_turn(store, "ana", "open?")

    with pytest.raises(AdaptError, match="a rating is 1 or -1"):
        store.rate(turn.turn_id, user="ana", rating=rating)


@pytest.mark.parametrize("user", ["", "  ", "x" * 129])
def test_a_user_needs_a_name_of_sensible_length(store: FeedbackStore, user: str) -> None:
    with pytest.raises(AdaptError, match="1 to 128 characters"):
        store.new_session(user)


def test_sql_in_a_question_is_text(store: FeedbackStore) -> None:
    evil = "'); DROP TABLE turns; --"
    turn = add_turn(store, evil, evil, evil)

    store.rate(turn.turn_id, user=evil, comment=evil)

    assert store.feedback(evil)[0].comment == evil


def test_a_conversation_is_read_as_it_was_written_oldest_first(store: FeedbackStore) -> None:
    session, other = store.new_session("ana"), store.new_session("ana")
    later = Turn("1", session, "ana", "And?", "So.", "failed", "m2", "a2", "c2", "2026-01-02")
    first = Turn("2", session, "ana", "Why?", "Yes.", "stopped", "m", "a", "c", "2026-01-01")
    for turn in (later, first, Turn("3", other, "ana", "Elsewhere?", "No.")):
        store.begin_turn(turn, account={})

    assert store.turns(session, user="ana") == [first, later]


def test_the_history_is_the_ended_turns_that_have_an_answer(store: FeedbackStore) -> None:
    session = store.new_session("ana")
    for place, (status, answer) in enumerate(
        [
            ("done", "One."),
            ("stopped", "Two"),
            ("failed", "Three"),
            ("streaming", "F"),
            ("done", ""),
        ]
    ):
        turn = Turn(f"{place}", session, "ana", f"{place}?", answer, status, created_at=f"{place}")  # type: ignore[arg-type]
        store.begin_turn(turn, account={})

    assert store.history(session, user="ana") == [
        Message("user", "0?"),
        Message("assistant", "One."),
        Message("user", "1?"),
        Message("assistant", "Two"),
    ]


def test_conversations_are_called_by_their_first_question_and_the_newest_comes_first(
    store: FeedbackStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = iter(["2026-01-02", "2026-01-03", "2026-01-01", "2026-01-04"])
    monkeypatch.setattr("feedback.store.now", lambda: next(times))
    second, third, first, _empty = (store.new_session("ana") for _ in range(4))
    for session in (second, third, first):
        store.begin_turn(Turn(f"{session}1", session, "ana", "open? " * 20, "yes"), account={})
        store.begin_turn(Turn(f"{session}2", session, "ana", "And then?", "no"), account={})

    title = ("open? " * 20)[:60]
    assert store.sessions("ana") == [(third, title), (second, title), (first, title)]


def test_an_answer_is_kept_as_far_as_it_has_come_with_what_became_known(
    store: FeedbackStore,
) -> None:
    session = store.new_session("ana")
    turn = Turn("t", session, "ana", "open?", "", "streaming")
    store.begin_turn(turn, account={"pieces": [], "tokens": 4})

    store.save_answer("t", "At ei", "streaming")
    halfway = store.turns(session, user="ana"), store.account("t", user="ana")
    store.save_answer("t", "At eight.", "done", account={"tokens": 5, "cited": [1]})
    store.save_answer("forgotten", "At eight.", "done")

    assert halfway == (
        [replace(turn, answer="At ei")],
        {"pieces": [], "tokens": 4},
    )
    assert store.turns(session, user="ana") == [replace(turn, answer="At eight.", status="done")]
    assert store.account("t", user="ana") == {"pieces": [], "tokens": 5, "cited": [1]}


def test_an_account_that_is_no_object_stays_as_it_is(store: FeedbackStore) -> None:
    turn = Turn("t", store.new_session("ana"), "ana", "open?", "")
    store.begin_turn(turn, account=None)

    store.save_answer("t", "At eight.", "done", account={"tokens": 5})

    assert store.account("t", user="ana") is None


def test_what_is_said_of_one_turn_is_found_by_its_id(store: FeedbackStore) -> None:
    turns = [add_turn(store, "ana", question) for question in ("a?", "b?", "c?")]
    said = [store.rate(turn.turn_id, user="ana", rating=1) for turn in turns[:2]]
    assert said[0] == Feedback(turns[0].turn_id, "a?", "yes", rating=1, comment="", correction="")

    assert [store.feedback_of(turn.turn_id, user="ana") for turn in turns] == [*said, None]
    assert store.feedback_of(turns[0].turn_id, user="ben") is None


def test_feedback_comes_newest_first(store: FeedbackStore, monkeypatch: pytest.MonkeyPatch) -> None:
    turns = [add_turn(store, "ana", question) for question in ("a?", "b?", "c?")]
    times = iter(["2026-01-02", "2026-01-03", "2026-01-01"])
    monkeypatch.setattr("feedback.store.now", lambda: next(times))
    for turn in turns:
        store.rate(turn.turn_id, user="ana", rating=1)

    assert [said.question for said in store.feedback("ana")] == ["b?", "a?", "c?"]


def test_vectors_are_kept_for_each_user_and_embedder(store: FeedbackStore) -> None:
    ana, ben, bare = (add_turn(store, user, "q?") for user in ("ana", "ben", "eva"))
    for turn in (ana, ben, bare):
        store.rate(turn.turn_id, user=turn.user, rating=1)

    store.save_vectors({"gone": b"0", ana.turn_id: b"1", ben.turn_id: b"2"}, embedder="minilm")

    assert store.vectors("ana", embedder="minilm") == {ana.turn_id: b"1"}
    assert store.vectors("ben", embedder="minilm") == {ben.turn_id: b"2"}
    assert store.vectors("ana", embedder="muse") == {}
    assert store.vectors("eva", embedder="") == {}  # rated, and never embedded


def test_the_longest_name_fits_and_users_are_listed_once_in_order(store: FeedbackStore) -> None:
    longest = "x" * 128
    for user in (longest, "ben", "ana", "ben"):
        store.new_session(user)

    assert store.users() == ["ana", "ben", longest]


def test_a_time_is_in_utc_to_the_millisecond() -> None:
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", now())
