"""Which collections there are: a look at folders, without the libraries that reading one takes."""

from adapt.workspace import Workspace

MANIFEST = "manifest.json"  # a collection exists once this file does
ACCESS = "access.json"


def collection_names(workspace: Workspace) -> list[str]:
    """Return the names of the collections, sorted."""
    return sorted(path.parent.name for path in workspace.collections.glob(f"*/{MANIFEST}"))
