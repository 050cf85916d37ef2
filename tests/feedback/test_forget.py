"""A removed document leaves the accounts of turns, word for word and alone."""

from pathlib import Path

import pytest

from adapt.records import Turn
from adapt.storage.database import Database
from adapt.workspace.folder import Workspace
from feedback.forget import GONE, withdraw_documents
from feedback.store import FeedbackStore


def piece(label: str, text: str, source: str = "documents") -> dict[str, object]:
    return {"source": source, "label": label, "text": text}


ACCOUNT = {
    "tokens": 40,
    "pieces": [
        piece("rates.md, page 3", "zebra-rate"),
        piece("rates.md", "zebra-second"),
        piece("hours.md", "open at nine"),
        piece("rates.md", "a correction of the user", source="feedback"),
    ],
    "messages": [{"role": "user", "content": "zebra-rate in the prompt"}],
}


@pytest.fixture
def database(workspace: Workspace) -> Database:
    return Database(workspace)


@pytest.fixture
def store(database: Database) -> FeedbackStore:
    store = FeedbackStore(database)
    session = store.new_session("ana")
    for turn, collection in (("papers", "papers"), ("others", "others")):
        asked = Turn(turn, session, "ana", "How much?", "Nine [1].", collection=collection)
        store.begin_turn(asked, account=ACCOUNT)  # type: ignore[arg-type]
    return store


def texts(store: FeedbackStore, turn: str) -> list[str]:
    account = store.account(turn, user="ana")
    return [one["text"] for one in account["pieces"]]  # type: ignore[index,union-attr,call-overload]


def test_the_pages_of_a_removed_document_are_blank_and_the_prompt_gone(
    store: FeedbackStore, database: Database
) -> None:
    changed = withdraw_documents(database, "papers", ["rates.md"])

    account = store.account("papers", user="ana")
    assert changed == 1
    assert texts(store, "papers") == ["", "", "open at nine", "a correction of the user"]
    assert account["messages"] == []
    assert account["tokens"] == 40
    assert [one.get("why", "") for one in account["pieces"]] == [GONE, GONE, "", ""]  # type: ignore[union-attr]
    assert texts(store, "others") == [one["text"] for one in ACCOUNT["pieces"]]  # type: ignore[attr-defined]
    assert withdraw_documents(database, "papers", ["rates.md"]) == 0  # nothing is left of it


def test_a_removed_collection_takes_all_its_documents_along(
    store: FeedbackStore, database: Database
) -> None:
    assert withdraw_documents(database, "papers") == 1

    assert texts(store, "papers") == ["", "", "", "a correction of the user"]


def test_no_byte_of_it_stays_in_the_database_or_its_log(
    store: FeedbackStore, database: Database, workspace: Workspace
) -> None:
    withdraw_documents(database, "papers")
    withdraw_documents(database, "others")

    files = [one for one in Path(workspace.path).glob("adapt.db*") if one.is_file()]
    assert files
    assert all(b"zebra" not in one.read_bytes() for one in files)


def test_every_turn_that_had_the_text_is_counted_and_others_stay_as_they_are(
    store: FeedbackStore, database: Database
) -> None:
    session = store.new_session("ben")
    again = Turn("again", session, "ben", "How much?", "Nine [1].", collection="papers")
    apart = Turn("apart", session, "ben", "When?", "At nine.", collection="papers")
    account = {"pieces": [piece("hours.md", "open at nine")], "messages": [{"role": "user"}]}
    store.begin_turn(again, account=ACCOUNT)  # type: ignore[arg-type]
    store.begin_turn(apart, account=account)  # type: ignore[arg-type]

    assert withdraw_documents(database, "papers", ["rates.md"]) == 2

    assert store.account("apart", user="ben") == account


def test_a_name_may_hold_what_stands_before_a_page_number(
    store: FeedbackStore, database: Database
) -> None:
    label = "notes, page 2.md, page 3"
    turn = Turn("t", store.new_session("ben"), "ben", "How?", "So.", collection="papers")
    store.begin_turn(turn, account={"pieces": [piece(label, "zebra")], "messages": []})  # type: ignore[dict-item]

    assert withdraw_documents(database, "papers", ["notes"]) == 0
    assert withdraw_documents(database, "papers", ["notes, page 2.md"]) == 1
