import json
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from adapt.embedding.hash_embedder import HashEmbedder
from adapt.errors import AdaptError
from adapt.protocols import TextGenerator
from adapt.records import Chunk, Grounding, Message, ProgressEvent
from adapt.workspace.folder import Workspace
from retrieval.collections.collection import Collection
from retrieval.search.questions import MadeQuestion, by_headings, by_model, pick, question_in, write

TEXT = "The Marlow office opens at eight on weekdays and at ten on Saturdays, says the notice."


def chunk(document: str, number: int = 0, *, heading: str = "", text: str = TEXT) -> Chunk:
    return Chunk(f"{document}-{number:05d}", document, "r", text, heading=heading, language="en")


class Says:
    """A generator that says what it is given."""

    context_length = 1_000

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.prompts: list[str] = []
        self.asked: list[tuple[str, int | None]] = []

    def count_tokens(self, messages: Sequence[Message]) -> int:
        return sum(len(one.content.split()) for one in messages)

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
        self.prompts.append(messages[-1].content)
        self.asked += [(message.role, max_new_tokens) for message in messages]
        return self.answers.pop(0)


def test_chunks_are_picked_evenly_over_documents_and_the_same_each_time() -> None:
    chunks = [chunk("long", n) for n in range(50)] + [chunk("short"), chunk("tiny", text="Hi.")]

    picked = pick(chunks, 4)

    assert [one.document for one in picked].count("short") == 1
    assert {one.document for one in picked} == {"long", "short"}
    assert pick(chunks, 4) == picked == pick(chunks, 4, seed=0) != pick(chunks, 4, seed=1)
    assert len(pick(chunks, 1_000)) == 51
    many = [chunk(f"document {n}", place) for n in range(5) for place in range(9)]
    assert len(pick(many, 7)) == 7


def test_a_chunk_of_sixty_characters_is_enough_to_ask_about() -> None:
    enough, less = (chunk(name, text="a" * length) for name, length in (("a", 60), ("b", 59)))

    assert pick([enough, less], 2) == [enough]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("Marlow?", ""),
        ("The Marlow office?", "The Marlow office?"),
        (f"Marlow {'office ' * 38}open?", f"Marlow {'office ' * 38}open?"),
        (f"Marlow {'office ' * 39}open?", ""),
        (
            "When does the Marlow office open on Saturdays?",
            "When does the Marlow office open on Saturdays?",
        ),
        (
            "Is it that the Marlow office opens at eight?",
            "Is it that the Marlow office opens at eight?",
        ),
        (
            "Is it true of the Marlow office opens at eight on weekdays?",
            "Is it true of the Marlow office opens at eight on weekdays?",
        ),
        ("Is it so: Marlow office opens at eight on weekdays and when?", ""),
        ("When does the Marlow office open?", "When does the Marlow office open?"),
        ('1. "When does the office open?" I hope this helps.', "When does the office open?"),
        ("The office opens at eight.", ""),
        ("Why?", ""),
        ("What is the capital of France?", ""),
        ("Is it that the Marlow office opens at eight on weekdays and at ten?", ""),
    ],
)
def test_only_a_question_about_the_passage_is_taken(answer: str, expected: str) -> None:
    assert question_in(answer, chunk("a")) == expected


def test_a_model_asks_in_the_language_of_the_passage_and_is_named() -> None:
    spanish = Chunk("b-00000", "b", "r", "La oficina abre a las ocho.", language="es")
    model: TextGenerator = Says("When does the office open?", "¿Cuándo abre la oficina?")

    told: list[ProgressEvent] = []
    made = by_model([chunk("a"), spanish], model, "team@1", progress=told.append)

    assert [one.question for one in made] == [
        "When does the office open?",
        "¿Cuándo abre la oficina?",
    ]
    assert {one.made_by for one in made} == {"model team@1"}
    assert isinstance(model, Says)
    assert model.prompts[0].startswith("Write one short question")
    assert model.prompts[0].endswith(f"\n\n{TEXT}")
    assert model.prompts[1].startswith("Escribe una sola pregunta")
    assert model.asked == [("user", 60)] * 2
    assert told == [
        ProgressEvent("ask the model", done, 2, f"{done} questions") for done in range(3)
    ]


def test_of_a_passage_in_another_language_a_model_is_asked_in_english() -> None:
    german = Chunk("c-00000", "c", "r", "Das Amt in Marlow ist offen.", language="de")
    model = Says("When does Marlow open?", "When does Marlow open?")

    made = by_model([german, chunk("a")], model, "team@1")

    assert [(one.question, one.document, one.chunk_id) for one in made] == [
        ("When does Marlow open?", "c", "c-00000")  # asked twice, kept once
    ]
    assert model.prompts[0].startswith("Write one short question")


def test_a_model_that_makes_no_question_is_one_sentence() -> None:
    with pytest.raises(AdaptError, match="starter made no usable question of 1 passages"):
        by_model([chunk("a")], Says("8:00"), "starter")


def test_headings_that_only_one_document_has_are_what_one_looks_for() -> None:
    made = by_headings(
        [
            chunk("a", heading="Guide > Opening hours"),
            chunk("b", heading="Guide > Notes"),
            chunk("c", heading="Notes"),
            chunk("d", heading="The"),
        ]
    )

    assert made == [MadeQuestion("Opening hours", "a", "a-00000", "headings")]


def test_what_is_written_is_what_an_evaluation_reads(
    workspace: Workspace, handbook: Path, tmp_path: Path
) -> None:
    collection = Collection.open_or_create(workspace, "c", HashEmbedder())
    collection.ingest([handbook])
    path = tmp_path / "questions.jsonl"

    write(path, by_headings(list(collection.index.live_chunks())))
    quality = collection.evaluate(path)

    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert {line["question"] for line in lines} == {"Holidays", "Vacaciones", "Travel"}
    assert all(line["made_by"] == "headings" for line in lines)
    assert quality.questions == 3
