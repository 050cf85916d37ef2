"""Chroma in the folders of segments: `kill -9` while it is made, a damaged folder, and when `auto` takes it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from adapt.embedding.hash_embedder import HashEmbedder
from adapt.errors import WorkspaceError
from adapt.workspace.folder import Workspace
from retrieval.collections.collection import Collection
from retrieval.index.stores.choice import FASTER_ABOVE, Stores
from retrieval.index.stores.chroma.folders import BUILDER, ChromaFolders
from retrieval.index.stores.chroma.server import ChromaSettings
from retrieval.index.stores.store import ExactStore, Near
from retrieval.search.search import SearchSettings

ALL = SearchSettings(min_score=-1, lexical=False, strict=False)
ROOT = Path(__file__).parents[4]
WAIT_SECONDS = 60.0
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
    made = tmp_path / "docs"
    made.mkdir()
    for i in range(30):
        (made / f"{i:03d}.txt").write_text(f"Rule {i * 7919} of room {i % 17} concerns door {i}.")
    return made


@pytest.fixture
def collection(workspace: Workspace) -> Collection:
    """Return a collection that Chroma is asked for."""
    (workspace.path / "adapt.toml").write_text('[collections]\nstore = "chroma"\n')
    return Collection.open_or_create(workspace, "c", HashEmbedder())


def builders() -> list[psutil.Process]:
    """Return the children that make a folder of Chroma's in a test's own folder."""
    return [
        one for one in psutil.process_iter(["cmdline"]) if BUILDER in (one.info["cmdline"] or ())
    ]


@pytest.mark.slow
def test_an_ingest_killed_while_chroma_is_made_leaves_a_readable_collection(
    collection: Collection, folder: Path
) -> None:
    command = [sys.executable, "-c", INGEST, str(collection.workspace.path), str(folder)]
    deadline = time.monotonic() + WAIT_SECONDS
    with subprocess.Popen(command, cwd=ROOT) as ingest:
        while not list(collection.folder.glob("segments/*/chroma.*.part")):
            assert ingest.poll() is None, "the ingest was over before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.002)
        ingest.send_signal(signal.SIGKILL)
    own = [one for one in builders() if str(collection.folder) in one.cmdline()[-1]]
    psutil.wait_procs(own, timeout=WAIT_SECONDS)

    found = collection.search("door 7", top_k=100, settings=ALL)
    half_made = list(collection.folder.glob("segments/*/chroma*"))
    report = collection.ingest([folder])
    after = collection.search("door 7", top_k=100, settings=ALL)

    assert len(found) == 30
    assert [path.suffix for path in half_made] == [".part"]
    assert len(report.unchanged) == 30
    assert [path.name for path in collection.folder.glob("segments/*/chroma*")] == ["chroma"]
    assert after == found


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


def test_auto_takes_chroma_where_it_was_faster_and_the_other_settings_ask_nobody(
    tmp_path: Path,
) -> None:
    none = ChromaSettings()
    auto = Stores(tmp_path, "auto", none)

    assert isinstance(auto.of(FASTER_ABOVE), ExactStore)
    assert isinstance(auto.of(FASTER_ABOVE + 1), ChromaFolders)
    assert isinstance(Stores(tmp_path, "exact", none).of(10**9), ExactStore)
    assert isinstance(Stores(tmp_path, "chroma", none).of(1), ChromaFolders)


def test_a_server_that_is_set_is_asked_above_its_own_number_of_chunks(tmp_path: Path) -> None:
    away = ChromaSettings(url="http://127.0.0.1:9", above=100)

    assert isinstance(Stores(tmp_path, "auto", away).of(100), ExactStore)
    assert isinstance(Stores(tmp_path, "exact", away).of(101), ExactStore)
    with pytest.raises(WorkspaceError, match="server at"):
        Stores(tmp_path, "auto", away).of(101)


@pytest.mark.slow
def test_a_process_asks_chroma_only_after_its_patience(
    collection: Collection, folder: Path
) -> None:
    collection.ingest([folder])
    segments = collection.folder / "segments"
    collection.search("door 7", settings=ALL)
    opened = {path.name: path for path in segments.iterdir()}
    os.truncate(next(iter(opened.values())) / "chroma" / "chroma.sqlite3", 10)
    patient = ChromaFolders(segments, patience=2)
    one = next(iter(collection.index._opened.items()))
    near = Near(one[1].near[0].vectors[3], 0, 5, (None,))

    answers = [patient.near(dict([one]), near)[0] for _ in range(2)]

    assert all(np.array_equal(answer, answers[0]) for answer in answers)
    assert 3 in answers[0]
    with pytest.raises(WorkspaceError, match="cannot be used"):
        patient.near(dict([one]), near)
