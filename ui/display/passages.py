"""A passage opened, for the page and the terminal: where it stands, and how much of its page is shown around it."""

import re
from dataclasses import dataclass

from adapt.records import PassageView

BEFORE, AFTER = 500, 1_000  # characters in sight above and below
SLACK = 200  # so few more are not worth a fold
GONE = "The document is no longer as it was; this is the text as it went into the prompt."
PAGE = re.compile(r"(?P<document>.*), page (?P<page>\d{1,9})", re.DOTALL)


@dataclass(frozen=True)
class Surroundings:
    """The text before and after a passage, each parted at a line's or a word's end into what is near and what is far."""

    earlier: str
    before: str
    after: str
    later: str


def surroundings(view: PassageView) -> Surroundings:
    """Return a passage's page without the passage."""
    earlier, before, after, later = "", view.before, view.after, ""
    if len(before) > BEFORE + SLACK:
        near = before[-BEFORE:]
        cut = re.search(r"\n", near[:SLACK]) or re.search(r"\s", near)
        place = len(before) - BEFORE + (cut.end() if cut else 0)
        earlier, before = before[:place], before[place:]
    if len(after) > AFTER + SLACK:
        place = after.rfind("\n", AFTER - SLACK, AFTER)
        if place < 0:
            blank = re.search(r"\s\S*\Z", after[:AFTER])
            place = blank.start() if blank else AFTER
        after, later = after[:place], after[place:]
    return Surroundings(earlier, before, after, later)


def place_of(view: PassageView) -> str:
    """Return the page and the headings that a passage stands under, empty where a document has neither."""
    page = [f"page {view.page}"] if view.page is not None else []
    return " · ".join([*page, *(level for level in view.heading.split(" > ") if level.strip())])


def note_of(view: PassageView) -> str:
    """Return what a reader should know of the document's state, empty where there is nothing."""
    return view.note or ("" if view.current else GONE)


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
