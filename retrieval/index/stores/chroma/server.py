"""A Chroma server, by URL, whose index proposes the nearest chunks of large collections; what it proposes is compared here.

It holds vectors and the ids of chunks, no text: a collection's own folder stays the truth, and what the server lacks is
sent again when it is asked. Section `[chroma]`; an authenticating proxy gets `ADAPT_CHROMA_TOKEN` as a bearer token.
"""

import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import urlsplit

import numpy as np
from pydantic import Field

from adapt.errors import RecipeError, WorkspaceError
from adapt.protocols import Progress, no_progress
from adapt.workspace.settings import Settings
from retrieval.index.segment_index import SegmentIndex
from retrieval.index.stores.chroma.proposals import near_proposed
from retrieval.index.stores.store import Near
from retrieval.index.vectors import Rows, Vectors

TOKEN = "ADAPT_CHROMA_TOKEN"  # noqa: S105  the variable's name
BATCH = 1_000
PORTS = {"http": 80, "https": 443}
LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class ChromaSettings(Settings):
    """Section `[chroma]`."""

    url: str = ""  # such as http://127.0.0.1:8000; empty: no server
    above: int = Field(200_000, ge=0)  # chunks of a collection from which the server is asked


class ChromaServer:
    """The segments of one collection on a server: a Chroma collection for the vectors that an embedder made of one."""

    def __init__(self, url: str, prefix: str) -> None:
        """Connect.

        Args:
            prefix: what the names of this collection's segments begin with there; of letters, digits and dashes.

        Raises:
            RecipeError: the URL is none, or would send the vectors over a network in the clear.
            WorkspaceError: no Chroma server answers there.
        """
        import chromadb  # a second; only who uses a server pays
        from chromadb.config import Settings as ClientSettings

        host, port, secure = _parts(url)
        token = os.environ.get(TOKEN)
        self._url = url
        self._prefix = prefix
        self._known: dict[tuple[str, int], chromadb.Collection] = {}
        with self._guarded():
            self._client = chromadb.HttpClient(
                host=host,
                port=port,
                ssl=secure,
                headers={"Authorization": f"Bearer {token}"} if token else None,
                settings=ClientSettings(anonymized_telemetry=False),
            )

    def near(self, segments: Mapping[str, SegmentIndex], near: Near) -> list[Rows]:
        """Return the rows of the nearest chunks, for each segment, ascending.

        Raises:
            WorkspaceError: the server does not answer, or refuses.
        """
        return near_proposed(self.propose, segments, near)

    def propose(
        self, name: str, segment: SegmentIndex, embedder: int, vector: Vectors, count: int
    ) -> list[str]:
        """Return the ids of the chunks of a segment that the server finds nearest to a vector of an embedder."""
        self.send(name, segment, embedder)
        with self._guarded():
            answer = self._known[name, embedder].query(
                query_embeddings=np.asarray(vector[None], np.float32),
                n_results=min(count, len(segment.texts)),
                include=[],
            )
        return answer["ids"][0]

    def send(self, name: str, segment: SegmentIndex, embedder: int) -> None:
        """Bring the vectors of a segment by one embedder to the server unless they are there whole."""
        if (name, embedder) in self._known:
            return
        total, vectors = len(segment.texts), segment.near[embedder].vectors
        called = f"{self._prefix}{name}-{embedder}"
        with self._guarded():
            listed = {known.name: known for known in self._client.list_collections()}
            collection = listed.get(called)
            if collection is not None and (collection.metadata or {}).get("chunks") != total:
                self._client.delete_collection(called)  # one that was broken off
                collection = None
            if collection is None:
                collection = self._client.create_collection(
                    called, embedding_function=None, configuration={"hnsw": {"space": "cosine"}}
                )
                for start in range(0, total, BATCH):
                    places = range(start, min(start + BATCH, total))
                    ids = [chunk.chunk_id for chunk in segment.chunks(places)]
                    collection.add(ids=ids, embeddings=np.asarray(vectors[start : places.stop]))
                collection.modify(metadata={"chunks": total})
            self._known[name, embedder] = collection

    def keep(
        self,
        current: Collection[str],
        needed: Collection[str],
        progress: Progress = no_progress,
    ) -> None:
        """Remove from the server the segments of this collection that are not needed; what it lacks it gets when asked."""
        del current, progress
        wanted = {f"{self._prefix}{name}" for name in needed}
        with self._guarded():
            for collection in self._client.list_collections():
                if (
                    collection.name.startswith(self._prefix)
                    and collection.name.rpartition("-")[0] not in wanted
                ):
                    self._client.delete_collection(collection.name)

    def close(self) -> None:
        """Do nothing: a connection is made for each request."""

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """Turn what a server that is not there, or refuses, raises into one sentence."""
        import httpx
        from chromadb.errors import ChromaError

        try:
            yield
        except (ChromaError, httpx.HTTPError, ValueError, OSError) as error:
            why = " ".join(str(error).split())[:160]
            raise WorkspaceError(
                f"the Chroma server at {self._url} cannot be used ({why}); start it, or remove the url from [chroma] "
                "in adapt.toml"
            ) from error


def _parts(url: str) -> tuple[str, int, bool]:
    """Return host, port and whether the connection is encrypted."""
    parts = urlsplit(url)
    if parts.scheme not in PORTS or not parts.hostname:
        raise RecipeError(f"chroma.url: '{url}' is no http:// or https:// address")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise RecipeError(
            f"chroma.url: '{url}' would send vectors over the network in the clear; use https:// and a proxy that "
            "checks who connects, or a server on this machine"
        )
    return parts.hostname, parts.port or PORTS[parts.scheme], parts.scheme == "https"
