"""A passage opened: which document, page and heading it is from, and the page's text with the passage marked in it.

The text is drawn as HTML of one fixed form, the only one of the app: every piece of it is escaped, and Streamlit's own
sanitizer looks at it once more. What is far from the passage is folded away above and below it, so that it is in sight.
"""

import html
import re

import streamlit as st

from adapt.records import PassageView
from ui.components.safe import plain
from ui.printable import printable

BEFORE, AFTER = 500, 1_000  # characters in sight above and below
SLACK = 200  # so few more are not worth a fold
MOST = 100_000  # characters of a fold: a page of a text file may be the whole of it
GONE = "The document is no longer as it was; this is the text as it went into the prompt."
PAGE = re.compile(r"(?P<document>.*), page (?P<page>\d+)", re.DOTALL)

BODY = (
    '<div dir="auto" style="white-space: pre-wrap; overflow-wrap: anywhere; unicode-bidi: plaintext; '
    'max-height: 26rem; overflow-y: auto; font-size: 0.92rem; line-height: 1.55">{text}</div>'
)
MARK = (
    '<mark style="color: inherit; background: rgba(245, 158, 11, 0.28); border-radius: 0.2rem; '
    'padding: 0.1rem 0; box-decoration-break: clone; -webkit-box-decoration-break: clone">{text}</mark>'
)
FOLD = (
    '<details><summary style="cursor: pointer; opacity: 0.65; font-size: 0.85rem">{title}</summary>'
    "{text}</details>"
)


def show_passage(view: PassageView) -> None:
    """Draw a passage with its place and its surroundings."""
    st.markdown(f"**{plain(view.document)}**")
    place = [f"page {view.page}"] if view.page is not None else []
    place += [level for level in view.heading.split(" > ") if level.strip()]
    if place:
        st.caption(plain(" · ".join(place)))
    if not view.current:
        st.caption(f":material/history: {plain(view.note or GONE)}")
    elif view.note:
        st.caption(plain(view.note))
    st.html(as_html(view))


def as_html(view: PassageView) -> str:
    """Return the page's text with the passage marked; of the texts in it, nothing is HTML."""
    far, near = _cut_before(view.before)
    following, rest = _cut_after(view.after)
    parts = [
        _fold("Earlier on this page", far),
        _escaped(near),
        MARK.format(text=_escaped(view.span)),
        _escaped(following),
        _fold("Later on this page", rest),
    ]
    return BODY.format(text="".join(parts))


def stored_view(label: str, text: str) -> PassageView:
    """Return what an account alone says of a passage: `handbook.pdf, page 2`, and its text under the label."""
    named = PAGE.fullmatch(label)
    return PassageView(
        document=named["document"] if named else label,
        page=int(named["page"]) if named else None,
        heading="",
        before="",
        span=text.removeprefix(f"{label}\n"),
        after="",
    )


def _cut_before(text: str) -> tuple[str, str]:
    """Return what lies far before the passage and what stands near it, parted at the end of a word."""
    if len(text) <= BEFORE + SLACK:
        return "", text
    blank = re.search(r"\s", text[-BEFORE:])
    place = len(text) - BEFORE + (blank.end() if blank else 0)
    return text[:place], text[place:]


def _cut_after(text: str) -> tuple[str, str]:
    if len(text) <= AFTER + SLACK:
        return text, ""
    blank = re.search(r"\s\S*\Z", text[:AFTER])
    place = blank.start() if blank else AFTER
    return text[:place], text[place:]


def _fold(title: str, text: str) -> str:
    if not text:
        return ""
    earlier = title.startswith("Earlier")
    shown = (text[-MOST:] if earlier else text[:MOST]) if len(text) > MOST else text
    count = f"{len(shown):,} of {len(text):,}" if len(shown) < len(text) else f"{len(text):,}"
    return FOLD.format(title=f"{title} ({count} characters)", text=_escaped(shown))


def _escaped(text: str) -> str:
    return html.escape(printable(text))
