"""The fields of a chunk that its words are looked for in: its text, the headings above it, the name of its file.

Not here: how much each weighs (`retrieval.index.bm25`), how they are kept (`retrieval.index.word_index`).
"""

import functools
from typing import NamedTuple

from adapt.records import Chunk
from retrieval.language.file_names import FOLDERS, file_term, name_text
from retrieval.language.forms.labels import own_number
from retrieval.language.terms import leading_terms, other_terms, terms

LEVELS = " > "  # between the headings of a path
REMEMBERED = 4_096  # headings and names: those of a document are on many of its chunks


class Field(NamedTuple):
    """The terms of a field, and how many of them are words; of a file's name without its folders."""

    terms: tuple[str, ...]
    words: int


def indexed_text(chunk: Chunk) -> str:
    """Return what of a chunk can be found by its words: its text, and the headings above it."""
    return chunk.text if chunk.text.startswith("#") else f"{chunk.heading}\n{chunk.text}"


def fields(chunk: Chunk) -> tuple[Field, Field, Field]:
    """Return the fields of a chunk: text, headings, file's name."""
    above = chunk.heading.rpartition(LEVELS)[0] if chunk.text.startswith("#") else chunk.heading
    text = f"{above}\n{chunk.text}"
    words = terms(text, chunk.language)
    heading = _heading(chunk.heading, chunk.language)
    # the chunk that a heading stands in comes before what follows under it
    own = chunk.heading.rpartition(LEVELS)[2] if chunk.text.startswith("#") else ""
    leading = (*_heading(own, chunk.language).terms, *leading_terms(chunk.text))
    return (
        Field((*words, *other_terms(text, chunk.language)), len(words)),
        Field((*heading.terms, *leading), heading.words) if leading else heading,
        _title(chunk.document, chunk.language),
    )


@functools.lru_cache(maxsize=REMEMBERED)
def _heading(path: str, language: str) -> Field:
    words = terms(path, language)
    numbers = own_number(path.rpartition(LEVELS)[2])
    return Field((*words, *other_terms(path, language), *numbers), len(words))


@functools.lru_cache(maxsize=REMEMBERED)
def _title(document: str, language: str) -> Field:
    text = name_text(document)
    words = terms(text, language)
    own = len(terms(text.rpartition(FOLDERS)[2], language))
    return Field((*words, *other_terms(text, language), file_term(document)), own)
