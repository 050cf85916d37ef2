"""A passage opened: which document, page and heading it is from, and the page's text with the passage marked in it.

The text is drawn as HTML of one fixed form, the only one of the app: every piece of it is escaped, and Streamlit's own
sanitizer looks at it once more. What is far from the passage is folded away above and below it, so that it is in sight.
"""

import html

import streamlit as st

from adapt.records import PassageView
from ui.components.safe import plain
from ui.display.passages import note_of, place_of, surroundings
from ui.display.printable import printable

MOST = 100_000  # characters of a fold: a page of a text file may be the whole file

BODY = (
    '<div dir="auto" style="white-space: pre-wrap; overflow-wrap: anywhere; unicode-bidi: plaintext; '
    'font-size: 0.92rem; line-height: 1.55">{text}</div>'
)
MARK = (
    '<mark style="color: inherit; background: rgba(245, 158, 11, 0.28); border-radius: 0.2rem; '
    'padding: 0.1rem 0; box-decoration-break: clone; -webkit-box-decoration-break: clone">{text}</mark>'
)
FOLD = (
    '<details><summary style="cursor: pointer; opacity: 0.65; font-size: 0.85rem">{title}</summary>'
    "{text}</details>"
)


def show_passage(view: PassageView, *, role: str = "") -> None:
    """Draw a passage with its place and its surroundings; `role` says in a few words what it was for."""
    st.markdown(f"**{plain(view.document)}**")
    place, note = " · ".join(filter(None, (place_of(view), role))), note_of(view)
    if place:
        st.caption(plain(place))
    if note:
        st.caption(f":material/history: {plain(note)}")
    st.html(as_html(view))


def as_html(view: PassageView) -> str:
    """Return the page's text with the passage marked; of the texts in it, nothing is HTML."""
    around = surroundings(view)
    parts = [
        _fold("Earlier on this page", around.earlier, shown=around.earlier[-MOST:]),
        _escaped(around.before),
        MARK.format(text=_escaped(view.span)),
        _escaped(around.after),
        _fold("Later on this page", around.later, shown=around.later[:MOST]),
    ]
    return BODY.format(text="".join(parts))


def _fold(title: str, text: str, *, shown: str) -> str:
    if not text:
        return ""
    count = f"{len(shown):,} of {len(text):,}" if len(shown) < len(text) else f"{len(text):,}"
    return FOLD.format(title=f"{title} ({count} characters)", text=_escaped(shown))


def _escaped(text: str) -> str:
    return html.escape(printable(text))
