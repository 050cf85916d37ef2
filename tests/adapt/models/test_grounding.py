"""Answers restricted to passages: whatever the model, what it quotes stands in the passage whose number it cites."""

import itertools
import json
import re
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings, strategies as st

from adapt.chat.engine import ChatEngine, Request
from adapt.errors import ModelError
from adapt.language.sentences import sentence_spans
from adapt.models.decoding.candidates import cite, find_candidates
from adapt.models.decoding.grounding import REFUSALS, GroundedLogits, grammar
from adapt.models.runtime import GenerationSettings, ModelRuntime
from adapt.records import Chunk, ContextPiece, Grounding, Message, Offer, Passage
from adapt.registry.bases.find import find_base
from adapt.storage.database import Database
from adapt.workspace.folder import Workspace
from feedback.store import FeedbackStore
from tests.tiny import CONFIGS, make_base, tiny_tokenizer

PASSAGES = (
    (1, 'The office opens at 8:00. Visitors "sign in" at the desk.\n- Bikes: été, €5 {a} \\ b.'),
    (2, "The grinder has a guarantee of two years. Damage is not covered."),
)
GROUNDING = Grounding(PASSAGES, ("It is 5 euros.",))
ASK = (Message("user", "When does the office open?"),)
CITED = re.compile(r"(.+?) \[(\d)\](?: |\n|$)", re.DOTALL)


def sentences(text: str) -> list[str]:
    return [" ".join(text[start:end].split()) for start, end in sentence_spans(text)]


def held_by(answer: str, grounding: Grounding) -> bool:
    """Whether every part of a finished answer is made of whole sentences of the passage that it cites."""
    if answer in (*grounding.uncited, *REFUSALS):
        return True
    parts = CITED.findall(answer)
    joined = {n: " ".join(sentences(text)) for n, text in grounding.passages}
    return bool(parts) and all(quoted in joined[int(number)] for quoted, number in parts)


@pytest.mark.slow
@pytest.mark.parametrize("architecture", list(CONFIGS))
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_model_that_knows_nothing_still_quotes_word_for_word_with_the_right_number(
    architecture: str, seed: int, tmp_path: Path, workspace: Workspace
) -> None:
    base = find_base(str(make_base(tmp_path / "base", architecture, seed=seed)), workspace)
    runtime = ModelRuntime(base, GenerationSettings(grounding="sentences"))

    free = runtime.generate(ASK, max_new_tokens=60)
    answer = runtime.generate(ASK, max_new_tokens=300, grounding=GROUNDING)

    assert not held_by(free, GROUNDING)
    assert held_by(answer, GROUNDING) or len(runtime.tokenizer.encode(answer)) > 250
    assert answer.startswith(
        tuple(s for _, text in PASSAGES for s in sentences(text)) + GROUNDING.uncited + REFUSALS
    )


def test_in_quotation_marks_only_the_passages_words_may_stand(
    tmp_path: Path, workspace: Workspace
) -> None:
    base = find_base(str(make_base(tmp_path / "base")), workspace)
    runtime = ModelRuntime(base, GenerationSettings(grounding="quotes"))
    tokenizer = runtime.tokenizer
    prompt = tokenizer.encode("x")
    logits = GroundedLogits(GROUNDING, tokenizer, way="quotes", prompt_length=len(prompt))
    ids = prompt + tokenizer.encode("They say “The grinder has")
    scores = torch.zeros(1, len(tokenizer))

    allowed = logits(torch.tensor([ids]), scores)[0] == 0

    texts = {tokenizer.decode([index]) for index in torch.nonzero(allowed).flatten().tolist()}
    assert texts
    # the closing mark may come byte by byte, which decodes to U+FFFD
    assert all(" a guarantee of".startswith(text) or text[:1] in "”\ufffd" for text in texts)


def test_auto_lets_small_talk_be_and_holds_what_begins_like_a_passage() -> None:
    tokenizer = tiny_tokenizer()
    prompt = tokenizer.encode("x")
    for opening, restricted in (("Hello", False), ("The", True)):
        logits = GroundedLogits(GROUNDING, tokenizer, way="auto", prompt_length=len(prompt))
        scores = torch.zeros(1, len(tokenizer))
        scores[0, tokenizer.encode(opening)[0]] = 1.0

        masked = logits(torch.tensor([prompt]), scores)

        assert bool(torch.isinf(masked).any()) == restricted


