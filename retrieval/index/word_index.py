"""The words of a segment: postings that are written once with it, and only read from then on.

    segments/<id>/lexical.safetensors
        terms     uint64 [t]      hashes of the terms, ascending
        starts    int64  [t + 1]  where each one's postings begin
        rows      int32  [p]      chunks that hold the term, ascending within a term
        counts    uint16 [p]      how often in the text
        headed    uint8  [p]      how often in the headings above it, and in labels that name a line
        titled    uint8  [p]      how often in the file's name
        whole_starts, whole_rows, whole_counts     texts of documents, int64 [t + 1], int32 [w], int32 [w]
        lengths   int32  [n]      words of each chunk
        headings  int32  [n]      words of the headings above each chunk
        titles    int32  [n]      words of the name of each one's file
        keys      int32  [n]      place of its document's key in the header
        numbers   int32  [n]      its place in the document
        spoken    int16  [n]      place of its language in the header
        compounds uint8  [c]      long words of languages that write compounds as one, UTF-8, a line each
        headers: the keys of the documents, the languages of the chunks

Not here: what a word is (`retrieval.language.terms`), and how chunks are scored by them (`retrieval.index.bm25`).
"""

import functools
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from adapt.errors import WorkspaceError
from adapt.records import Chunk
from retrieval.chunks.ids import chunk_id
from retrieval.index.fields import fields
from retrieval.index.postings import Holders, Lists, Rows, Scores, counted, joined
from retrieval.language.compounds import LANGUAGES, is_compound

FILE = "lexical.safetensors"
NAMES = (
    "terms", "starts", "rows", "counts", "headed", "titled", "whole_starts", "whole_rows", "whole_counts",
    "lengths", "headings", "titles", "keys", "numbers", "spoken", "compounds",
)  # fmt: skip
MOST, MOST_OF_FIELD = np.iinfo(np.uint16).max, np.iinfo(np.uint8).max

Live = npt.NDArray[np.bool_]
Postings = tuple[Rows, Scores]
Starts = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.int32]
FIELDS = ("lengths", "headings", "titles")  # of each chunk; how many words its fields have


class LexicalWriter:
    """Takes chunks as they are written into a segment, then makes its index."""

    def __init__(self) -> None:
        self._vocabulary: dict[str, int] = {}
        self._terms: list[
            Rows
        ] = []  # of each chunk: those of its text, its headings, its file's name
        self._sizes: list[list[int]] = []  # how many of each
        self._lengths: list[list[int]] = []  # how many of those are words
        self._keys: dict[str, int] = {}
        self._places: list[tuple[int, int]] = []
        self._languages: dict[str, int] = {}
        self._spoken: list[int] = []
        self._compounds: set[str] = set()

    def add(self, chunks: Sequence[Chunk]) -> None:
        """Take chunks, each with its heading, in the order in which they are numbered."""
        known = self._vocabulary
        for chunk in chunks:
            parts = fields(chunk)
            stems = [term for field in parts for term in field.terms]
            self._terms.append(
                np.array([known.setdefault(term, len(known)) for term in stems], np.int32)
            )
            self._sizes.append([len(field.terms) for field in parts])
            self._lengths.append([field.words for field in parts])
            key, _, number = chunk.chunk_id.partition("-")
            self._places.append((self._keys.setdefault(key, len(self._keys)), int(number)))
            if chunk.language in LANGUAGES:
                self._compounds.update(filter(is_compound, parts[0].terms))
            self._spoken.append(self._languages.setdefault(chunk.language, len(self._languages)))

    def save(self, folder: Path) -> None:
        """Write the index into a segment's folder."""
        sizes = np.array(self._sizes, np.int64).reshape(-1, len(FIELDS))
        lengths = np.array(self._lengths, np.int32).reshape(-1, len(FIELDS))
        flat = np.concatenate([*self._terms, np.zeros(0, np.int32)])
        hashes = np.array([_hash(term) for term in self._vocabulary], np.uint64)
        by_hash = np.argsort(hashes)
        rank = np.empty(len(hashes), np.int64)
        rank[by_hash] = np.arange(len(hashes))
        of_term = rank[flat]
        rows = np.repeat(np.arange(len(sizes)), sizes.sum(axis=1))
        field = np.repeat(np.tile(np.arange(len(FIELDS)), len(sizes)), sizes.ravel())
        places = np.array(self._places, np.int32).reshape(-1, 2)
        own = counted(of_term, rows, field, terms=len(hashes), depth=len(FIELDS))
        text = field == 0
        of_document = places[rows[text], 0]
        whole = counted(of_term[text], of_document, field[text], terms=len(hashes), depth=1)
        save_file(
            {
                "terms": hashes[by_hash],
                "starts": own.starts,
                "rows": own.rows,
                "counts": np.minimum(own.counts[0], MOST).astype(np.uint16),
                "headed": np.minimum(own.counts[1], MOST_OF_FIELD).astype(np.uint8),
                "titled": np.minimum(own.counts[2], MOST_OF_FIELD).astype(np.uint8),
                "whole_starts": whole.starts,
                "whole_rows": whole.rows,
                "whole_counts": whole.counts[0].astype(np.int32),
                **{
                    name: np.ascontiguousarray(lengths[:, place])
                    for place, name in enumerate(FIELDS)
                },
                "keys": np.ascontiguousarray(places[:, 0]),
                "numbers": np.ascontiguousarray(places[:, 1]),
                "spoken": np.array(self._spoken, np.int16),
                "compounds": np.frombuffer("\n".join(sorted(self._compounds)).encode(), np.uint8),
            },
            folder / FILE,
            {
                "keys": json.dumps(list(self._keys)),
                "languages": json.dumps(list(self._languages)),
            },
        )


