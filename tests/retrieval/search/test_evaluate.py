"""Search measured on questions whose right documents are known, and the fusion of its parts."""

import json
import math
from pathlib import Path

import pytest

from adapt.errors import DataError, RecipeError
from adapt.protocols import TextEmbedder
from adapt.records import ProgressEvent
from adapt.workspace.folder import Workspace
from retrieval.collections.collection import Collection
from retrieval.index.filters import Filter
from retrieval.index.version_index import Candidate
from retrieval.search.evaluate import PartQuality, Quality, evaluate, judge, read_questions
from retrieval.search.search import SearchSettings, rank, search

NAMES = ["a/hours.txt", "b/hours.txt", "leave.md"]
CHUNK = "0123456789abcdef0123-00002"


def write(path: Path, *rows: object) -> Path:
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    return path


def test_the_metrics_are_those_of_trec() -> None:
    documents = {"c1": "wrong", "c2": "right", "c3": "right", "c4": "best"}

    found = judge(["c1", "c2", "c3", "c4"], documents.__getitem__, {"right": 1.0, "best": 2.0})

    ideal = 2 + 1 / math.log2(3)
    assert found["ndcg@10"] == pytest.approx((1 / math.log2(3) + 2 / math.log2(4)) / ideal)
    assert found["mrr@10"] == 0.5
    assert (found["recall@1"], found["recall@5"]) == (0, 1)


def test_a_chunk_may_be_what_is_relevant() -> None:
    found = judge(["x-1", "x-2"], lambda _: "x", {"x-2": 1.0})

    assert found["mrr@10"] == 0.5


def test_a_ranking_without_anything_relevant_is_worth_nothing() -> None:
    metrics = judge(["x-1"], lambda _: "x", {"y": 1.0})

    assert set(metrics.values()) == {0.0}


def test_what_stands_behind_the_tenth_place_counts_for_recall_alone() -> None:
    chunks = [f"wrong{n}-0" for n in range(10)] + ["right-0"]

    metrics = judge(chunks, lambda chunk: chunk.partition("-")[0], {"right": 1.0})

    assert {name: value for name, value in metrics.items() if value} == {"recall@20": 1.0}
    assert judge(chunks[1:], lambda chunk: chunk.partition("-")[0], {"right": 1.0}) == {
        "ndcg@10": pytest.approx(1 / math.log2(11)),
        "mrr@10": 0.1,
        "recall@1": 0.0,
        "recall@5": 0.0,
        "recall@10": 1.0,
        "recall@20": 1.0,
    }


def test_a_whole_name_goes_before_the_same_in_a_folder(tmp_path: Path) -> None:
    names = [f"{n}.md" for n in range(9)]
    file = write(tmp_path / "q.jsonl", *({"question": "?", "relevant": [name]} for name in names))

    asked = read_questions(file, [*names, *(f"folder/{name}" for name in names)])

    assert [one.relevant for one in asked] == [{name: 1.0} for name in names]


def test_scripts_get_means_and_intervals_of_four_places() -> None:
    worse, whole = ((0.123456, 0.654321), (0.323456, 0.854321))
    parts = [PartQuality(name, {"ndcg@10": v}) for name, v in (("a", worse), ("b", whole))]

    assert Quality(2, tuple(parts), 1).as_json() == {
        "questions": 2,
        "unanswerable": 1,
        "parts": {
            "a": {"ndcg@10": {"mean": 0.3889, "low": 0.1235, "high": 0.6543}},
            "b": {"ndcg@10": {"mean": 0.5889, "low": 0.3235, "high": 0.8543}},
        },
        "gains": {"a": {"difference": 0.2, "low": 0.2, "high": 0.2, "better": True}},
    }


