"""Texts that came from no file of ours, such as documents of another library, brought into a collection."""

from collections.abc import Iterable

from adapt.protocols import Progress, no_progress
from adapt.records import Document
from retrieval.collections.collection import Collection
from retrieval.ingest.ingest import IngestReport


def add(
    collection: Collection, documents: Iterable[Document], *, progress: Progress = no_progress
) -> IngestReport:
    """Bring documents into a collection; the new version is seen at once, or not at all.

    One that is called as an earlier one of no file takes its place; one that is called as a file's document is refused in
    the report. An ingest of a folder, also with `prune`, leaves them as they are.

    Raises:
        DataError: none holds text, or all are refused.
        AdaptError: the collection is another user's.
        WorkspaceError: another process changes it, or the disk is full.
    """
    with collection.changing(progress) as (work, _):
        return work.add(documents)
