import threading
import time
from collections.abc import Callable, Sequence

import pytest

from adapt.chat.engine import ChatEngine, Request
from adapt.errors import AdaptError
from adapt.models.runtime import ModelRuntime
from adapt.records import CleanedAnswer, ContextPiece, Grounding, Message
from adapt.storage.database import Database
from adapt.workspace.folder import Workspace
from feedback.store import FeedbackStore


class SlowModel:
    """Speaks one word at a time and waits to be let on, so that a test can act in the middle of an answer."""

    context_length = 500

    def __init__(self) -> None:
        self.go = threading.Semaphore(0)

    def count_tokens(self, messages: Sequence[Message]) -> int:
        return sum(len(m.content.split()) for m in messages)

    def generate(
        self,
        messages: Sequence[Message],
        *,
        adapter: str | None = None,
        on_text: Callable[[str], None] | None = None,
        stop: threading.Event | None = None,
        max_new_tokens: int | None = None,
        grounding: Grounding | None = None,
    ) -> str:
        words = []
        for word in ("one ", "two ", "three "):
            self.go.acquire()
            if stop is not None and stop.is_set():
                break
            words.append(word)
            if on_text is not None:
                on_text(word)
        if adapter == "broken":
            raise AdaptError("the adapter broke")
        return "".join(words).strip()


@pytest.fixture
def store(workspace: Workspace) -> FeedbackStore:
    return FeedbackStore(Database(workspace))


def test_an_answer_outlives_its_viewer_and_is_stored(store: FeedbackStore) -> None:
    model = SlowModel()
    engine = ChatEngine(model, store)
    session = store.new_session("ana")
    generation = engine.ask(Request("count", user="ana", session_id=session))
    model.go.release()
    viewer = generation.stream()
    assert next(viewer) == "one "
    viewer.close()  # type: ignore[attr-defined]  # the page is gone

    model.go.release(2)
    generation.wait(10)

    [turn] = store.turns(session, user="ana")
    assert (turn.answer, turn.status) == ("one two three", "done")


def test_rating_an_old_answer_while_a_new_one_streams_loses_nothing(store: FeedbackStore) -> None:
    model = SlowModel()
    engine = ChatEngine(model, store)
    session = store.new_session("ana")
    model.go.release(3)
    old = engine.ask(Request("first", user="ana", session_id=session))
    old.wait(10)
    new = engine.ask(Request("second", user="ana", session_id=session))
    model.go.release()

    store.rate(old.turn_id, user="ana", rating=1, comment="nice")
    model.go.release(2)
    new.wait(10)

    assert [t.answer for t in store.turns(session, user="ana")] == ["one two three"] * 2
    assert store.feedback("ana")[0].comment == "nice"


def test_a_stopped_answer_keeps_what_was_said(store: FeedbackStore) -> None:
    model = SlowModel()
    engine = ChatEngine(model, store)
    session = store.new_session("ana")
    generation = engine.ask(Request("count", user="ana", session_id=session))
    model.go.release()
    while not generation.text:
        time.sleep(0.01)

    generation.stop()
    model.go.release(2)
    generation.wait(10)

    [turn] = store.turns(session, user="ana")
    assert (turn.answer, turn.status) == ("one", "stopped")


def test_a_failed_answer_is_marked_and_says_why(store: FeedbackStore) -> None:
    model = SlowModel()
    model.go.release(3)
    session = store.new_session("ana")
    generation = ChatEngine(model, store).ask(
        Request("count", user="ana", session_id=session, adapter="broken")
    )

    with pytest.raises(AdaptError, match="the adapter broke"):
        generation.wait(10)

    assert store.turns(session, user="ana")[0].status == "failed"
    assert store.history(session, user="ana") == []


def test_the_conversation_so_far_stands_in_the_next_prompt(
    store: FeedbackStore, tiny_runtime: ModelRuntime
) -> None:
    engine = ChatEngine(tiny_runtime, store)
    session = store.new_session("ana")
    first = engine.ask(Request("hello", user="ana", session_id=session, max_new_tokens=5))
    answer = first.wait(30)

    second = engine.preview(Request("again", user="ana", session_id=session))

    assert [m.content for m in second.messages[1:]] == ["hello", answer, "again"]


def test_the_account_of_a_prompt_is_stored_with_its_turn(store: FeedbackStore) -> None:
    model = SlowModel()
    model.go.release(3)
    session = store.new_session("ana")
    generation = ChatEngine(model, store).ask(Request("count", user="ana", session_id=session))
    generation.wait(10)

    account = store.account(generation.turn_id, user="ana")

    assert isinstance(account, dict)
    assert account["messages"][-1] == {"role": "user", "content": "count"}  # type: ignore[index]


def test_what_became_of_citations_stands_with_the_answer(store: FeedbackStore) -> None:
    model = SlowModel()
    model.go.release(3)
    session = store.new_session("ana")

    def clean(answer: str, _: Sequence[ContextPiece]) -> CleanedAnswer:
        return CleanedAnswer(answer.replace("two ", ""), 1, (2,), (4,), ((3, 1),))

    engine = ChatEngine(model, store, clean=clean)
    generation = engine.ask(Request("count", user="ana", session_id=session))

    answer = generation.wait(10)

    account = store.account(generation.turn_id, user="ana")
    assert (answer, generation.cleaned.removed) == ("one three", 1)
    assert isinstance(account, dict)
    assert account["removed_citations"] == 1
    assert account["unsupported_citations"] == [2]
    assert account["unchecked_citations"] == [4]
    assert account["corrected_citations"] == [[3, 1]]
    assert account["messages"]
