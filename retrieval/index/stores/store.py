"""`VectorStore`: which chunks of a collection's segments are nearest to a question; here the one that compares all.

The other is Chroma's (`retrieval.index.stores.chroma`). Whichever is asked, the vectors in the segments' own files are the
truth: a store can be dropped and made again from them.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from adapt.protocols import Progress, no_progress
from retrieval.index.segment_index import SegmentIndex
from retrieval.index.vectors import Mask, Rows, Vectors, nearest


@dataclass(frozen=True)
class Near:
    """What is looked for: the `count` chunks nearest to a vector, shape [dimensions], of the embedder at a place.

    `masks` say of each segment, in order, which chunks are looked at, None for all; `languages` narrows these, None for any.
    """

    vector: Vectors
    embedder: int
    count: int
    masks: tuple[Mask | None, ...]
    languages: tuple[str, ...] | None = None


class VectorStore(Protocol):
    """The vectors of a collection, asked by one thread at a time."""

    def near(self, segments: Mapping[str, SegmentIndex], near: Near) -> list[Rows]:
        """Return the rows of the nearest chunks, for each segment, ascending."""
        ...

    def keep(self, current: Collection[str], needed: Collection[str], progress: Progress) -> None:
        """Come in step after a change: leave nothing of segments that are not needed; what is lacking may be taken in.

        Its caller is the one process that may change the collection.

        Args:
            current: the segments of the version that is seen.
            needed: those, and the ones of earlier versions that are kept.

        Raises:
            WorkspaceError: the store cannot be used.
        """
        ...

    def close(self) -> None:
        """Give back files and connections; the next question opens them again."""
        ...


class ExactStore:
    """Compares every vector that counts (`retrieval.index.vectors`); it keeps nothing beside the segments' files."""

    def near(self, segments: Mapping[str, SegmentIndex], near: Near) -> list[Rows]:
        """Return the rows of the nearest chunks, for each segment, ascending."""
        every = list(segments.values())
        if near.languages is None:
            parts = [segment.near[near.embedder] for segment in every]
            return nearest(parts, near.vector, near.masks, near.count)
        groups = [segment.group(near.embedder, near.languages) for segment in every]
        inside = [
            None if mask is None else mask[rows]
            for mask, (rows, _) in zip(near.masks, groups, strict=True)
        ]
        close = nearest([part for _, part in groups], near.vector, inside, near.count)
        return [rows[places] for (rows, _), places in zip(groups, close, strict=True)]

    def keep(
        self,
        current: Collection[str],
        needed: Collection[str],
        progress: Progress = no_progress,
    ) -> None:
        """Do nothing: a segment's files are all that there is."""

    def close(self) -> None:
        """Do nothing: the files are the segments'."""
