from collections.abc import Sequence

import pytest

from adapt.embedding import load_embedder
from adapt.reader import ShippedReader
from adapt.records import Chunk, Passage
from adapt.workspace import Workspace
from retrieval.relevance import RelevanceSettings, judge, spoken

HOURS = Chunk("h", "hours.txt", "r", "The Marlow office opens at nine on weekdays.", language="en")
HORARIO = Chunk("e", "horario.txt", "r", "La oficina de Marlow abre a las nueve.", language="es")
MINILM = load_embedder("minilm")  # only its name and languages are read


def found(chunk: Chunk, dense: float, coverage: float) -> list[Passage]:
    return [Passage(chunk, 1.0, {"dense": dense, "lexical": 3.0, "coverage": coverage})]


def test_a_question_whose_words_and_sense_are_there_is_not_warned_of() -> None:
    judged = judge("When does the Marlow office open?", found(HOURS, 0.7, 1.0), MINILM)

    assert not judged.warn
    assert judged.answered > 0.9


def test_a_question_that_nothing_is_near_is_warned_of_and_says_what_is_missing() -> None:
    judged = judge("Who painted the Mona Lisa?", found(HOURS, 0.2, 0.0), MINILM)

    assert judged.warn
    assert "mona" in judged.why


def test_nothing_found_is_a_warning_and_small_talk_is_none() -> None:
    assert judge("Who painted the Mona Lisa?", [], MINILM).warn
    assert not judge("hello", [], MINILM).warn
    assert not judge("¡Muchas gracias!", [], MINILM).warn


@pytest.mark.parametrize(("coverage", "warned"), [(0.9, False), (0.2, True)])
def test_in_a_language_that_the_embedder_does_not_know_words_decide(
    coverage: float, warned: bool
) -> None:
    question = "¿Cuándo abre la oficina de Marlow?"

    high, low = (judge(question, found(HORARIO, d, coverage), MINILM) for d in (0.9, 0.1))

    assert high == low
    assert high.warn == warned


def test_similarities_of_an_unknown_embedder_are_no_evidence() -> None:
    question = "When does the Marlow office open?"

    judged = judge(question, found(HOURS, 0.99, 0.1), load_embedder("hash"))

    assert judged == judge(question, found(HOURS, 0.01, 0.1))
    assert judged.warn


def test_without_a_lexical_part_the_words_are_counted_anew() -> None:
    passages = [Passage(HORARIO, 1.0, {"dense": 0.1})]

    assert not judge("¿Cuándo abre la oficina?", passages, MINILM).warn
    assert judge("¿Quién pintó la Gioconda?", passages, MINILM).warn


def test_the_border_can_be_moved() -> None:
    passages = found(HOURS, 0.2, 0.0)

    assert not judge("Mona Lisa?", passages, MINILM, RelevanceSettings(min_answered=0)).warn


@pytest.mark.parametrize(
    ("question", "language"),
    [
        ("When does it open?", "en"),
        ("¿Cuándo abre?", "es"),
        ("cuando abre la oficina", "es"),
        ("Marlow", "en"),
    ],
)
def test_the_language_of_a_question_is_told(question: str, language: str) -> None:
    assert spoken(question) == language


def test_a_question_of_names_alone_is_answered_in_the_language_of_the_documents() -> None:
    assert spoken("Marlow", found(HORARIO, 0.5, 1.0)) == "es"


PRIZE = Chunk(
    "p",
    "prize.txt",
    "r",
    "The Nobel Prize in Literature has been awarded each year since 1901 by the Swedish Academy in Stockholm.",
    language="en",
)


def test_a_reader_tells_apart_what_similarity_and_words_do_not(workspace: Workspace) -> None:
    reader = ShippedReader(workspace)
    there, absent = "Who awards the Nobel Prize in Literature?", "Which bus goes to the airport?"
    passages = found(PRIZE, 0.42, 0.5)  # as near to both

    near, far = (judge(question, passages, MINILM, reader=reader) for question in (there, absent))

    assert (near.warn, far.warn) == (False, True)
    assert near.answered > judge(there, passages, MINILM).answered


def test_a_reader_is_asked_only_where_similarities_count() -> None:
    class Never:
        def closeness(self, question: str, texts: Sequence[str]) -> list[float]:
            raise AssertionError((question, texts))

        information = closeness

    question = "¿Cuándo abre la oficina de Marlow?"

    assert judge(question, found(HORARIO, 0.9, 0.9), MINILM, reader=Never()) == judge(
        question, found(HORARIO, 0.9, 0.9), MINILM
    )
    assert judge("hello", found(HOURS, 0.9, 0.9), MINILM, reader=Never()).answered == 1.0
