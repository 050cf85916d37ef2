"""A citation opened: the page that a passage is of, put together again from its chunks, and the passage's place in it.

Chunks cover their page except for white space, so what lies between two of them is known by its length.
"""

from collections.abc import Sequence

from adapt.records import Chunk, PassageView

REPLACED = (
    "The document has been replaced by another version since; this is the one that was cited."
)


def page_text(chunks: Sequence[Chunk]) -> tuple[str, int]:
    """Return the text of a page, from its first chunk to its last, and the place at which it begins.

    Args:
        chunks: all of one page, by `start`; one at least.
    """
    first = chunks[0].start
    text = ""
    for chunk in chunks:
        end = first + len(text)
        gap = chunk.start - end
        if gap > 0:
            text += "\n" * min(gap, 2) + " " * (gap - 2)
        text += chunk.text[max(end - chunk.start, 0) :]
    return text, first


def view(cited: Chunk, page: Sequence[Chunk], text: str, *, current: bool) -> PassageView:
    """Return a passage within its page.

    Args:
        page: the chunks of the cited chunk's page, by `start`.
        text: what was cited; neighbours may have been joined to it. Empty: the chunk's own text.
    """
    whole, first = page_text(page)
    start = cited.start - first
    length = len(cited.text)
    if text and whole.startswith(text, start):
        length = len(text)
    elif text and (place := whole.find(text)) >= 0:
        start, length = place, len(text)
    return PassageView(
        document=cited.document,
        page=cited.page,
        heading=cited.heading,
        before=whole[:start],
        span=whole[start : start + length],
        after=whole[start + length :],
        current=current,
        note="" if current else REPLACED,
    )
