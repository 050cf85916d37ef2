"""Search by words: what a term is in each language, and BM25 that does not depend on how a collection came to be."""

import math
import random
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from adapt.errors import WorkspaceError
from adapt.protocols import TextEmbedder
from adapt.workspace.folder import Workspace
from retrieval.collections.collection import Collection
from retrieval.index import word_index as lexical
from retrieval.index.word_index import FILE, LexicalSegment
from retrieval.language.folding import fold
from retrieval.language.terms import asked, language_of, other_terms, terms
from retrieval.search.search import SearchSettings, rank

SPANISH = "# Socios\n\nLas asociaciones de protección pagan una cuota mensual. Los niños no pagan."
ENGLISH = "# Members\n\nAssociations for the protection of children pay a monthly fee."
WORDS_ONLY = SearchSettings(dense=False)
WORDS = "lamp room door key card light hotel guest stair floor lift night".split()  # noqa: SIM905


def ingested(workspace: Workspace, folder: Path, embedder: TextEmbedder) -> Collection:
    collection = Collection.open_or_create(workspace, "c", embedder)
    collection.ingest([folder], prune=True)
    return collection


def by_document(collection: Collection, question: str) -> dict[str, float]:
    ranked = rank(collection.index, question, 1_000, WORDS_ONLY)
    chunks = collection.index.chunks([candidate.chunk_id for candidate, _ in ranked])
    return {chunks[candidate.chunk_id].document: score for candidate, score in ranked}


@pytest.mark.parametrize(
    ("asked", "written", "language"),
    [
        ("ASOCIACION DE PROTECCION", "asociaciones de protección", "es"),
        ("ninos", "Los niños", "es"),
        ("the connected children", "Connections of a child", "en"),
        ("straße", "STRASSE", "de"),
        ("Ministère", "ministere", "fr"),
    ],
)
def test_case_accents_and_endings_do_not_matter(asked: str, written: str, language: str) -> None:
    assert set(terms(asked, language)) & set(terms(written, language)) - {"de"}


def test_signs_without_spaces_are_found_by_their_pairs() -> None:
    assert terms("東京都庁へ", "") == ["東京", "京都", "都庁", "庁へ"]
    assert terms("USB端子", "") == ["usb", "端子"]


def test_vowel_signs_of_hindi_and_thai_are_letters() -> None:
    assert fold("हिन्दी") == "हिन्दी"
    assert fold("Ñandú") == "nandu"


def test_the_language_of_a_text_is_told_or_left_open() -> None:
    assert language_of(SPANISH) == "es"
    assert language_of(ENGLISH) == "en"
    assert language_of("123 456") == ""


def words_of(question: str, shares: dict[str, float]) -> dict[tuple[str, ...], int]:
    return {tuple(sorted(wanted.terms)): wanted.times for wanted in asked(question, shares)}


def test_a_word_of_a_question_stands_for_what_it_is_in_each_language() -> None:
    question = "las associations son de associations"

    assert words_of(question, {"en": 0.7, "es": 0.3}) == {
        ("las",): 1,  # no stop word of English, in which it may be a name
        ("associ", "associations"): 2,
        ("son",): 1,
        ("de",): 1,
    }
    assert words_of(question, {"en": 0.02, "es": 0.98}) == {("associ", "associations"): 2}


@pytest.mark.parametrize(
    ("question", "word", "kept"),
    [
        ("what is it about", "it", False),
        ('the song "let it be"', "it", True),
        ("What's the fee of O'Hara?", "s", False),
        ("Isn't it paid?", "isn", False),
        ("Isn't it paid?", "t", False),
    ],
)
def test_words_in_quotation_marks_are_kept_and_what_an_apostrophe_cut_off_is_not(
    question: str, word: str, kept: bool
) -> None:
    assert ((word,) in words_of(question, {"en": 1.0})) is kept


@pytest.mark.parametrize(
    ("asked_", "written"),
    [
        ("서울", "서울에서 만나요"),
        ("집", "집에서 쉬어요"),
        ("도서관은", "도서관의 시간"),
    ],
)
def test_korean_words_are_found_whatever_particle_stands_on_them(asked_: str, written: str) -> None:
    assert set(terms(asked_, "")) & set(terms(written, ""))


def test_a_name_that_is_a_stop_word_has_a_term_of_its_own() -> None:
    assert "c:it" in other_terms("Ask the IT department for it.", "en")
    assert "c:who" in other_terms("The songs of The Who were sung.", "en")
    assert "c:who" not in other_terms("Who sang? Who knows.", "en")
    assert "b:vitamin:a" in other_terms("It is rich in vitamin A.", "en")
    assert "b:should:i" not in other_terms("What should I do?", "en")


