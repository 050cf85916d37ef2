"""Versions that come back, files that are parked, and documents that are gone for good."""

import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from adapt.embedding.hash_embedder import HashEmbedder
from adapt.errors import NotFoundError, WorkspaceError
from adapt.workspace.folder import Workspace
from retrieval.collections.collection import Collection
from retrieval.collections.owner import delete, rebuild, remove, rollback
from retrieval.search.search import SearchSettings
from retrieval.versions.manifest import named_segments

ALL = SearchSettings(min_score=-1)
VAULT = "The vault of the museum opens with the word zanzibar at midnight."


class Scattered(HashEmbedder):
    """Vectors without a zero, so that their bytes are found wherever they lie."""

    identity = "scattered@1"

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        return [self._scatter(text) for text in texts]

    def _scatter(self, text: str) -> list[float]:
        draw = random.Random(text)
        vector = np.array([draw.gauss(0, 1) for _ in range(256)], np.float32)
        unit: list[float] = (vector / np.linalg.norm(vector)).tolist()
        return unit


def texts(collection: Collection) -> list[str]:
    passages = collection.search("anything", top_k=100, settings=ALL)
    return sorted(passage.chunk.text for passage in passages)


def write(folder: Path, hours: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "hours.txt").write_text(f"The office opens at {hours}.")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "docs", "one")
    return tmp_path / "docs"


def test_an_earlier_version_is_brought_back_whole(workspace: Workspace, folder: Path) -> None:
    collection = Collection.open_or_create(workspace, "c", HashEmbedder())
    for hour in ("one", "two", "three"):
        write(folder, hour)
        collection.ingest([folder])

    assert rollback(collection) == 4
    assert texts(collection) == ["The office opens at two."]
    assert rollback(collection, 1) == 5
    assert texts(collection) == ["The office opens at one."]
    assert [manifest.version for manifest in collection.versions()] == [5, 4, 3, 2]
    with pytest.raises(NotFoundError, match=r"no earlier version named '1'; .*there is: 2, 3, 4"):
        rollback(collection, 1)


def test_what_was_brought_back_is_in_step_with_the_folder_after_the_next_ingest(
    workspace: Workspace, folder: Path
) -> None:
    collection = Collection.open_or_create(workspace, "c", HashEmbedder())
    collection.ingest([folder])
    write(folder, "two")
    collection.ingest([folder])
    rollback(collection)

    report = collection.ingest([folder])

    assert report.changed == ["hours.txt"]
    assert texts(collection) == ["The office opens at two."]


def test_only_as_many_versions_are_kept_as_the_settings_say(
    workspace: Workspace, folder: Path
) -> None:
    (workspace.path / "adapt.toml").write_text("[collections]\nkeep_versions = 1\n")
    collection = Collection.open_or_create(workspace, "c", HashEmbedder())
    for hour in ("one", "two", "three"):
        write(folder, hour)
        collection.ingest([folder])

    left = {path.name for path in (collection.folder / "segments").iterdir()}

    assert [manifest.version for manifest in collection.versions()] == [3, 2]
    assert left == named_segments(collection.folder)
    assert len(left) == 2


def test_a_version_of_another_embedder_is_not_brought_back(
    workspace: Workspace, folder: Path
) -> None:
    Collection.open_or_create(workspace, "c", HashEmbedder()).ingest([folder])
    rebuild(Collection(workspace, "c", Scattered(), ""))
    collection = Collection.open(workspace, "c", Scattered())

    with pytest.raises(WorkspaceError, match=r"made with the embedder hash@256"):
        rollback(collection)


def test_a_parked_file_is_not_read_again_until_it_changes_or_is_asked_for(
    workspace: Workspace, folder: Path
) -> None:
    broken = folder / "broken.pdf"
    broken.write_bytes(b"%PDF-1.4 nothing")
    collection = Collection.open_or_create(workspace, "c", HashEmbedder())
    first = collection.ingest([folder])
    again = collection.ingest([folder])
    retried = collection.ingest([folder], retry=True)
    kept = collection.parked()
    broken.write_text("Not a PDF at all.")
    broken.rename(folder / "mended.txt")

    last = collection.ingest([folder])

    assert [len(r.failed) for r in (first, again, retried, last)] == [1, 0, 1, 0]
    assert again.parked == first.failed
    assert list(kept) == ["broken.pdf"]
    assert "damaged" in kept["broken.pdf"].reason
    assert (last.added, collection.parked()) == (["mended.txt"], {})


def test_parking_a_file_makes_no_new_version(workspace: Workspace, folder: Path) -> None:
    collection = Collection.open_or_create(workspace, "c", HashEmbedder())
    collection.ingest([folder])
    (folder / "broken.pdf").write_bytes(b"%PDF-1.4 nothing")

    collection.ingest([folder])

    assert collection.version == 1
    assert list(collection.parked()) == ["broken.pdf"]


def bytes_of(workspace: Workspace) -> dict[str, bytes]:
    """Return every file of a workspace."""
    files = [path for path in workspace.path.rglob("*") if path.is_file()]
    return {str(path): path.read_bytes() for path in files}


@pytest.mark.slow
def test_a_removed_document_is_in_no_file_any_more(workspace: Workspace, folder: Path) -> None:
    (folder / "vault.txt").write_text(f"{VAULT} It is old.")
    collection = Collection.open_or_create(workspace, "c", Scattered())
    collection.ingest([folder])
    (folder / "vault.txt").write_text(f"{VAULT} It is new.")  # an old revision, dead and kept
    write(folder, "two")
    collection.ingest([folder])
    write(folder, "three")
    collection.ingest([folder])
    passages = collection.search("vault", top_k=9, settings=ALL)
    vector = np.array(Scattered().embed([f"{VAULT} It is new."])[0], np.float32).tobytes()[:64]
    old = np.array(Scattered().embed([f"{VAULT} It is old."])[0], np.float32).tobytes()[:64]
    before = bytes_of(workspace)

    remove(collection, "vault.txt")

    after = bytes_of(workspace)
    for trace in (b"zanzibar", vector, old):
        assert any(trace in data for data in before.values())
        assert [name for name, data in after.items() if trace in data] == []
    assert any("vault" in p.chunk.document for p in passages)
    assert texts(collection) == ["The office opens at three."]
    assert len(collection.versions()) == 1


def test_a_deleted_collection_leaves_no_file(workspace: Workspace, folder: Path) -> None:
    collection = Collection.open_or_create(workspace, "c", HashEmbedder())
    collection.ingest([folder])

    delete(collection)

    assert Collection.list(workspace) == []
    assert not collection.folder.exists()