def test_documents_may_be_named_in_short_where_that_is_clear(tmp_path: Path) -> None:
    file = write(
        tmp_path / "q.jsonl",
        {"question": "holidays?", "relevant": ["leave"]},
        {"question": "hours?", "relevant": {"a/hours.txt": 2, "b/hours": 1}},
        {"question": "chunk?", "relevant": [CHUNK]},
    )

    asked = read_questions(file, NAMES)

    assert [one.relevant for one in asked] == [
        {"leave.md": 1.0},
        {"a/hours.txt": 2.0, "b/hours.txt": 1.0},
        {CHUNK: 1.0},
    ]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "line 1: not JSON"),
        ("[" * 100_000, "line 1: not JSON"),
        ("7", "line 1: the line: Input should be"),
        ('{"question": "q"}', "line 1: relevant: Field required"),
        ('{"question": "", "relevant": ["leave"]}', "line 1: question"),
        ('{"question": "q", "relevant": []}', "no question names a relevant document"),
        ('{"question": "q", "relevant": {"leave": -1}}', "a grade is a number above 0"),
        ('{"question": "q", "relevant": {"leave": NaN}}', "a grade is a number above 0"),
        ('{"question": "q", "relevant": ["hours"]}', "no document 'hours'"),
        ('{"question": "q", "relevant": ["gone.md"]}', "no document 'gone.md'"),
        ("", "holds no question"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, line: str, said: str) -> None:
    file = tmp_path / "q.jsonl"
    file.write_text(line, encoding="utf-8")

    with pytest.raises(DataError, match=said):
        read_questions(file, NAMES)


def test_a_mark_of_the_byte_order_is_no_part_of_the_first_line(tmp_path: Path) -> None:
    file = write(tmp_path / "q.jsonl", {"question": "¿?", "relevant": ["leave"]})
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())

    assert [one.question for one in read_questions(file, NAMES)] == ["¿?"]


def test_questions_without_an_answer_are_counted_and_left_out(tmp_path: Path) -> None:
    file = write(
        tmp_path / "q.jsonl",
        {"question": "holidays?", "relevant": ["leave"], "language": "en"},
        {"question": "the weather?", "relevant": [], "kind": "absent"},
    )
    asked: list[str] = []

    def ask(question: str) -> dict[str, list[str]]:
        asked.append(question)
        return {"fused": [CHUNK]}

    told: list[ProgressEvent] = []
    questions = read_questions(file, NAMES)
    quality = evaluate(questions, ask, lambda _: "leave.md", progress=told.append)

    assert asked == ["holidays?"]
    assert told == [ProgressEvent("ask", 0, 1), ProgressEvent("ask", 1, 1)]
    assert (quality.questions, quality.unanswerable) == (1, 1)
    assert quality.parts[0].mean("ndcg@10") == 1.0
    assert quality.as_json()["unanswerable"] == 1


def test_a_file_that_is_no_text_or_missing_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "q.jsonl").write_bytes(b"\xff\xfe\x00")

    for name, why in (("q.jsonl", "it is not UTF-8"), ("none.jsonl", "No such file")):
        with pytest.raises(DataError, match=f"{name}: cannot be read .{why}"):
            read_questions(tmp_path / name, NAMES)


@pytest.fixture
def hotel(tmp_path: Path, workspace: Workspace, minilm: TextEmbedder) -> Collection:
    """Return a collection in two languages, whose words and meanings differ."""
    folder = tmp_path / "hotel"
    folder.mkdir()
    said = {
        "doors.txt": "The reception opens its doors at nine in the morning.",
        "refund.txt": "Money is returned within ten days if you cancel.",
        "code.txt": "Form XK-4471 is filled in by hand.",
        "llaves.txt": "Los huéspedes entregan las llaves de la habitación en la recepción.",
    }
    for name, text in said.items():
        (folder / name).write_text(text, encoding="utf-8")
    collection = Collection.open_or_create(workspace, "hotel", minilm)
    collection.ingest([folder])
    return collection


def first(collection: Collection, question: str, **settings: object) -> str:
    found = collection.search(question, settings=SearchSettings.model_validate(settings))
    return found[0].chunk.document if found else ""


