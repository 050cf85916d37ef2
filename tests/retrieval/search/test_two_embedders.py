"""A collection with two embedders: which is asked, what is shown, and how an older collection comes over."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from adapt.embedding.hash_embedder import HashEmbedder
from adapt.embedding.load import load_embedder
from adapt.embedding.pair import EmbedderPair
from adapt.errors import WorkspaceError
from adapt.workspace.folder import Workspace
from retrieval.collections.collection import Collection
from retrieval.collections.owner import rebuild, remove
from retrieval.index.version_index import Candidate
from retrieval.search.fusion import Weights, fuse
from retrieval.search.search import SearchSettings
from retrieval.versions.manifest import FORMAT

ALL = SearchSettings(min_score=-1)
TEXTS = {
    "office_en.txt": "The office opens at nine in the morning and closes at six in the evening.",
    "garden_en.txt": "The garden behind the house is open to all guests during the summer months.",
    "oficina_es.txt": "La oficina abre a las nueve de la mañana y cierra a las seis de la tarde.",
    "jardin_es.txt": "El jardín detrás de la casa está abierto para los huéspedes durante el verano.",
}


class Named(HashEmbedder):
    """The hash embedder under another name, of languages that are told, its vectors turned as far as is said."""

    def __init__(self, name: str, languages: Sequence[str], turn: int) -> None:
        self.name = name
        self.identity = f"{name}@1"
        self.languages = frozenset(languages)
        self._turn = turn

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        return [np.roll(vector, self._turn).tolist() for vector in super().embed(texts)]


def pair() -> EmbedderPair:
    return EmbedderPair(Named("first", ["en"], 0), Named("second", ["en", "es"], 7))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "documents"
    place.mkdir()
    for name, text in TEXTS.items():
        (place / name).write_text(text, encoding="utf-8")
    return place


@pytest.fixture
def collection(workspace: Workspace, folder: Path) -> Collection:
    made = Collection.open_or_create(workspace, "c", pair())
    made.ingest([folder])
    return made


def asked(collection: Collection, question: str) -> dict[str, Candidate]:
    found = collection.index.candidates(question, dense=True, lexical=True, limit=100)
    chunks = collection.index.chunks([one.chunk_id for one in found])
    return {chunks[one.chunk_id].document: one for one in found}


@pytest.mark.parametrize(
    ("question", "english", "spanish"),
    [
        ("When does the office open?", ("first", False), ("second", True)),
        ("¿Cuándo abre la oficina?", ("second", True), ("second", False)),
        ("Kestrel 9001", ("first", False), ("second", False)),
    ],
)
def test_the_embedder_that_knows_both_languages_is_asked(
    collection: Collection,
    question: str,
    english: tuple[str, bool],
    spanish: tuple[str, bool],
) -> None:
    found = asked(collection, question)

    assert {n: (c.embedder, c.across) for n, c in found.items()} == {
        "office_en.txt": english,
        "garden_en.txt": english,
        "oficina_es.txt": spanish,
        "jardin_es.txt": spanish,
    }
    for one in found.values():
        assert one.dense == one.similar[one.names.index(one.embedder)]


def test_each_embedder_gives_the_nearest_of_the_chunks_that_it_is_asked_for(
    collection: Collection,
) -> None:
    found = collection.index.candidates(
        "When does the office open?", dense=True, lexical=False, limit=1
    )

    assert sorted(one.embedder for one in found) == ["first", "second"]
    assert [one.language for one in found if one.embedder == "first"] == ["en"]


def test_a_passage_shows_the_similarity_by_each_embedder(collection: Collection) -> None:
    result = collection.ask("When does the office open?", top_k=1, settings=ALL)

    scores = result.passages[0].scores
    assert list(scores) == ["dense", "first", "second", "lexical", "coverage"]
    assert scores["dense"] == scores["first"]
    assert result.embedders == ("first",)
    assert result.account.startswith("ran: dense (first), lexical, distinct; ")
    words = collection.ask("office", top_k=1, settings=ALL.model_copy(update={"dense": False}))
    assert words.embedders == ()
    assert list(words.passages[0].scores) == ["lexical", "coverage"]


def test_english_among_english_is_ranked_as_by_the_english_embedder_alone(
    workspace: Workspace, folder: Path
) -> None:
    for name in ("oficina_es.txt", "jardin_es.txt"):
        (folder / name).unlink()
    both = Collection.open_or_create(workspace, "both", pair())
    one = Collection.open_or_create(workspace, "one", pair().parts[0])
    for collection in (both, one):
        collection.ingest([folder])

    ranked = [
        [(p.chunk.document, p.score) for p in collection.search("When is it open?", settings=ALL)]
        for collection in (both, one)
    ]

    assert ranked[0] == ranked[1]


def test_what_was_removed_leaves_the_vectors_of_both_embedders(collection: Collection) -> None:
    gone = pair().split(pair().embed_array([TEXTS["garden_en.txt"]]))

    remove(collection, "garden_en.txt")

    kept = [np.load(path) for path in collection.folder.rglob("vectors-*.npy")]
    assert len(kept) == 2
    for vectors in kept:
        assert vectors.shape == (3, 256)
        assert max(float((vectors @ one[0]).max()) for one in gone.values()) < 0.99


def old_format(collection: Collection) -> None:
    """Turn a collection into what the format before had: one embedder, other names of files, other words."""
    file = collection.folder / "manifest.json"
    manifest = json.loads(file.read_text()) | {"format": FORMAT - 1, "embedder": "minilm@1"}
    file.write_text(json.dumps(manifest))
    for segment in (collection.folder / "segments").iterdir():
        for kind in ("vectors", "codes", "scales"):
            (segment / f"{kind}-0.npy").rename(segment / f"{kind}.npy")
            (segment / f"{kind}-1.npy").unlink()
        (segment / "lexical.safetensors").write_bytes(b"of another version")


def test_a_collection_of_the_format_before_says_what_to_do_and_comes_over(
    workspace: Workspace, collection: Collection, folder: Path
) -> None:
    before = [p.chunk for p in collection.search("office", top_k=4, settings=ALL)]
    collection.ingest([folder], prune=True)
    (folder / "office_en.txt").write_text(TEXTS["office_en.txt"] + " On Mondays too.")
    collection.ingest([folder])
    assert len(collection.versions()) == 2
    (folder / "office_en.txt").write_text(TEXTS["office_en.txt"])
    collection.ingest([folder])
    old_format(collection)
    said = (
        r"earlier version of adapt \(format 4, .*convert it with 'adapt ingest PATH .*--rebuild'$"
    )
    with pytest.raises(WorkspaceError, match=said):
        Collection.open(workspace, "c", pair())

    rebuild(Collection(workspace, "c", pair(), ""))

    opened = Collection.open(workspace, "c", pair())
    assert [p.chunk for p in opened.search("office", top_k=4, settings=ALL)] == before
    assert opened.index.manifest().format == FORMAT
    assert opened.ingest([folder]).changed == []
    assert len(list((opened.folder / "segments").iterdir())) == 1


@pytest.mark.faults
def test_a_rebuild_that_was_killed_leaves_the_texts_of_the_format_before(
    workspace: Workspace, collection: Collection
) -> None:
    old_format(collection)
    (collection.folder / "segments" / "0rphan").mkdir()

    class Killed(Named):
        def embed(self, texts: Sequence[str]) -> list[list[float]]:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rebuild(Collection(workspace, "c", Killed("killed", ["en"], 0), ""))
    rebuild(Collection(workspace, "c", pair(), ""))

    assert len(Collection.open(workspace, "c", pair()).documents()) == 4


def test_a_collection_of_a_format_that_is_not_known_is_refused(
    workspace: Workspace, collection: Collection
) -> None:
    file = collection.folder / "manifest.json"
    manifest = json.loads(file.read_text())
    for other in (FORMAT + 1, 3):
        file.write_text(json.dumps(manifest | {"format": other}))
        with pytest.raises(WorkspaceError, match="ingest the documents into a new collection"):
            rebuild(Collection(workspace, "c", pair(), ""))


def test_files_of_one_embedder_alone_are_refused(
    workspace: Workspace, collection: Collection
) -> None:
    for segment in (collection.folder / "segments").iterdir():
        shutil.copy(segment / "scales-0.npy", segment / "codes-1.npy")

    with pytest.raises(WorkspaceError, match="do not belong together"):
        Collection.open(workspace, "c", pair()).search("office")


def test_across_languages_words_count_by_the_share_of_the_question_that_they_cover() -> None:
    def scores(*, across: bool) -> list[float]:
        found = [
            Candidate("near", 0.4, 0.0, 0.0, "en", across=across, embedder="second"),
            Candidate("chance", 0.3, 6.0, 0.04, "en", across=across, embedder="second"),
            Candidate("far", 0.1, 0.0, 0.0, "en", across=across, embedder="second"),
        ]
        return fuse(found, Weights(0.4, 0.25, 0.45, 0.5), frozenset({"en", "es"}))

    near, chance, _ = scores(across=True)
    assert near == pytest.approx(0.5)
    assert chance == pytest.approx(0.5 * 2 / 3 + 0.5 * 0.2)
    near, chance, _ = scores(across=False)
    assert near < chance


def test_the_multilingual_embedder_counts_as_far_as_words_are_missing() -> None:
    def nearer(coverage: float) -> float:
        near = Candidate("near", 0.4, 0.0, 0.0, "es", embedder="muse")
        said = Candidate("said", 0.1, 6.0, coverage, "es", embedder="muse")
        score, other = fuse([near, said], Weights(0.4, 0.25, 0.7, 0.5), frozenset({"en", "es"}))
        return score - other

    assert nearer(0.0) == pytest.approx(0.7 - 0.3)
    assert nearer(0.5) == pytest.approx(0.35 - 0.65)
    assert nearer(1.0) == pytest.approx(-1.0)


def test_a_title_in_capitals_is_embedded_in_small_letters(collection: Collection) -> None:
    loud, small = "LA OFICINA ABRE", "la oficina abre"

    assert {n: c.similar for n, c in asked(collection, loud).items()} == {
        n: c.similar for n, c in asked(collection, small).items()
    }


def test_similarities_of_two_embedders_stand_on_one_scale() -> None:
    found = [
        Candidate("english", 0.5, 0.0, 0.0, "en", embedder="minilm"),
        Candidate("spanish", 0.3, 0.0, 0.0, "es", embedder="muse"),
        Candidate("far", 0.1, 0.0, 0.0, "en", embedder="minilm"),
    ]

    english, spanish, far = fuse(found, Weights(0.4, 0.25, 0.4, 0.5), frozenset({"en", "es"}))

    assert english == pytest.approx(spanish) != pytest.approx(far)


@pytest.mark.slow
def test_a_question_finds_its_passage_in_either_language(
    workspace: Workspace, folder: Path
) -> None:
    shipped = Collection.open_or_create(workspace, "shipped", load_embedder())
    shipped.ingest([folder])

    result = shipped.ask("¿Hasta qué hora puedo venir al despacho?", top_k=2)
    assert {p.chunk.document for p in result.passages} == {"office_en.txt", "oficina_es.txt"}
    assert result.embedders == ("muse",)
    result = shipped.ask("Until when can I come to the office?", top_k=2)
    assert {p.chunk.document for p in result.passages} == {"office_en.txt", "oficina_es.txt"}
    assert set(result.embedders) == {"minilm", "muse"}
