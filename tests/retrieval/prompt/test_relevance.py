from collections.abc import Sequence

import numpy as np
import pytest

from adapt.embedding.load import load_embedder
from adapt.embedding.passage_reader import ShippedReader
from adapt.protocols import TextEmbedder
from adapt.records import Chunk, Passage
from retrieval.prompt.evidence import nearest_sentence, shared_sense
from retrieval.prompt.relevance import RelevanceSettings, judge, spoken

GYM = Chunk(
    "g",
    "gym.txt",
    "r",
    "Everyone has to wear clean indoor shoes. Towels can be rented for 2 euros. The sauna is heated to 85 degrees. Children "
    "under 16 may train only together with an adult. Lost things are kept for thirty days at the reception.",
    language="en",
)
ESCUELA = Chunk(
    "e",
    "escuela.txt",
    "r",
    "La matrícula cuesta 35 euros. Los hermanos pagan la mitad. Las clases perdidas por enfermedad se recuperan en julio. "
    "La escuela alquila violines por 12 euros al mes. Las guitarras no se alquilan.",
    language="es",
)
SCHULE = Chunk(
    "d",
    "schule.txt",
    "r",
    "Die Anmeldung kostet 35 Euro. Geschwister zahlen die Hälfte. Die Schule vermietet Geigen für 12 Euro im Monat.",
    language="de",
)
MINILM, MUSE, SHIPPED = (load_embedder(name) for name in ("minilm", "muse", "shipped"))


def passages_of(*chunks: Chunk, coverage: float | None = None) -> list[Passage]:
    scores = {} if coverage is None else {"coverage": coverage}
    return [Passage(chunk, 1.0, {"dense": 0.1, **scores}) for chunk in chunks]


@pytest.mark.parametrize(
    ("question", "chunk", "warned"),
    [
        ("how hot is the sauna", GYM, False),
        ("Can I borrow a towel?", GYM, False),
        ("Who painted the Mona Lisa?", GYM, True),
        ("What is the capital of Mongolia?", GYM, True),
        ("¿Me alquilan un violín?", ESCUELA, False),
        ("¿Cuánto vale matricularse?", ESCUELA, False),
        ("¿Quién pintó la Gioconda?", ESCUELA, True),
        ("¿Cuántas lunas tiene Júpiter?", ESCUELA, True),
        ("How much does it cost to rent a violin?", ESCUELA, False),
        ("Who painted the Mona Lisa?", ESCUELA, True),
        ("¿A cuántos grados está la sauna?", GYM, False),
        ("¿Cuántas lunas tiene Júpiter?", GYM, True),
        ("Was kostet die Miete einer Geige?", SCHULE, False),
        ("Wie viele Monde hat der Jupiter?", SCHULE, True),
    ],
)
def test_in_one_language_and_across_two_it_is_said_whether_a_small_collection_answers(
    question: str, chunk: Chunk, warned: bool
) -> None:
    assert judge(question, passages_of(chunk), SHIPPED, chunks=20).warn == warned


def test_passages_of_several_languages_are_each_judged_by_who_knows_them() -> None:
    question = "How much does it cost to rent a violin?"

    together = judge(question, passages_of(GYM, ESCUELA), SHIPPED, chunks=20)

    assert not together.warn
    assert together.answered == judge(question, passages_of(ESCUELA), SHIPPED, chunks=20).answered
    assert together.answered > judge(question, passages_of(GYM), SHIPPED, chunks=20).answered


def test_among_more_chunks_the_same_nearness_says_less() -> None:
    question = "Can I borrow a towel?"

    few, many = (
        judge(question, passages_of(GYM), SHIPPED, chunks=n).answered for n in (20, 100_000)
    )

    assert few > many


def test_the_warning_says_what_no_passage_mentions_as_it_was_written() -> None:
    judged = judge("¿Quién pintó la cúpula de Florencia?", passages_of(ESCUELA), SHIPPED)

    assert judged.warn
    assert "la frase más cercana" in judged.why
    assert "cúpula, florencia" in judged.why


def test_across_languages_no_words_are_called_missing() -> None:
    assert "mentions" not in judge("Who painted the Mona Lisa?", passages_of(ESCUELA), SHIPPED).why


def test_nothing_found_is_a_warning_and_small_talk_is_none() -> None:
    assert judge("Who painted the Mona Lisa?", [], SHIPPED).warn
    assert not judge("hello", [], SHIPPED).warn
    assert not judge("¡Muchas gracias!", [], SHIPPED).warn


@pytest.mark.parametrize(("coverage", "warned"), [(0.9, False), (0.2, True)])
def test_where_no_embedder_knows_the_passages_words_decide(coverage: float, warned: bool) -> None:
    judged = judge("¿Me alquilan un violín?", passages_of(ESCUELA, coverage=coverage), MINILM)

    assert judged.warn == warned
    assert "palabras" in judged.why


