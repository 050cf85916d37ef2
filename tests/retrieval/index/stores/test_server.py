"""A real Chroma server on the loopback address: it proposes, what it lacks is sent again, what is removed goes there too."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import chromadb
import pytest
from chromadb.api import ClientAPI

from adapt.embedding.hash_embedder import HashEmbedder
from adapt.embedding.pair import EmbedderPair
from adapt.errors import RecipeError, WorkspaceError
from adapt.workspace.folder import Workspace
from retrieval.collections.collection import Collection
from retrieval.collections.owner import delete, remove
from retrieval.index.stores.chroma.server import ChromaServer
from retrieval.search.search import SearchSettings

ALL = SearchSettings(min_score=-1, lexical=False)
START_SECONDS = 60.0


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start the Rust server that comes with the chromadb package, and return its URL."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = tmp_path_factory.mktemp("chroma")
    command = Path(sys.executable).with_name("chroma")
    with subprocess.Popen(
        [command, "run", "--path", folder / "data", "--host", "127.0.0.1", "--port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as server:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                assert time.monotonic() < deadline, "the server does not start"
                assert server.poll() is None, "the server ended"
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
        server.terminate()


@pytest.fixture
def client(address: str) -> ClientAPI:
    """Return a plain client of the server."""
    return chromadb.HttpClient(host="127.0.0.1", port=int(address.rpartition(":")[2]))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder of rules."""
    docs = tmp_path / "docs"
    docs.mkdir()
    for i in range(120):
        (docs / f"{i:03d}.txt").write_text(
            f"Rule {i * 7919} of room {i % 17} concerns door {i % 29}."
        )
    return docs


def use(workspace: Workspace, url: str) -> Collection:
    """Return the collection `c` of a workspace that is set to a server for every size."""
    (workspace.path / "adapt.toml").write_text(f'[chroma]\nurl = "{url}"\nabove = 0\n')
    return Collection.open_or_create(workspace, "c", HashEmbedder())


def ours(client: ClientAPI) -> list[str]:
    """Return the server's collections that are Adapt's."""
    return [known.name for known in client.list_collections() if known.name.startswith("adapt-")]


@pytest.mark.slow
def test_what_a_server_proposes_is_what_comparing_all_finds(
    workspace: Workspace, folder: Path, address: str, client: ClientAPI
) -> None:
    question = "Which rule concerns door 7 of room 3?"
    plain = Collection.open_or_create(workspace, "c", HashEmbedder())
    plain.ingest([folder])
    expected = plain.search(question, top_k=5, settings=ALL)

    served = use(workspace, address)
    passages = served.search(question, top_k=5, settings=ALL)

    assert [(p.chunk.text, p.score) for p in passages] == [
        (p.chunk.text, p.score) for p in expected
    ]
    assert [client.get_collection(name).count() for name in ours(client)] == [120]
    delete(served)
    assert ours(client) == []


@pytest.mark.slow
def test_dead_chunks_on_the_server_never_push_live_ones_out_and_what_is_removed_leaves_it(
    workspace: Workspace, folder: Path, address: str, client: ClientAPI
) -> None:
    collection = use(workspace, address)
    collection.ingest([folder])
    collection.search("door 3", settings=ALL)
    for i in range(20):
        (folder / f"{i:03d}.txt").unlink()
    collection.ingest([folder], prune=True)

    passages = collection.search("Rule 7919 of room 1", top_k=100, settings=ALL)
    remove(collection, "020.txt")
    collection.search("door 3", settings=ALL)

    assert len(passages) == 100
    assert [client.get_collection(name).count() for name in ours(client)] == [99]
    delete(collection)


@pytest.mark.slow
def test_a_segment_that_was_sent_in_part_is_sent_again(
    workspace: Workspace, folder: Path, address: str, client: ClientAPI
) -> None:
    collection = use(workspace, address)
    collection.ingest([folder])
    expected = collection.search("door 3", top_k=3, settings=ALL)
    [name] = ours(client)
    stored = client.get_collection(name)
    stored.delete(ids=stored.get(limit=100)["ids"])
    stored.modify(metadata={"chunks": 20})

    passages = use(workspace, address).search("door 3", top_k=3, settings=ALL)

    assert passages == expected
    assert client.get_collection(name).count() == 120
    delete(collection)


@pytest.mark.slow
def test_a_server_proposes_by_each_of_two_embedders(
    workspace: Workspace, folder: Path, address: str, client: ClientAPI
) -> None:
    class Other(HashEmbedder):
        name, identity, languages = "other", "other@1", frozenset({"es"})

        def embed(self, texts: Sequence[str]) -> list[list[float]]:
            return super().embed([text[::-1] for text in texts])

    pair = EmbedderPair(HashEmbedder(), Other())
    plain = Collection.open_or_create(workspace, "c", pair)
    plain.ingest([folder])
    questions = ["Which rule concerns door 7 of room 3?", "¿Qué regla es la de la puerta 7?"]
    expected = [plain.search(question, top_k=5, settings=ALL) for question in questions]

    (workspace.path / "adapt.toml").write_text(f'[chroma]\nurl = "{address}"\nabove = 0\n')
    served = Collection.open_or_create(workspace, "c", pair)
    passages = [served.search(question, top_k=5, settings=ALL) for question in questions]

    assert passages == expected
    assert {client.get_collection(name).count() for name in ours(client)} == {120}
    delete(served)
    assert ours(client) == []


def test_a_server_that_is_not_there_is_one_sentence(workspace: Workspace, folder: Path) -> None:
    with pytest.raises(WorkspaceError, match=r"server at http://127\.0\.0\.1:9 cannot be used"):
        use(workspace, "http://127.0.0.1:9").ingest([folder])


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("localhost:8000", "is no http:// or https:// address"),
        ("ftp://localhost", "is no http:// or https:// address"),
        ("http://chroma.example.com:8000", "in the clear; use https://"),
    ],
)
def test_a_url_that_is_none_or_not_safe_is_refused(url: str, sentence: str) -> None:
    with pytest.raises(RecipeError, match=sentence):
        ChromaServer(url, "adapt-x-")
