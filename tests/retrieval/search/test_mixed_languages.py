"""A collection in two languages: passages of both are found, whichever the question is in, and no embedder runs in vain."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from adapt.embedding.hash_embedder import HashEmbedder
from adapt.embedding.load import load_embedder
from adapt.embedding.pair import EmbedderPair
from adapt.workspace.folder import Workspace
from retrieval.collections.collection import Collection
from retrieval.index.version_index import FEW, Candidate
from retrieval.search.fusion import FEWER, Weights, fuse
from retrieval.search.rank import rank
from retrieval.search.search import SearchSettings

NAMES = ("minilm", "muse")
KNOWN = frozenset({"en", "es"})
WEIGHTS = Weights(own=0.4, foreign=0.25, general=0.7, across=0.65)
OFFICE = {
    "rooms.txt": "Rooms are booked at the front desk. The keys of rooms hang behind it.",
    "bikes.txt": "Bicycles are put in the shed. The shed is locked after work.",
    "horario.txt": "La oficina abre a las nueve de la mañana y cierra a las seis de la tarde.",
    "comedor.txt": "El comedor sirve el almuerzo a los empleados desde el mediodía.",
}


def english(name: str, minilm: float, muse: float, lexical: float, coverage: float) -> Candidate:
    """Return a candidate in English for a question in English."""
    return Candidate(
        name, minilm, lexical, coverage, "en", embedder="minilm", names=NAMES, similar=(minilm, muse), fewer=0.5
    )  # fmt: skip


def spanish(name: str, muse: float, lexical: float = 0.0, coverage: float = 0.0) -> Candidate:
    """Return a candidate in Spanish for a question in English."""
    return Candidate(
        name, muse, lexical, coverage, "es", across=True, embedder="muse", names=NAMES, similar=(0.0, muse), fewer=0.5
    )  # fmt: skip


def scores(*found: Candidate) -> dict[str, float]:
    fused = fuse(found, WEIGHTS, KNOWN)
    assert all(0 <= score <= 1 for score in fused)
    return dict(zip((one.chunk_id for one in found), fused, strict=True))


def test_the_answer_in_the_other_language_comes_before_words_met_by_chance() -> None:
    ranked = scores(
        english("chance", 0.25, 0.05, 9.0, 0.3),
        english("far", 0.05, 0.02, 0.0, 0.0),
        spanish("answer", 0.4),
        spanish("other", 0.05),
    )

    assert max(ranked, key=ranked.__getitem__) == "answer"


def test_the_answer_in_the_question_s_language_comes_before_what_is_merely_similar() -> None:
    ranked = scores(
        english("answer", 0.5, 0.4, 9.0, 0.7),
        english("far", 0.05, 0.02, 0.0, 0.0),
        spanish("similar", 0.42),
        spanish("other", 0.05),
    )

    assert max(ranked, key=ranked.__getitem__) == "answer"


def test_what_is_added_is_what_both_languages_can_be_compared_by() -> None:
    ranked = scores(
        english("own", 0.5, 0.3, 2.0, 0.2),
        english("chance", 0.0, 0.2, 1.0, 0.1),
        spanish("answer", 0.4),
        spanish("other", 0.1),
    )

    # near, scaled: 0.75, 0, 1, 0.25; words: 1, 0.5, 0, 0; so fused by weight: 0.9, 0.3, 0.65, 0.1625
    # added: 2 · similar + 1.2 · coverage + 0.4 · MiniLM's - 0.35 for its own: 0.69, 0.17, 0.8, 0.2; from the least on
    most = 1 + 0.63
    assert ranked == pytest.approx(
        {
            "own": (0.9 + 0.52) / most,
            "chance": 0.3 / most,
            "answer": (0.65 + 0.63) / most,
            "other": (0.1625 + 0.03) / most,
        }
    )


def test_equal_similarity_speaks_for_the_other_language() -> None:
    own = english("own", 0.0, 0.3, 0.0, 0.0)._replace(embedder="muse", dense=0.3)
    ranked = scores(own, spanish("translated", 0.3), english("far", 0.0, 0.0, 0.0, 0.0))

    assert ranked["translated"] > ranked["own"]


def test_a_name_that_both_languages_write_alike_counts() -> None:
    ranked = scores(
        english("own", 0.1, 0.1, 0.0, 0.0),
        spanish("plain", 0.3),
        spanish("named", 0.3, lexical=4.0, coverage=0.4),
    )

    assert ranked["named"] > ranked["plain"]


@pytest.mark.parametrize(
    "found",
    [
        [english("near", 0.5, 0.3, 2.0, 0.2), english("said", 0.2, 0.1, 8.0, 0.6)],
        [spanish("near", 0.5), spanish("said", 0.2, 8.0, 0.6)],
    ],
)
def test_where_all_are_of_one_kind_nothing_is_added(found: list[Candidate]) -> None:
    without = [one._replace(names=(), similar=()) for one in found]

    assert fuse(found, WEIGHTS, KNOWN) == fuse(without, WEIGHTS, KNOWN)


@pytest.mark.parametrize("names", [("muse",), ("first", "second"), ("minilm", "other")])
def test_other_embedders_are_fused_as_if_all_were_of_one_kind(names: tuple[str, ...]) -> None:
    found = [english("own", 0.5, 0.3, 2.0, 0.2), spanish("across", 0.4), spanish("far", 0.1)]
    other = [one._replace(names=names) for one in found]
    none = [one._replace(names=(), similar=()) for one in found]

    assert fuse(other, WEIGHTS, KNOWN) == fuse(none, WEIGHTS, KNOWN)
    assert fuse(found, WEIGHTS, KNOWN) != fuse(none, WEIGHTS, KNOWN)


@pytest.mark.parametrize(("coverage", "named"), [(1.0, 0.0), (0.5, 0.6)])
def test_words_that_hold_the_whole_question_and_names_order_as_ever(
    coverage: float, named: float
) -> None:
    found = [
        english("said", 0.3, 0.1, 9.0, coverage)._replace(named=named),
        english("near", 0.4, 0.5, 7.0, coverage - 0.1),
        spanish("across", 0.6),
    ]
    without = [one._replace(names=()) for one in found]

    assert fuse(found, WEIGHTS, KNOWN) == pytest.approx(fuse(without, WEIGHTS, KNOWN))


def test_the_fewer_chunks_are_in_one_of_the_languages_the_less_is_added() -> None:
    def gained(fewer: float) -> float:
        """Return how much better a passage in the other language stands than one with a word of the question by chance."""
        chance, far = english("chance", 0.25, 0.05, 9.0, 0.3), english("far", 0.0, 0.0, 0.0, 0.0)
        ranked = scores(*(one._replace(fewer=fewer) for one in (chance, far, spanish("is", 0.4))))
        return ranked["is"] - ranked["chance"]

    assert gained(0.0) == gained(FEW) < gained(0.03) < gained(FEWER) == gained(0.5)


def test_a_chunk_in_no_known_language_counts_as_one_in_the_question_s() -> None:
    found = [
        english("own", 0.3, 0.3, 4.0, 0.3),
        english("unknown", 0.3, 0.3, 4.0, 0.3)._replace(language=""),
        spanish("across", 0.3),
    ]

    ranked = scores(*found)

    assert ranked["own"] == ranked["unknown"]


class Counting(HashEmbedder):
    """The hash embedder under another name, of languages that are told; it counts the texts that it is given."""

    def __init__(self, name: str, languages: Sequence[str]) -> None:
        self.name = name
        self.identity = f"{name}@1"
        self.languages = frozenset(languages)
        self.texts: list[str] = []

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        self.texts += texts
        return super().embed(texts)


def made(workspace: Workspace, folder: Path, texts: dict[str, str]) -> Collection:
    folder.mkdir()
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    pair = EmbedderPair(Counting("minilm", ["en"]), Counting("muse", ["en", "es"]))
    collection = Collection.open_or_create(workspace, folder.name, pair)
    collection.ingest([folder])
    for part in pair.parts:
        assert isinstance(part, Counting)
        part.texts.clear()
    return collection


def ran(collection: Collection) -> list[str]:
    parts = collection.index._embedder.parts
    return [part.name for part in parts if isinstance(part, Counting) and part.texts]


@pytest.mark.parametrize(
    ("texts", "question", "embedders"),
    [
        ("both", "¿Cuándo abre la oficina?", ["muse"]),
        ("both", "When does the office open?", ["minilm", "muse"]),
        ("english", "Where are the keys of the rooms?", ["minilm"]),
        ("english", "¿Dónde están las llaves?", ["muse"]),
    ],
)
def test_a_question_is_embedded_by_those_alone_that_the_collection_asks(
    workspace: Workspace, tmp_path: Path, texts: str, question: str, embedders: list[str]
) -> None:
    names = list(OFFICE) if texts == "both" else ["rooms.txt", "bikes.txt"]
    collection = made(workspace, tmp_path / "c", {name: OFFICE[name] for name in names})

    found = collection.index.candidates(question, dense=True, lexical=True, limit=100)

    assert ran(collection) == embedders
    for one in found:
        assert [n for n, near in zip(one.names, one.similar, strict=True) if near is not None] == (
            embedders
        )
    passage = collection.search(question, top_k=1, settings=SearchSettings(min_score=-1))[0]
    assert [name for name in passage.scores if name in NAMES] == embedders


def test_without_the_dense_part_nothing_is_embedded_and_words_alone_order(
    workspace: Workspace, tmp_path: Path
) -> None:
    collection = made(workspace, tmp_path / "c", OFFICE)

    ranked = rank(collection.index, "rooms and keys", 10, SearchSettings(dense=False))

    assert ran(collection) == []
    assert [score for _, score in ranked] == [one.lexical for one, _ in ranked]


def test_without_words_similarity_alone_orders(workspace: Workspace, tmp_path: Path) -> None:
    collection = made(workspace, tmp_path / "c", OFFICE)

    ranked = rank(collection.index, "When does the office open?", 10, SearchSettings(lexical=False))

    assert {one.across for one, _ in ranked} == {True, False}
    near = [(one.dense or 0.0) * (5 / 3 if one.embedder == "muse" else 1) for one, _ in ranked]
    assert [score for _, score in ranked] == near == sorted(near, reverse=True)


def test_chunks_of_the_other_language_are_candidates_though_all_of_one_are_nearer(
    workspace: Workspace, tmp_path: Path
) -> None:
    texts = {f"horario{n}.txt": f"La oficina número {n} abre a las nueve." for n in range(12)}
    collection = made(workspace, tmp_path / "c", texts | {"bikes.txt": OFFICE["bikes.txt"]})

    found = collection.index.candidates(
        "¿Cuándo abre la oficina?", dense=True, lexical=False, limit=5
    )

    assert sorted(one.language for one in found) == ["en", "es", "es", "es", "es", "es"]


def test_one_chunk_in_the_other_language_of_many_is_found_as_ever(
    workspace: Workspace, tmp_path: Path
) -> None:
    texts = {f"horario{n}.txt": f"La oficina número {n} abre a las nueve." for n in range(120)}
    collection = made(workspace, tmp_path / "c", texts | {"bikes.txt": OFFICE["bikes.txt"]})

    found = collection.index.candidates(
        "¿Cuándo abre la oficina?", dense=True, lexical=False, limit=5
    )

    assert [one.language for one in found] == ["es"] * 5
    assert found[0].fewer == pytest.approx(1 / 121)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("question", "document"),
    [
        ("Until when can I have lunch, or from when at least?", "comedor.txt"),
        ("At what hour are the desks opened?", "horario.txt"),
        ("¿Dónde me dan las llaves de una sala?", "rooms.txt"),
        ("¿Dónde dejo la bici en el trabajo?", "bikes.txt"),
    ],
)
def test_the_shipped_embedders_find_the_answer_in_the_other_language_first(
    workspace: Workspace, tmp_path: Path, question: str, document: str
) -> None:
    folder = tmp_path / "documents"
    folder.mkdir()
    for name, text in OFFICE.items():
        (folder / name).write_text(text, encoding="utf-8")
    collection = Collection.open_or_create(workspace, "shipped", load_embedder())
    collection.ingest([folder])

    assert collection.search(question, top_k=1)[0].chunk.document == document
