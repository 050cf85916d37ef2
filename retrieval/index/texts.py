"""The chunks of a segment as they were cut, read one by one in microseconds.

    segments/<id>/texts.utf8           all strings, end to end: the text of each chunk, then names and headings
    segments/<id>/texts.safetensors
        offsets   int64 [strings + 1]  where each string begins
        columns   int32 [9, n]         of each chunk what `COLUMNS` names; strings by their number

Not here: words and vectors (`retrieval.index.word_index`, `retrieval.index.vectors`).
"""

import functools
import mmap
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from adapt.errors import WorkspaceError
from adapt.records import Chunk

STRINGS, TABLE = "texts.utf8", "texts.safetensors"
COLUMNS = (
    "chunk_id",
    "document",
    "revision",
    "heading",
    "language",
    "page",
    "start",
    "end",
    "part",
)
NO_PAGE = -1

Numbers = npt.NDArray[np.int32]


class TextWriter:
    """Takes chunks as they are written into a segment, then writes them."""

    def __init__(self) -> None:
        self._texts: list[bytes] = []
        self._others: dict[str, int] = {}  # each string once
        self._rows: list[tuple[int, ...]] = []

    def add(self, chunks: Sequence[Chunk]) -> None:
        """Take chunks, in the order in which they are numbered."""
        for chunk in chunks:
            self._texts.append(_bytes(chunk.text))
            named = (
                chunk.chunk_id, chunk.document, chunk.revision, chunk.heading, chunk.language,
            )  # fmt: skip
            page = NO_PAGE if chunk.page is None else chunk.page
            numbers = [self._others.setdefault(string, len(self._others)) for string in named]
            self._rows.append((*numbers, page, chunk.start, chunk.end, chunk.part))

    def save(self, folder: Path) -> None:
        """Write the files of a segment."""
        strings = [*self._texts, *map(_bytes, self._others)]
        offsets = np.concatenate([[0], np.cumsum([len(string) for string in strings])])
        columns = np.array(self._rows, np.int32).reshape(-1, len(COLUMNS)).T.copy()
        columns[:5] += len(self._texts)
        with (folder / STRINGS).open("wb") as file:
            file.writelines(strings)
        save_file({"offsets": offsets.astype(np.int64), "columns": columns}, folder / TABLE)


class ChunkTexts:
    """The chunks of one segment, open; a chunk is named by its place."""

    def __init__(self, folder: Path) -> None:
        """Open them.

        Raises:
            WorkspaceError: a file is missing or damaged.
        """
        try:
            with safe_open(folder / TABLE, framework="numpy") as file:
                self._offsets: npt.NDArray[np.int64] = file.get_tensor("offsets")
                self._columns: Numbers = file.get_tensor("columns")
            self._bytes = _mapped(folder / STRINGS)
        except (OSError, SafetensorError, ValueError) as error:
            raise WorkspaceError(
                f"{folder / TABLE}: the texts cannot be used ({error}); ingest the documents into a new collection"
            ) from error
        if len(self._bytes) != self._offsets[-1]:
            raise WorkspaceError(
                f"{folder / STRINGS}: not whole; ingest the documents into a new collection"
            )

    def __len__(self) -> int:
        return len(self._columns[0])

    def get(self, row: int) -> Chunk:
        """Return a chunk."""
        *strings, page, start, end, part = self._columns[:, row].tolist()
        chunk_id, document, revision, heading, language = map(self.string, strings)
        return Chunk(
            chunk_id=chunk_id,
            document=document,
            revision=revision,
            text=self.string(row),
            page=None if page == NO_PAGE else page,
            heading=heading,
            start=start,
            end=end,
            language=language,
            part=part,
        )

    def column(self, name: str) -> Numbers:
        """Return what `COLUMNS` names of each chunk, shape [n]; a string as its number, a missing page as `NO_PAGE`."""
        numbers: Numbers = self._columns[COLUMNS.index(name)]
        return numbers

    def strings(self, name: str) -> dict[int, str]:
        """Return the strings that a column holds, by their numbers."""
        return self._strings(name)

    def string(self, number: int) -> str:
        """Return a string."""
        start, end = self._offsets[number : number + 2].tolist()
        return self._bytes[start:end].decode("utf-8", "surrogatepass")

    @functools.lru_cache(maxsize=8)  # noqa: B019  as many as there are columns; it goes with its object
    def _strings(self, name: str) -> dict[int, str]:
        return {number: self.string(number) for number in np.unique(self.column(name)).tolist()}


def _mapped(path: Path) -> mmap.mmap | bytes:
    with path.open("rb") as file:
        if not path.stat().st_size:
            return b""  # which cannot be mapped
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