def test_meaning_and_words_find_what_the_other_does_not(hotel: Collection) -> None:
    meaning, words = "At what time can I come in?", "xk 4471"

    assert first(hotel, meaning) == "doors.txt"
    assert first(hotel, meaning, lexical=False) == "doors.txt"
    assert first(hotel, meaning, dense=False) != "doors.txt"
    assert first(hotel, words) == "code.txt"
    assert first(hotel, words, dense=False) == "code.txt"
    assert first(hotel, "ENTREGA DE LLAVE DE HABITACIONES") == "llaves.txt"
    both = hotel.search(words)[0]
    assert both.scores.keys() == {"dense", "lexical", "coverage"}
    assert hotel.search(words, settings=SearchSettings(dense=False))[0].scores.keys() == {
        "lexical",
        "coverage",
    }


def test_a_search_without_parts_is_refused(hotel: Collection) -> None:
    with pytest.raises(RecipeError, match="both off"):
        hotel.search("x", settings=SearchSettings(dense=False, lexical=False))


def test_what_has_nothing_to_do_with_the_documents_finds_nothing(hotel: Collection) -> None:
    assert hotel.search("zebra volcano sonata") == []


def test_each_part_is_measured_and_the_whole_against_each(
    hotel: Collection, tmp_path: Path
) -> None:
    file = write(
        tmp_path / "q.jsonl",
        {"question": "At what time can I come in?", "relevant": ["doors"]},
        {"question": "XK 4471", "relevant": ["code"]},
        {"question": "llave", "relevant": ["llaves"]},
    )

    quality = hotel.evaluate(file)

    assert [part.name for part in quality.parts] == ["dense", "lexical", "fused"]
    assert quality.parts[2].mean("ndcg@10") == 1.0
    assert quality.parts[1].mean("recall@10") == pytest.approx(2 / 3)
    assert set(quality.gains) == {"dense", "lexical"}
    assert quality.gains["lexical"].difference == pytest.approx(1 / 3)


class Fixed:
    """An index of candidates that are given."""

    embedded_languages = frozenset({"en"})

    def __init__(self, *found: Candidate) -> None:
        self._found = list(found)
        self.asked: dict[str, object] = {}

    def candidates(self, question: str, **asked: object) -> list[Candidate]:
        self.asked = {"question": question, **asked}
        return self._found

    def chunks(self, ids: object) -> dict[str, object]:
        return {}


def test_similarity_counts_less_in_a_language_that_the_embedder_does_not_know() -> None:
    def ranked(language: str) -> list[tuple[str, float]]:
        near = Candidate("near", 0.9, 1.0, 0.1, language)
        said = Candidate("said", 0.1, 4.0, 1.0, language)
        return [
            (one.chunk_id, score)
            for one, score in rank(Fixed(near, said), "q", 2, SearchSettings())
        ]

    assert dict(ranked("en")) == pytest.approx({"said": 0.6, "near": 0.4 + 0.6 / 4})
    assert dict(ranked("es")) == pytest.approx({"said": 0.9, "near": 0.1 + 0.9 / 4})


def test_candidates_with_equal_scores_stand_by_their_ids() -> None:
    found = [
        Candidate(name, dense, 1.0, 1.0)
        for name, dense in [("d", 0.5), ("b", 0.5), ("c", 0.9), ("a", 0.5), ("e", 0.1)]
    ]

    ranked = rank(Fixed(*found), "q", 5, SearchSettings())

    assert [one.chunk_id for one, _ in ranked] == ["c", "a", "b", "d", "e"]


def test_nothing_found_is_no_error() -> None:
    assert search(Fixed(), "q") == []


def test_a_collection_is_asked_for_a_hundred_of_each_part_and_for_more_where_more_are_wanted() -> (
    None
):
    index, only = Fixed(), Filter(documents=("a.txt",))

    search(index, "q", top_k=7, settings=SearchSettings(lexical=False), only=only)
    few = index.asked
    rank(index, "q", 300, SearchSettings(dense=False))

    assert few == {"question": "q", "dense": True, "lexical": False, "limit": 100, "only": only}
    assert index.asked == {
        "question": "q",
        "dense": False,
        "lexical": True,
        "limit": 300,
        "only": None,
    }


def test_a_search_for_no_passage_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="top_k must be at least 1"):
        search(Fixed(), "q", top_k=0)
