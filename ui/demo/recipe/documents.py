"""The demo's documents: one plain source, written out as txt, md, html or pdf."""

import html
from collections.abc import Callable
from pathlib import Path, PurePath

import yaml
from pydantic import BaseModel, ConfigDict, TypeAdapter

from ui.demo.recipe.pdf import make_pdf


class Section(BaseModel):
    """A heading with its paragraphs; in a PDF, a page."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    heading: str
    text: list[str]


class DemoDocument(BaseModel):
    """One document; the ending of `name` decides its form."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    title: str
    sections: list[Section]


def read_source() -> list[DemoDocument]:
    """Return the documents."""
    text = Path(__file__).with_name("documents.yaml").read_text(encoding="utf-8")
    return TypeAdapter(list[DemoDocument]).validate_python(yaml.safe_load(text))


def write(document: DemoDocument) -> bytes:
    """Return the document's file."""
    return WRITERS[PurePath(document.name).suffix](document)


def _text(document: DemoDocument) -> bytes:
    parts = [document.title.upper()]
    for section in document.sections:
        parts += [section.heading.upper(), *section.text]
    return ("\n\n".join(parts) + "\n").encode()


def _markdown(document: DemoDocument) -> bytes:
    parts = [f"# {document.title}"]
    for section in document.sections:
        parts += [f"## {section.heading}", *section.text]
    return ("\n\n".join(parts) + "\n").encode()


def _html(document: DemoDocument) -> bytes:
    lines = [
        "<!doctype html>",
        '<html lang="en">',
        f'<head><meta charset="utf-8"><title>{html.escape(document.title)}</title></head>',
        "<body>",
        f"<h1>{html.escape(document.title)}</h1>",
    ]
    for section in document.sections:
        lines.append(f"<h2>{html.escape(section.heading)}</h2>")
        lines += [f"<p>{html.escape(paragraph)}</p>" for paragraph in section.text]
    return ("\n".join([*lines, "</body>", "</html>"]) + "\n").encode()


def _pdf(document: DemoDocument) -> bytes:
    return make_pdf(document.title, [(one.heading, one.text) for one in document.sections])


WRITERS: dict[str, Callable[[DemoDocument], bytes]] = {
    ".txt": _text,
    ".md": _markdown,
    ".html": _html,
    ".pdf": _pdf,
}
