"""The child that makes Chroma's folder of one segment: `python -m retrieval.index.stores.chroma.build SEGMENT`.

It reads the segment's own files and nothing else, and ends at once when the process that started it does: whoever may change
the collection next finds nobody at work. The folder appears whole, by a rename.
"""

import os
import sys
import threading
import uuid
from pathlib import Path

import numpy as np

from adapt.workspace.staged import publish_folder
from retrieval.index.stores.chroma.folders import FOLDER, PART, collection_name, open_client
from retrieval.index.texts import ChunkTexts
from retrieval.index.vectors import NearVectors, embedders

BATCH = 1_000  # chunks
ACCURACY = (
    200  # neighbours looked at for a question: `retrieval/NOTES.md` has what recall that gives
)


def build(segment: Path) -> None:
    """Write the folder."""
    part = segment / f"{FOLDER}.{uuid.uuid4().hex}{PART}"
    client = open_client(part)
    texts = ChunkTexts(segment)
    ids = [texts.string(number) for number in texts.column("chunk_id").tolist()]
    for embedder in range(embedders(segment)):
        vectors = NearVectors(segment, embedder).vectors
        collection = client.create_collection(
            collection_name(embedder),
            embedding_function=None,
            configuration={
                "hnsw": {
                    "space": "cosine",
                    "ef_search": ACCURACY,
                    # written to the disk once, when all is there
                    "sync_threshold": max(len(ids), 2),
                    "batch_size": min(max(len(ids), 2), BATCH),
                }
            },
        )
        for start in range(0, len(ids), BATCH):
            end = min(start + BATCH, len(ids))
            collection.add(ids=ids[start:end], embeddings=np.asarray(vectors[start:end]))
    client.close()
    publish_folder(part, segment / FOLDER)


def _end_with_parent() -> None:
    """End this process when its standard input does, which the parent holds open."""
    while os.read(0, 1):
        pass
    os._exit(1)


def main() -> None:
    """Write the folder of the segment that is named."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    build(Path(sys.argv[1]))


if __name__ == "__main__":
    main()
