"""The process behind the kill test: it loads the libraries once, then forks one ingest for every line on its input."""

import os
import sys
from pathlib import Path

from adapt.embedding.hash_embedder import HashEmbedder
from adapt.workspace.folder import Workspace
from retrieval.collections.collection import Collection


def ingest(workspace: Path, folder: Path) -> None:
    """Bring the collection `c` in step with a folder."""
    collection = Collection.open_or_create(Workspace(workspace), "c", HashEmbedder())
    collection.ingest([folder], prune=True)


if __name__ == "__main__":
    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            ingest(Path(sys.argv[1]), Path(sys.argv[2]))
            os._exit(0)
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()
        _, status = os.waitpid(child, 0)
        sys.stdout.write("killed\n" if os.WIFSIGNALED(status) else f"exit {status}\n")
        sys.stdout.flush()