def test_the_vectors_of_another_embedder_are_no_evidence() -> None:
    question = "how hot is the sauna"
    passages = passages_of(GYM, coverage=0.1)

    assert judge(question, passages, load_embedder("hash")) == judge(question, passages)
    assert judge(question, passages).warn


def test_without_a_lexical_part_the_words_are_counted_anew() -> None:
    assert not judge("¿Cuándo se recuperan las clases?", passages_of(ESCUELA)).warn
    assert judge("¿Quién pintó la Gioconda?", passages_of(ESCUELA)).warn


def test_the_border_can_be_moved() -> None:
    never = RelevanceSettings(min_answered=0)

    assert not judge("Mona Lisa?", passages_of(GYM), SHIPPED, never).warn


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
    assert spoken("Marlow", passages_of(ESCUELA)) == "es"


class Told:
    """A reader that says what it is to say, and how often it was asked."""

    def __init__(self, closeness: float) -> None:
        self.told = closeness
        self.asked = 0

    def closeness(self, question: str, texts: Sequence[str]) -> list[float]:
        del question
        self.asked += 1
        return [self.told] * len(texts)


@pytest.mark.parametrize(
    ("question", "chunk", "warned"),
    [
        ("how hot is the sauna", GYM, False),
        ("I forgot my towel, can I get one there?", GYM, False),
        ("Who painted the Mona Lisa?", GYM, True),
        ("¿Cuánto me sale tocar el violín de la escuela un mes?", ESCUELA, False),
        ("¿Quién pintó la Gioconda?", ESCUELA, True),
        ("Can my sister pay less?", ESCUELA, False),
        ("Who painted the Mona Lisa?", ESCUELA, True),
        ("¿A cuántos grados está la sauna?", GYM, False),
        ("¿Cuántas lunas tiene Júpiter?", GYM, True),
        ("Was kostet die Miete einer Geige?", SCHULE, False),
        ("Wie viele Monde hat der Jupiter?", SCHULE, True),
    ],
)
@pytest.mark.parametrize("embedder", [SHIPPED, load_embedder("hash"), None])
def test_a_reader_tells_whether_passages_answer_whichever_embedder_is_there(
    embedder: TextEmbedder | None, question: str, chunk: Chunk, warned: bool
) -> None:
    reader = ShippedReader()

    assert judge(question, passages_of(chunk), embedder, reader=reader, chunks=20).warn == warned


@pytest.mark.parametrize("embedder", [SHIPPED, None])
@pytest.mark.parametrize(
    ("question", "chunk"),
    [
        ("what shoes do I need", GYM),
        ("¿Se alquilan guitarras?", ESCUELA),
        ("Are there guitars for rent?", ESCUELA),
        ("¿Qué zapatos hacen falta?", GYM),
    ],
)
def test_what_the_reader_says_tips_the_scale_in_every_pair_of_languages(
    embedder: TextEmbedder | None, question: str, chunk: Chunk
) -> None:
    close, far = Told(0.97), Told(0.6)

    judged = [
        judge(question, passages_of(chunk), embedder, reader=reader, chunks=60)
        for reader in (close, far)
    ]

    assert [verdict.warn for verdict in judged] == [False, True]
    assert (close.asked, far.asked) == (1, 1)


def test_the_same_closeness_says_more_across_languages() -> None:
    question, close = "¿Cuántas lunas tiene Júpiter?", Told(0.8)

    own, across = (
        judge(question, passages_of(chunk), reader=close, chunks=60) for chunk in (ESCUELA, GYM)
    )

    assert across.answered > own.answered


def test_small_talk_and_an_empty_search_are_not_read() -> None:
    reader = Told(0.8)

    judge("thanks a lot", passages_of(GYM), SHIPPED, reader=reader)
    judge("Who painted the Mona Lisa?", [], SHIPPED, reader=reader)

    assert reader.asked == 0


def test_the_nearest_sentence_is_the_best_of_all_passages() -> None:
    near = nearest_sentence("how hot is the sauna", passages_of(ESCUELA, GYM), MINILM)

    question, sentence = MINILM.embed_array(
        ["how hot is the sauna", "The sauna is heated to 85 degrees."]
    )
    assert near == pytest.approx(float(question @ sentence), abs=1e-5)


def test_shared_sense_is_the_mean_of_the_nearest_words_of_one_passage() -> None:
    passages = passages_of(ESCUELA, GYM)

    shared = shared_sense("¿alquilar guitarra?", passages, MUSE)

    rent, guitar, rents, guitars = MUSE.embed_array(
        ["alquilar", "guitarra", "alquilan", "guitarras"]
    )
    assert shared >= np.mean([rent @ rents, guitar @ guitars]) - 1e-5
    assert shared_sense("guitarras", passages, MUSE) == pytest.approx(1.0, abs=1e-5)
    assert shared_sense("¿y?", passages, MUSE) == 0.0
    assert shared_sense("rent guitar", passages, MUSE) > shared_sense(
        "moon Jupiter", passages, MUSE
    )