def test_where_the_answer_is_absent_it_is_said_instead_of_a_quotation(
    tmp_path: Path, workspace: Workspace
) -> None:
    base = find_base(str(make_base(tmp_path / "base")), workspace)
    runtime = ModelRuntime(base, GenerationSettings(grounding="sentences"))
    absent = Grounding(PASSAGES, (), absent="That is not there.")

    answer = runtime.generate(ASK, max_new_tokens=60, grounding=absent)

    assert answer == "That is not there."


def test_auto_says_that_the_answer_is_absent_whatever_the_model_would_begin_with() -> None:
    tokenizer = tiny_tokenizer()
    prompt = tokenizer.encode("x")
    for passages in (PASSAGES, ()):
        absent = Grounding(passages, absent="Nothing is there.")
        logits = GroundedLogits(absent, tokenizer, way="auto", prompt_length=len(prompt))
        scores = torch.zeros(1, len(tokenizer))
        scores[0, tokenizer.encode("Hello")[0]] = 1.0

        allowed = torch.isfinite(logits(torch.tensor([prompt]), scores)[0])

        assert allowed[tokenizer.encode("N")[0]]
        assert not allowed[tokenizer.encode("The")[0]]
        assert not allowed[tokenizer.encode("Hello")[0]]


def test_a_model_is_held_only_where_its_folder_or_the_settings_ask_for_it(
    tmp_path: Path, workspace: Workspace
) -> None:
    base = find_base(str(make_base(tmp_path / "base")), workspace)
    asking = make_base(tmp_path / "asking")
    config = json.loads((asking / "config.json").read_text(encoding="utf-8"))
    config["adapt"] = {"grounding": "auto"}
    (asking / "config.json").write_text(json.dumps(config), encoding="utf-8")
    grounded_base = find_base(str(asking), workspace)

    assert ModelRuntime(base).grounding_way == "off"
    assert ModelRuntime(grounded_base).grounding_way == "auto"
    assert ModelRuntime(grounded_base, GenerationSettings(grounding="off")).grounding_way == "off"
    assert ModelRuntime(base).generate(ASK, max_new_tokens=8, grounding=GROUNDING) == ModelRuntime(
        base
    ).generate(ASK, max_new_tokens=8)


def test_a_turn_is_held_to_its_passages_and_may_repeat_a_correction(
    tmp_path: Path, workspace: Workspace
) -> None:
    class Documents:
        name, heading = "documents", "Passages:"

        def offer(self, question: str, *, user: str) -> Offer:
            passage = Passage(Chunk("c", "a.md", "r", "The tide is high. Boats wait."), 1.0)
            piece = ContextPiece(
                "c", "a.md\nThe tide is high.", passage=passage, quotable=passage.chunk.text
            )
            return Offer((piece,))

    class Corrections:
        name, heading = "feedback", "Earlier feedback:"

        def offer(self, question: str, *, user: str) -> Offer:
            return Offer(
                (ContextPiece("t", 'Asked "x", the right answer was: Low.', quotable="Low."),)
            )

    base = find_base(str(make_base(tmp_path / "base")), workspace)
    runtime = ModelRuntime(base, GenerationSettings(grounding="sentences"))
    store = FeedbackStore(Database(workspace))
    request = Request("tide?", user="ana", session_id=store.new_session("ana"), max_new_tokens=120)

    generation = ChatEngine(runtime, store).ask(request, [Documents(), Corrections()])

    grounding = Grounding(
        ((1, "The tide is high. Boats wait."),), ("Low.",), question="tide?", headings=("a",)
    )
    assert generation.prompt.grounding == grounding
    answer = generation.wait(60)
    assert held_by(answer, grounding) or len(runtime.tokenizer.encode(answer)) > 100


@given(texts=st.lists(st.text(min_size=1, max_size=60), min_size=1, max_size=3))
@settings(max_examples=60, deadline=None)
def test_any_text_makes_a_grammar_that_takes_its_own_sentences(texts: list[str]) -> None:
    numbered = tuple(enumerate(texts, start=1))
    tokenizer = tiny_tokenizer()
    grounding = Grounding(numbered, ("Yes.",))
    for candidate in find_candidates(grounding):
        logits = GroundedLogits(grounding, tokenizer, way="sentences", prompt_length=0)
        ids = tokenizer.encode(cite(candidate))
        after = logits(torch.tensor([ids]), torch.zeros(1, len(tokenizer)))
        assert after[0, tokenizer.eos_token_id] == 0


