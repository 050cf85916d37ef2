"""Texts to sentences: where each begins and ends, whatever lines it was broken into."""

import re

PAGE_WIDTH = 50  # characters; a shorter line ended where its writer wanted

CELL = " | "  # between the cells of a table's row, as all readers write it

# A full stop, question or exclamation mark, closing marks and references such as [3] after it, a space, then
# something that can begin a sentence.
_END = re.compile(
    "(?<=[.!?])[\"'\u201d\u2019»)\\]]*(?:\\[[^\\]\\s]{1,12}\\](?::\\d+)?)*\\s+(?=[\"'\u201c\u2018«(¿¡]?[A-Z0-9ÁÉÍÓÚÑÜ])"
)
_ABBREVIATED = re.compile(
    r"(?:\b(?:Mr|Mrs|Ms|Dr|Prof|St|Sr|Sra|Dra|Jr|No|Nos|Vol|vs|etc|approx|Inc|Ltd|Co|Fig|Gen|Col|Rev|Hon|Ud|Uds|pp?|art|núm|c|ca|cf)"
    r"|\b[A-Z]|\b(?:[A-Za-z]\.)+[A-Za-z])\.$"
)


def is_row(line: str) -> bool:
    """Return whether a line is the row of a table."""
    return CELL in line.strip().strip("|") or (
        line.lstrip().startswith("|") and "|" in line.strip()[1:]
    )


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """Return (start, end) of every sentence of a text, without the spaces around it.

    Lines stand alone, as headings, items and rows of tables do, except for those that were only broken to fit a page.
    """
    spans: list[tuple[int, int]] = []
    start = 0
    for line in _lines(text):
        start = line.start
        if is_row(text[line]):
            spans.append(_strip(text, line.start, line.stop))
            continue
        for match in _END.finditer(text, line.start, line.stop):
            if _ABBREVIATED.search(text, start, match.start()):
                continue
            spans.append(_strip(text, start, match.start() + len(match.group().rstrip())))
            start = match.end()
        spans.append(_strip(text, start, line.stop))
    return [span for span in spans if span[0] < span[1]]


def _lines(text: str) -> list[slice]:
    """Return the lines of a text; one that a page's width broke is one with the next."""
    lines: list[slice] = []
    for match in re.finditer(r"[^\n]+", text):
        if lines and text[lines[-1].stop : match.start()] == "\n":
            before, here = text[lines[-1].start : lines[-1].stop].rstrip(), match.group().lstrip()
            rows = is_row(before) or is_row(here)
            long = len(before.rsplit("\n", 1)[-1]) >= PAGE_WIDTH
            if (
                not rows
                and before[-1:] not in ".!?:;"
                and (here[:1].islower() or (long and here[:1].isalnum()))
            ):
                lines[-1] = slice(lines[-1].start, match.end())
                continue
        lines.append(slice(match.start(), match.end()))
    return lines


def _strip(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end
