"""What the owner of a collection does with it as a whole: bring an earlier version back, share it, remove what it holds.

Not here: reading and searching it, and bringing documents in (`retrieval.collections.collection`).
"""

import shutil

from adapt.errors import NotFoundError
from adapt.protocols import Progress, no_progress
from retrieval.collections.access import Access, save_access
from retrieval.collections.collection import Collection
from retrieval.versions.lock import writing
from retrieval.versions.manifest import load_kept
from retrieval.versions.names import MANIFEST, find_document
from retrieval.versions.next_version import NextVersion, VersionSettings


def remove(collection: Collection, *documents: str) -> None:
    """Remove documents for good: no byte of their text or vectors stays, and no earlier version either.

    Raises:
        NotFoundError: none is called that.
        AdaptError: the collection is another user's.
    """
    with collection.changing() as (work, manifest):
        known = {**manifest.documents, **manifest.parked}
        names = {document: find_document(document, known) for document in documents}
        for document, name in names.items():
            if name is None:
                raise NotFoundError("document", document, known)
        work.remove(name for name in names.values() if name is not None)


def delete(collection: Collection) -> None:
    """Remove a collection with all its versions.

    Raises:
        AdaptError: it is another user's.
    """
    with writing(collection.workspace, collection.name) as folder:
        collection.check_owner()
        collection.close()
        # first what makes it seen: a kill leaves a folder that is no collection
        (folder / MANIFEST).unlink()
        shutil.rmtree(folder)
        collection.index.tidy()


def rollback(collection: Collection, version: int | None = None) -> int:
    """Make an earlier version visible again, as a new version, and return that one's number.

    Args:
        version: its number; the one before the current where None.

    Raises:
        NotFoundError: it is not kept any more.
        WorkspaceError: its vectors are of another embedder.
        AdaptError: the collection is another user's.
    """
    with collection.changing() as (_, manifest):
        kept = {earlier.version: earlier for earlier in load_kept(collection.folder)}
        kept.pop(manifest.version, None)
        wanted = max(kept, default=0) if version is None else version
        if wanted not in kept:
            raise NotFoundError("earlier version", str(wanted), map(str, kept))
        collection.index.check(kept[wanted])
        settings = collection.workspace.settings("collections", VersionSettings)
        with NextVersion(collection.folder, manifest, settings) as following:
            following.publish_again(kept[wanted])
    return collection.version


def share(collection: Collection, access: Access) -> None:
    """Change who may read a collection.

    Raises:
        AdaptError: it is another user's.
    """
    with writing(collection.workspace, collection.name) as folder:
        collection.check_owner()
        save_access(folder, access)


def rebuild(collection: Collection, *, progress: Progress = no_progress) -> None:
    """Embed a collection again with its embedder, from its stored chunks, beside the old index; then switch.

    Raises:
        NotFoundError: there is none of that name for this user.
        AdaptError: it is another user's.
    """
    collection.check_reader()
    with collection.changing(check=False) as (work, _):
        work.rebuild(progress)