class LexicalSegment:
    """The index of one segment, read; shapes as in the module's table."""

    def __init__(self, folder: Path) -> None:
        """Read it.

        Raises:
            WorkspaceError: it is missing or damaged.
        """
        try:
            with safe_open(folder / FILE, framework="numpy") as file:
                header: Mapping[str, str] = file.metadata()
                arrays = {name: file.get_tensor(name) for name in NAMES}
        except (OSError, SafetensorError) as error:
            raise WorkspaceError(
                f"{folder / FILE}: the index cannot be used ({error}); ingest the documents into a new collection"
            ) from error
        self._terms = arrays["terms"]
        own = tuple(arrays[name] for name in ("counts", "headed", "titled"))
        self._own = Lists(arrays["starts"], arrays["rows"], own)
        whole = (arrays["whole_counts"],)
        self._whole = Lists(arrays["whole_starts"], arrays["whole_rows"], whole)
        self.lengths = arrays["lengths"]
        self.headings = arrays["headings"]
        self.titles = arrays["titles"]
        self.keys: Rows = arrays["keys"]
        self._numbers: Rows = arrays["numbers"]
        self._spoken = arrays["spoken"]
        self._compounds = arrays["compounds"]
        self._documents: list[str] = json.loads(header["keys"])
        self._languages: list[str] = json.loads(header["languages"])

        self._place = {key: place for place, key in enumerate(self._documents)}
        self._order = np.lexsort((self._numbers, self.keys))
        self._starts_of = np.searchsorted(self.keys[self._order], np.arange(len(self._documents)))

    @property
    def openings(self) -> npt.NDArray[np.intp]:
        """Return the place of each document's first chunk, shape [documents]."""
        return self._order[self._starts_of]

    @property
    def documents(self) -> int:
        """Return how many documents it was written with."""
        return len(self._documents)

    def row(self, wanted: str) -> int | None:
        """Return the place of a chunk, None where it is not in this segment."""
        key, _, number = wanted.partition("-")
        place = self._place.get(key)
        if place is None or not number.isdecimal():
            return None
        at = int(self._starts_of[place]) + int(number)
        row = int(self._order[at]) if at < len(self._order) else -1
        return row if row >= 0 and self.keys[row] == place else None

    def live(self, keys: Mapping[str, str]) -> Live:
        """Return which chunks are of the documents with these keys, shape [n]."""
        known = np.array([key in keys for key in self._documents], np.bool_)
        return known[self.keys] if len(known) else np.zeros(0, np.bool_)

    def languages(self, live: Live) -> dict[str, int]:
        """Return how many of these chunks are in each language."""
        counts = np.bincount(self._spoken[live], minlength=len(self._languages))
        return dict(zip(self._languages, counts.tolist(), strict=True))

    def id(self, row: int) -> str:
        """Return the id of a chunk."""
        return chunk_id(self._documents[self.keys[row]], int(self._numbers[row]))

    def spoken(self, rows: Rows) -> list[str]:
        """Return the language of each of some chunks."""
        return [self._languages[place] for place in self._spoken.take(rows).tolist()]

    def postings(self, group: frozenset[str]) -> tuple[Holders, Holders]:
        """Return the chunks that hold one of these terms, ascending, and how often they do together; and the documents."""
        places = [place for term in sorted(group) if (place := self._find(term)) is not None]
        return joined(self._own, places), joined(self._whole, places)

    def compounds(self) -> list[str]:
        """Return its long words of languages that write compounds as one."""
        return bytes(self._compounds).decode().split()

    def holds(self, term: str) -> bool:
        """Return whether any chunk, live or not, holds a term."""
        return self._find(term) is not None

    def _find(self, term: str) -> int | None:
        wanted = _hash(term)
        place = int(self._terms.searchsorted(np.uint64(wanted)))
        is_known = place < len(self._terms) and self._terms.item(place) == wanted
        return place if is_known else None


@functools.lru_cache(maxsize=200_000)
def _hash(term: str) -> int:
    return int.from_bytes(hashlib.blake2b(term.encode(), digest_size=8).digest(), "big")
