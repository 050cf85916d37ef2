"""A document is found by its name however its accents are written: composed, or in parts as macOS writes them."""

import unicodedata
from pathlib import Path

import pytest

from adapt.errors import NotFoundError
from adapt.protocols import TextEmbedder
from adapt.workspace.folder import Workspace
from retrieval.collections.collection import Collection
from retrieval.collections.owner import remove
from retrieval.index.filters import Filter
from retrieval.language.file_names import file_term, name_text
from retrieval.versions.manifest import load, publish

COMPOSED = "Peñíscola.txt"
PARTED = unicodedata.normalize("NFD", COMPOSED)


@pytest.fixture
def collection(workspace: Workspace, tmp_path: Path, hashing: TextEmbedder) -> Collection:
    """Return a collection of a file whose name is written in parts, in a folder whose name is too."""
    folder = tmp_path / "docs" / unicodedata.normalize("NFD", "Año")
    folder.mkdir(parents=True)
    (folder / PARTED).write_text("La torre de la villa mide 31 metros.")
    created = Collection.open_or_create(workspace, "c", hashing)
    created.ingest([tmp_path / "docs"])
    return created


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_name_is_found_in_both_forms(collection: Collection, form: str) -> None:
    name = unicodedata.normalize(form, f"Año/{COMPOSED}")

    assert list(collection.documents()) == [f"Año/{COMPOSED}"]
    file = collection.file_of(name)
    assert file is not None
    assert file.exists()
    assert collection.search("torre", only=Filter(documents=(name,)))
    assert collection.search("Peñíscola")
    remove(collection, name)
    assert not collection.documents()


def test_a_name_that_is_not_there_is_offered_the_near_ones(collection: Collection) -> None:
    with pytest.raises(NotFoundError, match="no document named"):
        remove(collection, "Pena.txt")


def test_a_collection_that_holds_a_name_in_parts_keeps_it(
    collection: Collection, tmp_path: Path
) -> None:
    manifest = load(collection.folder)
    assert manifest is not None
    old = unicodedata.normalize("NFD", f"Año/{COMPOSED}")
    (entry,) = manifest.documents.values()
    renamed = {"documents": {old: entry}, "version": manifest.version + 1}
    publish(collection.folder, manifest.model_copy(update=renamed), keep=0)

    report = collection.ingest([tmp_path / "docs"], prune=True)

    assert list(collection.documents()) == [old]
    assert report.unchanged == [old]
    assert collection.file_of(f"Año/{COMPOSED}") is not None


@pytest.mark.parametrize(
    ("document", "text"),
    [
        ("amira_holt.txt", "amira holt"),
        ("pay/AmiraHolt-2028_04_07.pdf", "pay / Amira Holt-2028-04-07"),
        ("HTTPServer2.md", "HTTP Server 2"),
        ("manual-v2.3.pdf", "manual-v2.3"),
        ("14.md", ""),
        ("18234.md", "18234"),
        ("README", "README"),
    ],
)
def test_a_file_name_is_cut_into_words(document: str, text: str) -> None:
    assert name_text(document) == text


def test_a_whole_file_name_has_a_term() -> None:
    assert file_term("a/Annex_R.TXT") == "f:annex_r.txt"


def test_a_person_in_a_file_name_alone_is_found_first(
    workspace: Workspace, tmp_path: Path, minilm: TextEmbedder
) -> None:
    folder = tmp_path / "pay"
    folder.mkdir()
    names = ("amira_holt.txt", "BenOsei.txt", "rios-carla.txt", "dmitri_volk.txt")
    for place, name in enumerate(names):
        (folder / name).write_text(f"Salary {41 + place}000 euros. Starts at {7 + place}:00.")
    created = Collection.open_or_create(workspace, "c", minilm)
    created.ingest([folder])

    for question, name in (
        ("Amira Holt", "amira_holt.txt"),
        ("What does Ben Osei earn?", "BenOsei.txt"),
        ("¿Cuánto gana Carla Rios?", "rios-carla.txt"),
        ("dmitri_volk.txt", "dmitri_volk.txt"),
    ):
        assert created.search(question)[0].chunk.document == name
