"""Which collections there are, and what a document is called: without the libraries that reading one takes."""

from collections.abc import Iterable

from adapt.workspace.folder import Workspace
from retrieval.language.folding import composed

MANIFEST = "manifest.json"  # a collection exists once this file does
ACCESS = "access.json"


def collection_names(workspace: Workspace) -> list[str]:
    """Return the names of the collections, sorted."""
    return sorted(path.parent.name for path in workspace.collections.glob(f"*/{MANIFEST}"))


def find_document(name: str, known: Iterable[str]) -> str | None:
    """Return the document of a name, None where there is none.

    Names are kept composed (NFC); a collection that was made before may hold one as macOS writes it, in parts.
    """
    known = list(known)
    if name in known:
        return name
    wanted = composed(name)
    return next((candidate for candidate in known if composed(candidate) == wanted), None)