def test_a_text_whose_language_was_told_wrongly_does_not_draw_every_question(
    tmp_path: Path, workspace: Workspace, hashing: TextEmbedder
) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    for number in range(6):
        (folder / f"{number}.txt").write_text(f"El guardia de la sala {number} pide la llave.")
    (folder / "list.txt").write_text(
        "Weather, windows, wolves; de la que el. Where the weather was."
    )
    collection = ingested(workspace, folder, hashing)

    assert next(iter(by_document(collection, "¿Quién pide la llave de la sala?"))) != "list.txt"


def test_documents_of_two_languages_are_found_in_both(
    tmp_path: Path, workspace: Workspace, hashing: TextEmbedder
) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "es.md").write_text(SPANISH)
    (folder / "en.md").write_text(ENGLISH)
    collection = ingested(workspace, folder, hashing)

    assert list(by_document(collection, "ASOCIACION")) == ["es.md"]
    assert list(by_document(collection, "association")) == ["en.md"]
    assert list(by_document(collection, "¿Cuál es la cuota de los niños?")) == ["es.md"]
    assert by_document(collection, "zebra") == {}


def plain_bm25(documents: dict[str, str], question: str) -> dict[str, float]:
    """Compute BM25 of documents, each one chunk, as the papers write it: as a chunk, as an opening, and as a document."""
    words = {name: terms(text, language_of(text)) for name, text in documents.items()}
    mean = sum(map(len, words.values())) / len(words)
    scores: dict[str, float] = {}
    for word in terms("key hotel room night", "en"):
        holding = [name for name in words if word in words[name]]
        idf = math.log(1 + (len(words) - len(holding) + 0.5) / (len(holding) + 0.5))
        for name in holding:
            count, length = Counter(words[name])[word], len(words[name])
            chunk = count / (count + 1.2 * (0.25 + 0.75 * length / mean))
            whole = count / (count + 1.2 * length / mean)
            part = idf * 2.2 * (1.5 * chunk + 2 * whole)
            scores[name] = scores.get(name, 0.0) + part
    return scores


@pytest.mark.slow
def test_scores_are_those_of_one_index_whatever_the_ingests(
    tmp_path: Path, workspace: Workspace, hashing: TextEmbedder
) -> None:
    draw = random.Random(7)
    folder = tmp_path / "docs"
    folder.mkdir()
    documents: dict[str, str] = {}
    question = "the key of the hotel room at night"
    most = 1
    for number in range(8):
        for _ in range(60 if number == 0 else 4):
            name = f"{draw.randint(0, 79)}.txt"
            if name in documents and draw.random() < 0.3:
                del documents[name]
                (folder / name).unlink()
                continue
            words = " ".join(draw.choice(WORDS) for _ in range(draw.randint(3, 40)))
            documents[name] = f"This is what was said in the {number}: {words}."
            (folder / name).write_text(documents[name])
        collection = ingested(workspace, folder, hashing)

        expected = plain_bm25(documents, question)
        scores = by_document(collection, question)
        assert scores == pytest.approx(expected, rel=1e-5)
        assert list(scores.values()) == sorted(scores.values(), reverse=True)
        most = max(most, len(collection.index.manifest().segments))
    assert most > 1


def test_the_index_is_read_once_and_not_for_each_question(
    tmp_path: Path, workspace: Workspace, hashing: TextEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "en.md").write_text(ENGLISH)
    collection = ingested(workspace, folder, hashing)
    read: list[Path] = []
    init = LexicalSegment.__init__

    def counted(self: LexicalSegment, path: Path) -> None:
        read.append(path)
        init(self, path)

    monkeypatch.setattr(LexicalSegment, "__init__", counted)
    for _ in range(3):
        assert collection.search("children", settings=WORDS_ONLY)
    assert len(read) == 1


def test_a_damaged_index_is_one_sentence(
    tmp_path: Path, workspace: Workspace, hashing: TextEmbedder
) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "en.md").write_text(ENGLISH)
    ingested(workspace, folder, hashing)
    file = next(workspace.collections.rglob(FILE))
    file.write_bytes(file.read_bytes()[:40])

    with pytest.raises(WorkspaceError, match="the index cannot be used"):
        Collection.open(workspace, "c", hashing).search("children")


@given(st.text(max_size=200), st.sampled_from(["", "en", "es", "de", "ar", "hi"]))
def test_any_text_has_terms_without_white_space_or_capitals(text: str, language: str) -> None:
    for term in terms(text, language):
        assert term
        assert not any(sign.isspace() for sign in term)
        assert term == term.casefold()


def test_equal_terms_have_equal_hashes_in_every_process() -> None:
    assert lexical._hash("hotel") == 0x45E5A991F019609D
