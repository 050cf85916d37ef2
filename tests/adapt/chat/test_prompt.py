from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given, strategies as st

from adapt.chat.prompt import PromptBuilder, PromptSettings
from adapt.errors import AdaptError
from adapt.records import Abilities, Chunk, ContextPiece, Grounding, Message, Notice, Offer, Passage


class Counter:
    """A model that counts a word as a token; only its arithmetic matters here."""

    context_length = 120

    def count_tokens(self, messages: Sequence[Message]) -> int:
        return sum(len(m.content.split()) + 2 for m in messages)

    def generate(self, *_: object, **__: object) -> str:
        raise AssertionError("a prompt is built without generating")


@dataclass
class Source:
    name: str
    heading: str
    pieces: tuple[ContextPiece, ...]
    notices: tuple[Notice, ...] = ()

    def offer(self, question: str, *, user: str) -> Offer:
        return Offer(self.pieces, self.notices)


def passage(number: int, words: int = 10) -> ContextPiece:
    chunk = Chunk(f"c{number}", "handbook.pdf", "r", "word " * words, page=number)
    scored = Passage(chunk, 0.9)
    return ContextPiece(
        f"c{number}", f"{scored.label}\n{chunk.text.strip()}", scored.label, 0.9, scored
    )


SETTINGS = PromptSettings(system="Be kind.", answer_tokens=20)
builder = PromptBuilder(Counter(), SETTINGS)


def test_sections_stand_in_the_form_that_the_starter_was_trained_on() -> None:
    sources = [
        Source("feedback", "Earlier feedback from this user:", (ContextPiece("t1", "Be short"),)),
        Source("documents", "Passages:", (passage(1, 2), passage(2, 2))),
    ]

    prompt = builder.build("When?", user="ana", sources=sources)

    assert prompt.messages[0].content == (
        "Be kind.\n\nEarlier feedback from this user:\n- Be short\n\n"
        "Passages:\n[1] handbook.pdf, page 1\nword word\n\n[2] handbook.pdf, page 2\nword word"
    )
    assert [e.number for e in prompt.account] == [None, 1, 2]
    assert prompt.messages[-1] == Message("user", "When?")


def test_a_plain_prompt_has_only_what_the_sources_say_in_its_system_message() -> None:
    source = Source("documents", "Passages:", (passage(1, 2),))

    bare = builder.build("When?", user="ana", plain=True)
    sourced = builder.build("When?", user="ana", sources=[source], plain=True)

    assert bare.messages == (Message("user", "When?"),)
    assert sourced.messages[0].content.startswith("Passages:")


def test_what_does_not_fit_is_named_in_the_account() -> None:
    source = Source("documents", "Passages:", tuple(passage(n, 20) for n in range(1, 6)))

    prompt = builder.build("When?", user="ana", sources=[source])

    kept = [e.kept for e in prompt.account]
    assert kept == [True, True, False, False, False]
    assert {e.why for e in prompt.account if not e.kept} == {"no room in the token budget"}


def test_a_later_small_piece_takes_the_room_that_a_large_one_could_not() -> None:
    source = Source("documents", "Passages:", (passage(1, 20), passage(2, 90), passage(3, 5)))

    prompt = builder.build("When?", user="ana", sources=[source])

    assert [(e.piece_id, e.number) for e in prompt.account if e.kept] == [("c1", 1), ("c3", 2)]


def test_the_newest_turns_stay_when_the_conversation_is_long() -> None:
    history = [Message(r, f"{r} {n} " + "x " * 10) for n in range(9) for r in ("user", "assistant")]

    prompt = builder.build("When?", user="ana", history=history)

    assert prompt.messages[-2] == history[-1]
    assert prompt.history_kept + prompt.history_cut == len(history)
    assert prompt.history_cut > 0
    assert prompt.messages[1].role == "user"


def test_an_empty_or_endless_message_is_one_sentence() -> None:
    with pytest.raises(AdaptError, match="the message is empty"):
        builder.build("  \n", user="ana")
    with pytest.raises(AdaptError, match=r"too long: 205 tokens.*room for 100"):
        builder.build("why " * 199, user="ana")


@given(
    st.lists(st.integers(1, 60), max_size=8),
    st.lists(st.integers(1, 60), max_size=6),
    st.integers(1, 80),
)
def test_a_prompt_never_exceeds_its_budget(
    passages: list[int], turns: list[int], question: int
) -> None:
    source = Source("documents", "Passages:", tuple(passage(n, w) for n, w in enumerate(passages)))
    history = [Message(r, "w " * n) for n in turns for r in ("user", "assistant")]

    prompt = builder.build("q " * question, user="ana", sources=[source], history=history)

    assert Counter().count_tokens(prompt.messages) == prompt.tokens <= prompt.budget
    assert prompt.messages[-1].content == "q " * question
    assert len(prompt.account) == len(passages)


def test_a_notice_stands_below_its_pieces_in_the_account_and_instead_of_quotations() -> None:
    warned = Notice("They do not say.", "Say that they do not say.", "That is not there.")
    sources = [Source("documents", "Passages:", (passage(1, 2),), (warned,))]

    prompt = builder.build("When?", user="ana", sources=sources)

    assert prompt.messages[0].content == (
        "Be kind.\n\nPassages:\n[1] handbook.pdf, page 1\nword word\nSay that they do not say."
    )
    assert prompt.as_account()["notices"] == ["They do not say."]
    grounding = Grounding(
        ((1, ""),), absent="That is not there.", question="When?", headings=("handbook",)
    )
    assert prompt.grounding == grounding


def test_a_source_without_pieces_can_still_say_that_it_holds_nothing() -> None:
    warned = Notice("Nothing found.", "Say that nothing is there.", "That is not there.")
    sources = [Source("documents", "Passages:", (), (warned,))]

    prompt = builder.build("When?", user="ana", sources=sources)

    assert prompt.messages[0].content == "Be kind.\n\nSay that nothing is there."
    assert prompt.grounding == Grounding(absent="That is not there.", question="When?")


def test_an_instruction_without_room_is_left_out_and_its_notice_kept() -> None:
    warned = Notice("Nothing found.", "word " * 200)
    sources = [Source("documents", "Passages:", (), (warned,))]

    prompt = builder.build("When?", user="ana", sources=sources)

    assert prompt.messages[0].content == "Be kind."
    assert prompt.notices == (warned,)


def test_the_account_shows_people_the_passage_and_the_model_what_it_may_read() -> None:
    piece = ContextPiece("c", "read", "a.txt", passage=passage(1).passage, shown="seen")

    prompt = builder.build("When?", user="ana", sources=[Source("documents", "P:", (piece,))])

    assert prompt.account[0].text == "seen"
    assert prompt.messages[0].content == "Be kind.\n\nP:\n[1] read"


@pytest.mark.parametrize(
    ("reads_whole", "plain", "share", "kept"),
    [(False, False, None, 4), (True, False, None, 6), (True, True, None, 4), (True, False, 0.3, 2)],
)
def test_documents_get_more_room_with_a_model_that_needs_little_of_the_conversation(
    reads_whole: bool, plain: bool, share: float | None, kept: int
) -> None:
    settings = SETTINGS.model_copy(update={"source_share": share})
    abilities = Abilities(reads_whole=reads_whole)
    documents = Source("documents", "Passages:", tuple(passage(n) for n in range(1, 9)))

    prompt = PromptBuilder(Counter(), settings, abilities=abilities).build(
        "When?", user="ana", sources=[documents], plain=plain
    )

    assert len(prompt.cited) == kept
