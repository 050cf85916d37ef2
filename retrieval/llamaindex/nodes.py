"""Documents and chunks as llama-index has them, and back: a page is a `Document` of its, a chunk a `TextNode`.

Metadata of a page: document, sha256, title, page, heading, form, warnings (of the first page alone). Of a node: document,
sha256, page, heading, language, part; what a page has besides, such as an author, its nodes have too. Only the heading is
embedded with a node's text, as our own ingest does it.
"""

import hashlib
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import PurePath
from typing import Any

from llama_index.core.schema import (
    BaseNode,
    Document as IndexDocument,
    MetadataMode,
    NodeWithScore,
    TextNode,
)

from adapt.errors import DataError
from adapt.records import Chunk, Document, Page, PageForm, Passage

DOCUMENT, SHA256, TITLE, WARNINGS = "document", "sha256", "title", "warnings"
PAGE, HEADING, FORM, LANGUAGE, PART = "page", "heading", "form", "language", "part"
# what llama-index's own readers call a file and its page
FILE_PATH = "file_path"
FILE_NAMES = ("file_name", "filename", FILE_PATH)
PAGE_LABEL = "page_label"
FORMS: dict[str, PageForm] = {".md": "markdown", ".markdown": "markdown", ".py": "code"}


def to_pages(document: Document) -> list[IndexDocument]:
    """Return a document as llama-index has it: one of its documents for each page."""
    return [
        IndexDocument(
            id_=f"{document.name}#{number}",
            text=page.text,
            metadata={
                DOCUMENT: document.name,
                SHA256: document.sha256,
                TITLE: document.title,
                PAGE: page.number,
                HEADING: page.heading,
                FORM: page.form,
                WARNINGS: [] if number else list(document.warnings),
            },
            excluded_embed_metadata_keys=[DOCUMENT, SHA256, TITLE, PAGE, FORM, WARNINGS],
            excluded_llm_metadata_keys=[SHA256, FORM, WARNINGS],
        )
        for number, page in enumerate(document.pages)
    ]


def to_documents(pages: Iterable[BaseNode]) -> list[Document]:
    """Return documents of llama-index, whichever reader made them, as ours; neighbouring pages of one file are one.

    A document's name is `document` in its metadata, else its file's name, else its id; without a hash of the
    file's bytes it gets that of its text.

    Raises:
        DataError: two are called the same.
    """
    documents: dict[str, Document] = {}
    for parts in by_document(pages):
        name = _name(parts[0])
        if name in documents:
            raise DataError(
                f"two documents are called '{name}'; name them by metadata['{DOCUMENT}']"
            )
        documents[name] = _document(name, parts)
    return list(documents.values())


def by_document(pages: Iterable[BaseNode]) -> Iterator[list[BaseNode]]:
    """Yield the pages of each document, in order."""
    for _, parts in groupby(pages, key=lambda page: (_name(page), page.metadata.get(FILE_PATH))):
        yield list(parts)


def to_node(chunk: Chunk, metadata: dict[str, Any] | None = None) -> TextNode:
    """Return a chunk as llama-index has it.

    Args:
        metadata: what its page has besides.
    """
    own = {
        DOCUMENT: chunk.document,
        SHA256: chunk.revision,
        PAGE: chunk.page,
        HEADING: chunk.heading,
        LANGUAGE: chunk.language,
        PART: chunk.part,
    }
    every = {**(metadata or {}), **own}
    return TextNode(
        id_=chunk.chunk_id,
        text=chunk.text,
        start_char_idx=chunk.start,
        end_char_idx=chunk.end,
        metadata=every,
        excluded_embed_metadata_keys=[key for key in every if key != HEADING],
        excluded_llm_metadata_keys=[SHA256, LANGUAGE, PART],
        metadata_template="{value}",
        text_template="{metadata_str}\n{content}",
    )


def to_chunk(node: BaseNode) -> Chunk:
    """Return a node that `to_node` made as the chunk that it was."""
    if not isinstance(node, TextNode):
        raise TypeError(f"a chunk is a TextNode, got {type(node).__name__}")
    own = node.metadata
    return Chunk(
        chunk_id=node.node_id,
        document=own[DOCUMENT],
        revision=own[SHA256],
        text=node.text,
        page=own[PAGE],
        heading=own[HEADING],
        start=node.start_char_idx or 0,
        end=node.end_char_idx or 0,
        language=own[LANGUAGE],
        part=own[PART],
    )


def to_scored(passage: Passage) -> NodeWithScore:
    """Return a passage as llama-index has it; its score is the search's, larger for better."""
    return NodeWithScore(node=to_node(passage.chunk), score=passage.score)


def _document(name: str, parts: list[BaseNode]) -> Document:
    first = parts[0].metadata
    pages = tuple(_page(part, name) for part in parts)
    text = "\f".join(page.text for page in pages)
    return Document(
        name=name,
        sha256=first.get(SHA256)
        or hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest(),
        pages=pages,
        title=first.get(TITLE) or "",
        warnings=tuple(first.get(WARNINGS) or ()),
    )


def _page(part: BaseNode, name: str) -> Page:
    own = part.metadata
    form = own.get(FORM) or FORMS.get(PurePath(name).suffix.lower(), "plain")
    text = part.get_content(metadata_mode=MetadataMode.NONE)
    return Page(text, _number(own), own.get(HEADING) or "", form)


def _number(metadata: dict[str, Any]) -> int | None:
    """Return which page it is, from 1; None where that is not given in figures."""
    label = str(metadata.get(PAGE) or metadata.get(PAGE_LABEL) or "")
    return int(label) if label.isdecimal() and label.isascii() else None


def _name(part: BaseNode) -> str:
    own = part.metadata
    named = own.get(DOCUMENT) or next((own[key] for key in FILE_NAMES if own.get(key)), None)
    return str(named or part.node_id)
