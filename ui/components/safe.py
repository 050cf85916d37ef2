"""Text of others on the page: shown as it is, never read as Markdown, HTML, a link or an image, and never obeyed.

An image's address in an answer or a document would send what stands in it to whoever wrote it. Bodies of text go through
`show_text`, `show_code` and `show_table`, which parse nothing; labels and messages, which Streamlit reads as Markdown, go
through `plain`. No other component calls Streamlit's own functions for these.
"""

import re
import string
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import streamlit as st

from adapt.errors import AdaptError
from ui.display.printable import printable, sentence

PUNCTUATION = re.compile(f"[{re.escape(string.punctuation)}]")
# Links, emoji and arrows are looked for after the Markdown is parsed, when backslashes are gone: an invisible joiner parts
# what they are made of.
JOINER = "\u2060"
LATE = re.compile(r"(?<=[:@])|(?<=www)(?=\.)|(?<=[<>=~-])(?=[<>=~-])", re.IGNORECASE)
FORMULA = re.compile(r"[=+\-@\t](?![\d.,]+$)")  # a spreadsheet computes it; a number may stay one

Value = str | float | int


def plain(text: str) -> str:
    """Return one line of Markdown that shows `text` as it is."""
    parted = LATE.sub(JOINER, sentence(text))
    return PUNCTUATION.sub(lambda match: f"\\{match[0]}", parted)


def show_text(text: str) -> None:
    """Draw a text with its line ends."""
    st.text(printable(text))


def show_code(text: str) -> None:
    """Draw a text in equal widths, with a button that copies it."""
    st.code(printable(text), language=None, wrap_lines=True)


def show_table(rows: Sequence[Mapping[str, Value]]) -> None:
    """Draw rows; the table can be saved as a file, in which no cell is a formula."""
    shown = [
        {name: cell(value) if isinstance(value, str) else value for name, value in row.items()}
        for row in rows
    ]
    st.dataframe(shown, hide_index=True)


def cell(text: str) -> str:
    """Return a table cell's text; one that a spreadsheet would compute begins with an invisible joiner."""
    shown = printable(text)
    return JOINER + shown if FORMULA.match(shown.lstrip()) else shown


def show_error(error: Exception) -> None:
    """Show an error's sentence."""
    st.error(plain(str(error)), icon=":material/error:")


@contextmanager
def errors_shown() -> Iterator[None]:
    """Show what a user can correct as a sentence and go on with the page; anything else is a bug and ends it."""
    try:
        yield
    except AdaptError as error:
        show_error(error)