TOOL = {
    "type": "function",
    "function": {
        "name": "book_room",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string"},
                "guests": {"type": "integer"},
                "size": {"type": "string", "enum": ["small", "large"]},
            },
            "required": ["city", "guests", "size"],
        },
    },
}


def takes(text: str, grounding: Grounding, way: str = "sentences") -> bool:
    """Whether a grounding lets an answer end just so."""
    tokenizer = tiny_tokenizer()
    logits = GroundedLogits(grounding, tokenizer, way=way, prompt_length=0)
    try:
        after = logits(torch.tensor([tokenizer.encode(text)]), torch.zeros(1, len(tokenizer)))
    except ModelError:
        return False
    return bool(after[0, tokenizer.eos_token_id] == 0)


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ('{"name": "book_room", "arguments": {"city": "Añe \\"B\\"", "guests": 3, "size": "large"}}', True),
        ('{"name": "book_room", "arguments": {"city": "A", "guests": "3", "size": "large"}}', False),
        ('{"name": "book_room", "arguments": {"city": "A", "guests": 3, "size": "huge"}}', False),
        ('{"name": "book_room", "arguments": {"city": "A", "guests": 3}}', False),
        ('{"name": "book_room", "arguments": {"city": "A", "guests": 3, "size": "large", "x": 1}}', False),
        ('{"name": "other", "arguments": {"city": "A", "guests": 3, "size": "large"}}', False),
        ("The grinder has a guarantee of two years. [2]", True),
    ],
)  # fmt: skip
def test_a_call_fits_its_schema_and_passages_may_be_quoted_beside(text: str, fits: bool) -> None:
    assert takes(text, Grounding(PASSAGES, tools=(TOOL,))) is fits


def test_tools_alone_leave_no_refusal_and_do_not_go_with_quotes() -> None:
    assert not takes(REFUSALS[0], Grounding(tools=(TOOL,)))
    assert takes(REFUSALS[0], Grounding(PASSAGES, tools=(TOOL,)))
    with pytest.raises(ModelError, match="does not go with tools"):
        grammar(Grounding(tools=(TOOL,)), "quotes")


def test_a_model_that_knows_nothing_still_makes_a_valid_call(
    tmp_path: Path, workspace: Workspace
) -> None:
    base = find_base(str(make_base(tmp_path / "base")), workspace)
    runtime = ModelRuntime(base, GenerationSettings(grounding="sentences"))
    parameters = {"type": "object", "properties": {"now": {"type": "boolean"}}, "required": ["now"]}
    tool = {"type": "function", "function": {"name": "stop", "parameters": parameters}}

    answer = runtime.generate(ASK, max_new_tokens=200, grounding=Grounding(tools=(tool,)))

    call = json.loads(answer)
    assert call["name"] == "stop"
    assert call["arguments"] in ({"now": True}, {"now": False})


def test_nothing_to_quote_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="nothing to ground"):
        grammar(Grounding(), "sentences")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Dr. Smith met J. R. Ewing in St. Louis. He left.", ["Dr. Smith met J. R. Ewing in St. Louis.", "He left."]),
        ("It costs 5.5 euros. ¿Cuánto? Mucho.", ["It costs 5.5 euros.", "¿Cuánto?", "Mucho."]),
        ("Opening hours\nThe office opens at 8.", ["Opening hours", "The office opens at 8."]),
        (
            "The tenant pays the rent on the first day of each\nmonth. Pets are allowed.",
            ["The tenant pays the rent on the first day of each month.", "Pets are allowed."],
        ),
        ("- one\n- two", ["- one", "- two"]),
        ("  \n ", []),
    ],
)  # fmt: skip
def test_sentences_end_where_people_end_them(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


@given(st.text(max_size=300))
def test_sentences_keep_every_letter_in_its_order(text: str) -> None:
    spans = sentence_spans(text)

    assert all(start < end for start, end in spans)
    assert all(span[1] <= other[0] for span, other in itertools.pairwise(spans))
    kept = "".join("".join(text[start:end].split()) for start, end in spans)
    assert kept == "".join(text.split())
