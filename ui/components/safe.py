"""Text of others on the page: shown as it is, never read as Markdown, HTML, a link or an image.

An image's address in an answer or a document would send what stands in it to whoever wrote it. Bodies of text go through
`st.text`, which parses nothing; labels and messages, which Streamlit reads as Markdown, go through `plain`.
"""

import re
import string
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from adapt.errors import AdaptError

PUNCTUATION = re.compile(f"[{re.escape(string.punctuation)}]")
# Links and emoji are looked for after the Markdown is parsed, when backslashes are gone: an invisible joiner parts them.
JOINER = "\u2060"
LATE = re.compile(r"(?<=[:@])|(?<=www)(?=\.)", re.IGNORECASE)


def plain(text: str) -> str:
    """Return one line of Markdown that shows `text` as it is."""
    parted = LATE.sub(JOINER, " ".join(text.split()))
    return PUNCTUATION.sub(lambda found: f"\\{found[0]}", parted)


def show_error(error: Exception) -> None:
    """Show an error's sentence."""
    st.error(plain(str(error)), icon=":material/error:")


@contextmanager
def errors_shown() -> Iterator[None]:
    """Show what a user can mend as a sentence and go on with the page; anything else is a bug and ends it."""
    try:
        yield
    except AdaptError as error:
        show_error(error)
