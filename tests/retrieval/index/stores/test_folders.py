"""Chroma in the folders of segments: `kill -9` while it is made, a damaged folder, and when `auto` takes it."""

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from adapt.embedding.hash_embedder import HashEmbedder
from adapt.errors import WorkspaceError
from adapt.workspace.folder import Workspace
from retrieval.collections.collection import Collection
from retrieval.index.stores.choice import Stores
from retrieval.index.stores.chroma.folders import BUILDER, ChromaFolders
from retrieval.index.stores.chroma.server import ChromaSettings
from retrieval.index.stores.store import ExactStore
from retrieval.search.search import SearchSettings

ALL = SearchSettings(min_score=-1, lexical=False, strict=False)
ROOT = Path(__file__).parents[4]
WAIT_SECONDS = 60.0
ROUNDS = 5  # of which one at least is to be killed in the midst
INGEST = """
import sys
from pathlib import Path
from adapt.embedding.hash_embedder import HashEmbedder
from adapt.workspace.folder import Workspace
from retrieval.collections.collection import Collection

Collection.open_or_create(Workspace(Path(sys.argv[1])), "c", HashEmbedder()).ingest([Path(sys.argv[2])])
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder of rules."""
    docs = tmp_path / "docs"
    docs.mkdir()
    for i in range(30):
        (docs / f"{i:03d}.txt").write_text(f"Rule {i * 7919} of room {i % 17} concerns door {i}.")
    return docs


@pytest.fixture
def collection(workspace: Workspace) -> Collection:
    """Return a collection that Chroma is asked for."""
    (workspace.path / "adapt.toml").write_text('[collections]\nstore = "chroma"\n')
    return Collection.open_or_create(workspace, "c", HashEmbedder())


def builders() -> list[psutil.Process]:
    """Return the children that make a folder of Chroma's in a test's own folder."""
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if BUILDER in (process.info["cmdline"] or ())
    ]


def killed_while_chroma_is_made(collection: Collection, folder: Path) -> list[str]:
    """Kill an ingest when Chroma's folder is begun, wait for its child to end, and return what is left of it."""
    command = [sys.executable, "-c", INGEST, str(collection.workspace.path), str(folder)]
    deadline = time.monotonic() + WAIT_SECONDS
    with subprocess.Popen(command, cwd=ROOT) as ingest:
        while not list(collection.folder.glob("segments/*/chroma.*.part")):
            assert ingest.poll() is None, "the ingest was over before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.002)
        ingest.send_signal(signal.SIGKILL)
    own = [
        process for process in builders() if str(collection.folder) in process.info["cmdline"][-1]
    ]
    _, alive = psutil.wait_procs(own, timeout=WAIT_SECONDS)
    assert not alive
    return [path.suffix for path in collection.folder.glob("segments/*/chroma*")]


@pytest.mark.slow
@pytest.mark.faults
def test_an_ingest_killed_while_chroma_is_made_leaves_a_readable_collection(
    collection: Collection, folder: Path
) -> None:
    for i in range(30):
        parts = (f"# Part {k}\n\n{f'Rule {i} of part {k} is long. ' * 12}" for k in range(40))
        (folder / f"{i:03d}.txt").rename(folder / f"{i:03d}.md").write_text("\n\n".join(parts))
    for _ in range(ROUNDS):
        left = killed_while_chroma_is_made(collection, folder)
        if left == [".part"]:
            break
        for path in collection.folder.glob("segments/*/chroma*"):
            shutil.rmtree(path)  # the child was done before the kill came

    passages = collection.search("rule 7", top_k=10_000, settings=ALL)
    report = collection.ingest([folder])
    after = collection.search("rule 7", top_k=10_000, settings=ALL)

    assert left == [".part"]
    assert len({passage.chunk.document for passage in passages}) == 30
    assert len(report.unchanged) == 30
    assert [path.name for path in collection.folder.glob("segments/*/chroma*")] == ["chroma"]
    assert after == passages


@pytest.mark.slow
def test_a_damaged_folder_is_one_sentence(collection: Collection, folder: Path) -> None:
    collection.ingest([folder])
    [database] = collection.folder.glob("segments/*/chroma/chroma.sqlite3")
    database.write_bytes(b"no database " * 1_000)

    with pytest.raises(WorkspaceError, match=r"chroma: cannot be used .*remove that folder"):
        Collection.open(collection.workspace, "c", HashEmbedder()).search("door", settings=ALL)


@pytest.mark.slow
def test_a_folder_that_cannot_be_made_is_one_sentence_and_what_was_ingested_is_seen(
    collection: Collection, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("retrieval.index.stores.chroma.folders.BUILDER", "retrieval.nothing")

    with pytest.raises(WorkspaceError, match=r"cannot be made .*set collections\.store to 'exact'"):
        collection.ingest([folder])

    assert len(collection.search("door 7", top_k=100, settings=ALL)) == 30


def test_without_a_server_auto_compares_all_and_chroma_asks_its_folders(tmp_path: Path) -> None:
    none = ChromaSettings()

    assert isinstance(Stores(tmp_path, "auto", none).of(10**9), ExactStore)
    assert isinstance(Stores(tmp_path, "exact", none).of(10**9), ExactStore)
    assert isinstance(Stores(tmp_path, "chroma", none).of(1), ChromaFolders)


def test_a_server_that_is_set_is_asked_above_its_own_number_of_chunks(tmp_path: Path) -> None:
    away = ChromaSettings(url="http://127.0.0.1:9", above=100)

    assert isinstance(Stores(tmp_path, "auto", away).of(100), ExactStore)
    assert isinstance(Stores(tmp_path, "exact", away).of(101), ExactStore)
    with pytest.raises(WorkspaceError, match="server at"):
        Stores(tmp_path, "auto", away).of(101)
