"""What chunks are called: a name that is the same whenever the same document is cut the same way."""

import hashlib


def document_key(name: str, revision: str) -> str:
    """Return what the ids of all chunks of one revision of one document begin with."""
    return hashlib.sha256(f"{name}\0{revision}".encode()).hexdigest()[:20]


def chunk_id(key: str, position: int) -> str:
    """Return the id of a chunk: its document's key and its place there, from 0."""
    return f"{key}-{position:05d}"
