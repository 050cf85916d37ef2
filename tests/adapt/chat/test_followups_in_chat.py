"""What is searched for in a conversation, by rule or by the model, and what the starter says where it knows nothing."""

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from adapt.chat.engine import ChatEngine, Request
from adapt.chat.prompt import PromptSettings
from adapt.language.followups.rewriting import is_sound, rewrite
from adapt.models.choice.knowledge import SAID, asks_for_fact, without_knowledge
from adapt.models.runtime import ModelRuntime
from adapt.records import Abilities, Chunk, ContextPiece, Grounding, Message, Offer, Passage
from adapt.registry.bases.find import STARTER, find_base
from adapt.storage.database import Database
from adapt.workspace.folder import Workspace
from feedback.store import FeedbackStore

CASES = Path(__file__).with_name("known_and_unknown.jsonl")
ASKED = Message("user", "How much does the Merlin saw weigh?")
TALK = (ASKED, Message("assistant", "The Merlin saw weighs 3.4 kg. [1]"))


@dataclass
class Scripted:
    """A model that says what it is told to, and keeps what it was asked."""

    says: str = "fine"
    context_length: int = 2000
    asked: list[str] = field(default_factory=list)

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
        self.asked.append(messages[-1].content)
        if on_text is not None:
            on_text(self.says)
        return self.says


@dataclass
class Documents:
    """A source that keeps what it was asked for, and finds the passages or corrections that it was given."""

    pieces: tuple[ContextPiece, ...] = ()
    name: str = "documents"
    heading: str = "Passages:"
    asked: list[str] = field(default_factory=list)

    def offer(self, question: str, *, user: str) -> Offer:
        self.asked.append(question)
        return Offer(self.pieces)


def passage(text: str) -> ContextPiece:
    scored = Passage(Chunk("c", "a.md", "r", text), 1.0)
    return ContextPiece("c", text, passage=scored, quotable=text)


@pytest.fixture
def store(workspace: Workspace) -> FeedbackStore:
    return FeedbackStore(Database(workspace))


def had(engine: ChatEngine, session: str, *questions: str, user: str = "ana") -> None:
    """Have a conversation to its end."""
    for question in questions:
        engine.ask(Request(question, user=user, session_id=session)).wait(10)


def test_sources_are_asked_the_whole_question_and_the_model_reads_the_users_words(
    store: FeedbackStore,
) -> None:
    engine, source = ChatEngine(Scripted(), store), Documents((passage("It is made in Nagoya."),))
    session = store.new_session("ana")
    had(engine, session, ASKED.content)

    prompt = engine.preview(Request("who makes it?", user="ana", session_id=session), [source])

    assert source.asked == ["who makes the Merlin saw?"]
    assert prompt.messages[-1].content == "who makes it?"
    assert prompt.grounding is not None
    assert prompt.grounding.question == "who makes the Merlin saw?"
    assert (prompt.searched, prompt.searched_by) == ("who makes the Merlin saw?", "pronoun")
    assert prompt.as_account()["searched"] == "who makes the Merlin saw?"


def test_a_model_that_is_too_small_for_the_conversation_reads_the_whole_question(
    store: FeedbackStore,
) -> None:
    engine = ChatEngine(Scripted(), store, abilities=Abilities(reads_whole=True))
    session = store.new_session("ana")
    had(engine, session, ASKED.content)

    generation = engine.ask(Request("who makes it?", user="ana", session_id=session), [Documents()])
    generation.wait(10)

    by_adapter = engine.preview(
        Request("who makes it?", user="ana", session_id=session, adapter="tools"), [Documents()]
    )
    assert generation.prompt.messages[-1].content == "who makes the Merlin saw?"
    assert by_adapter.messages[-1].content == "who makes it?"
    assert by_adapter.searched == "who makes the Merlin saw?"
    assert store.turns(session, user="ana")[-1].question == "who makes it?"


def test_a_question_that_is_searched_as_it_is_says_nothing_in_the_account(
    store: FeedbackStore,
) -> None:
    engine, source = ChatEngine(Scripted(), store), Documents()
    session = store.new_session("ana")
    had(engine, session, ASKED.content)

    prompt = engine.preview(
        Request("Who is the dentist?", user="ana", session_id=session), [source]
    )

    assert source.asked == ["Who is the dentist?"]
    assert prompt.as_account()["searched"] == prompt.as_account()["searched_by"] == ""


def test_other_conversations_and_other_users_never_complete_a_question(
    store: FeedbackStore,
) -> None:
    engine, source = ChatEngine(Scripted(), store), Documents()
    first, second = store.new_session("ana"), store.new_session("ana")
    had(engine, first, ASKED.content)

    engine.preview(Request("who makes it?", user="ana", session_id=second), [source])
    engine.preview(Request("who makes it?", user="gil", session_id=first), [source])

    assert source.asked == ["who makes it?", "who makes it?"]


def test_follow_ups_can_be_turned_off(store: FeedbackStore) -> None:
    off = PromptSettings(followups="off")
    engine, source = ChatEngine(Scripted(), store, settings=off), Documents()
    session = store.new_session("ana")
    had(engine, session, ASKED.content)

    engine.preview(Request("who makes it?", user="ana", session_id=session), [source])

    assert source.asked == ["who makes it?"]


