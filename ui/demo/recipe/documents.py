"""The demo's documents: one plain source, written out as txt, md, html or pdf."""

import html
from collections.abc import Callable
from pathlib import Path, PurePath

import yaml
from pydantic import BaseModel, ConfigDict, TypeAdapter

from ui.demo.recipe.pdf import make_pdf


class Section(BaseModel):
    """A heading with its paragraphs, then a list and a table where it has them; in a PDF, a page of paragraphs only.

    Attributes:
        table: rows of cells; the first row names the columns.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    heading: str
    text: list[str]
    items: list[str] = []
    table: list[list[str]] = []


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
        if section.items:
            parts.append(_bulleted(section.items))
    return ("\n\n".join(parts) + "\n").encode()


def _markdown(document: DemoDocument) -> bytes:
    parts = [f"# {document.title}"]
    for section in document.sections:
        parts += [f"## {section.heading}", *section.text]
        if section.items:
            parts.append(_bulleted(section.items))
        if section.table:
            names, *rows = section.table
            lines = [names, ["---"] * len(names), *rows]
            parts.append("\n".join(f"| {' | '.join(cells)} |" for cells in lines))
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
        if section.items:
            items = [f"<li>{html.escape(item)}</li>" for item in section.items]
            lines += ["<ul>", *items, "</ul>"]
        if section.table:
            lines += ["<table>", *_html_rows(section.table), "</table>"]
    return ("\n".join([*lines, "</body>", "</html>"]) + "\n").encode()


def _html_rows(table: list[list[str]]) -> list[str]:
    tags = ["th", *["td"] * (len(table) - 1)]
    return [
        f"<tr>{''.join(f'<{tag}>{html.escape(cell)}</{tag}>' for cell in row)}</tr>"
        for tag, row in zip(tags, table, strict=True)
    ]


def _bulleted(items: list[str]) -> str:
    return "\n".join(f"- {item}" for item in items)


def _pdf(document: DemoDocument) -> bytes:
    return make_pdf(
        document.title, [(section.heading, section.text) for section in document.sections]
    )


WRITERS: dict[str, Callable[[DemoDocument], bytes]] = {
    ".txt": _text,
    ".md": _markdown,
    ".html": _html,
    ".pdf": _pdf,
}
