import pytest

from adapt.errors import AdaptError, NotFoundError
from adapt.records import Turn
from adapt.storage.database import Database
from adapt.workspace.folder import Workspace
from feedback.store import FeedbackStore


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