def test_a_large_model_rewrites_the_question_itself_and_a_small_one_is_not_asked(
    store: FeedbackStore,
) -> None:
    large, small = Scripted("Question: Who makes the Merlin saw?"), Scripted()
    session, sources = store.new_session("ana"), [Documents(), Documents()]
    had(ChatEngine(small, store), session, ASKED.content)
    request = Request("who makes it?", user="ana", session_id=session)

    by_large = ChatEngine(large, store, abilities=Abilities(rewrites=True)).preview(
        request, sources[:1]
    )
    by_small = ChatEngine(small, store).preview(request, sources[1:])

    assert (by_large.searched, by_large.searched_by) == ("Who makes the Merlin saw?", "model")
    assert (by_small.searched, by_small.searched_by) == ("who makes the Merlin saw?", "pronoun")
    assert ASKED.content in large.asked[0]
    assert len(small.asked) == 1  # the conversation alone


@pytest.mark.parametrize(
    "written",
    [
        "",
        "Who makes the Merlin saw?\nSato Works.",
        "Who makes the Osprey sander?",
        "Who makes the saw of 2019?",
        "who makes the Merlin saw " + "and so on " * 20,
        "bla",
    ],
    ids=["nothing", "two lines", "another name", "another number", "too long", "no word of it"],
)
def test_a_rewritten_question_that_cannot_be_trusted_gives_way_to_the_rules(written: str) -> None:
    completed = rewrite("who makes it?", TALK, Scripted(written))

    assert (completed.text, completed.rule) == ("who makes the Merlin saw?", "pronoun")


def test_a_rewritten_question_keeps_the_names_and_numbers_of_the_question() -> None:
    assert is_sound("Is the Merlin saw sold in Leith for 40?", "is it sold in Leith for 40?", TALK)
    assert not is_sound("Is the Merlin saw sold?", "is it sold in Leith for 40?", TALK)


def test_a_model_that_repeats_the_question_leaves_it_as_it_was_typed() -> None:
    completed = rewrite("who is the dentist?", TALK, Scripted("Who is the dentist?"))
    same = rewrite("who is the dentist?", TALK, Scripted("who is the dentist?"))

    assert (completed.rule, same.text, same.rule) == ("model", "who is the dentist?", "")


def test_a_model_of_random_weights_is_asked_and_the_rules_stand_in(
    store: FeedbackStore, tiny_runtime: ModelRuntime
) -> None:
    by_model = PromptSettings(followups="model")
    session, source = store.new_session("ana"), Documents()
    had(ChatEngine(Scripted(), store), session, ASKED.content)

    engine = ChatEngine(tiny_runtime, store, settings=by_model)
    engine.preview(Request("who makes it?", user="ana", session_id=session), [source])

    assert source.asked == ["who makes the Merlin saw?"]


def test_only_the_shipped_starter_knows_no_facts_and_small_models_do_not_rewrite(
    workspace: Workspace, tiny_runtime: ModelRuntime
) -> None:
    starter = ModelRuntime(find_base("starter", workspace))

    assert starter.base.path == STARTER
    assert starter.abilities == Abilities(knows_facts=False, reads_whole=True)
    assert tiny_runtime.abilities == Abilities()


@pytest.mark.parametrize("half", ["develop", "proof"])
def test_questions_for_facts_are_told_from_what_a_small_model_can_do(half: str) -> None:
    rows = [json.loads(line) for line in CASES.read_text(encoding="utf-8").splitlines()]

    wrong = [
        row["text"]
        for row in rows
        if row["half"] == half and asks_for_fact(row["text"]) != row["asks_for_a_fact"]
    ]

    assert wrong == []


def test_it_says_what_it_is_in_the_language_of_the_question() -> None:
    assert without_knowledge("What is the capital of France?") == SAID["en"]
    assert without_knowledge("cuál es la capital de francia") == SAID["es"]
    assert without_knowledge("Hello") == ""


UNKNOWING = Abilities(knows_facts=False)


def said(
    store: FeedbackStore,
    question: str,
    *pieces: ContextPiece,
    adapter: str | None = None,
    abilities: Abilities = UNKNOWING,
) -> str:
    engine = ChatEngine(Scripted(), store, abilities=abilities)
    request = Request(question, user="ana", session_id=store.new_session("ana"), adapter=adapter)
    generation = engine.ask(request, [Documents(pieces)] if pieces else [])
    streamed = "".join(generation.stream())
    assert streamed == generation.wait(10)
    return streamed


def test_a_model_without_knowledge_says_so_only_where_there_is_nothing_to_quote(
    store: FeedbackStore,
) -> None:
    question = "What is the capital of France?"
    correction = ContextPiece("t", "Asked … the right answer was: Paris", quotable="Paris")
    rating = ContextPiece("t", 'Asked "x", the user disliked: "y"')

    assert said(store, question) == SAID["en"]
    assert said(store, question, rating) == SAID["en"]
    assert said(store, question, correction) == "fine"
    assert said(store, question, passage("Paris is the capital.")) == "fine"
    assert said(store, question, adapter="geography@1") == "fine"
    assert said(store, question, abilities=Abilities()) == "fine"
    assert said(store, "Hello") == "fine"


def test_what_is_said_in_place_of_knowledge_is_stored_as_any_answer(store: FeedbackStore) -> None:
    engine = ChatEngine(Scripted(), store, abilities=UNKNOWING)
    session = store.new_session("ana")
    engine.ask(Request("¿Quién pintó el Guernica?", user="ana", session_id=session)).wait(10)

    [turn] = store.turns(session, user="ana")

    assert (turn.answer, turn.status) == (SAID["es"], "done")
