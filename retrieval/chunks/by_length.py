"""Documents of very many and very short lines, headings, sentences or words: recognised, and cut by length alone.

Cutting along structure takes some 10 microseconds for each part, which in ordinary text has 40 to 100 characters. A list
of a million headings is no structure worth that. Not here: the ordinary way (`retrieval.chunks.cut`).
"""

import re
from collections.abc import Iterator, Sequence

from adapt.records import Page
from retrieval.chunks.token_counts import TokenCounts

SENTENCE_END = re.compile(r"(?<=[.!?…。])[\"'”»)\]]*\s+|\n\s*\n")
FEW_PARTS = 50_000  # are cut in a second, however short they are
SHORT_PART = 12  # characters; a list of English words, a line each, has 8, source code some 30
HEADING_PARTS = 3  # a heading opens a section, with a chunk and a path of its own
LONG_LINE = 5_000  # characters without an end of sentence, which are cut word by word
START_LENGTH = 4  # characters for each token, with which cutting by length begins


def count_parts(pages: Sequence[Page]) -> int:
    """Return about how many parts cutting along structure would handle; 0 where they are few for certain."""
    if sum(len(page.text) for page in pages) <= 2 * FEW_PARTS:
        return 0
    return sum(_parts(page) for page in pages)


def is_crowded(pages: Sequence[Page]) -> bool:
    """Return whether a document's parts are many, and on average too short to be cut by structure."""
    parts = count_parts(pages)
    return parts > FEW_PARTS and sum(len(page.text) for page in pages) < SHORT_PART * parts


def cut_by_length(text: str, counts: TokenCounts, *, tokens: int) -> list[tuple[int, int]]:
    """Return spans of at most `tokens` that cover a text except for white space, cut at line ends or blanks if possible."""
    done: list[tuple[int, int]] = []
    open_spans = list(_windows(text, START_LENGTH * tokens))
    while open_spans:
        counts.learn(text[start:end] for start, end in open_spans)
        halves: list[tuple[int, int]] = []
        for start, end in open_spans:
            if end - start < 2 or counts.size(text[start:end]) <= tokens:
                done.append((start, end))
            else:
                middle = _border(text, start, (start + end) // 2)
                parts = (_bare(text, start, middle), _bare(text, middle, end))
                halves += [part for part in parts if part[0] < part[1]]
        open_spans = halves
    return sorted(done)


def _parts(page: Page) -> int:
    text = page.text
    parts = text.count("\n")
    if page.form == "markdown":
        parts += HEADING_PARTS * (text.count("\n#") + text.startswith("#"))
    if page.form == "code":
        return parts
    start = 0
    for sentence_end in SENTENCE_END.finditer(text):
        parts += "\n" not in sentence_end.group()  # else it is counted as a line
        if sentence_end.start() - start > LONG_LINE:
            parts += _long_words(text[start : sentence_end.start()])
        start = sentence_end.end()
    return parts + (_long_words(text[start:]) if len(text) - start > LONG_LINE else 0)


def _long_words(text: str) -> int:
    """Return the words of lines that are too long for one sentence."""
    return sum(line.count(" ") for line in text.split("\n") if len(line) > LONG_LINE)


def _windows(text: str, length: int) -> Iterator[tuple[int, int]]:
    start = 0
    while start < len(text):
        end = len(text) if len(text) - start <= length else _border(text, start, start + length)
        span = _bare(text, start, end)
        if span[0] < span[1]:
            yield span
        start = end


def _border(text: str, start: int, end: int) -> int:
    """Return the last place in the second half of a span at which a line ends, else a word, else its end."""
    middle = (start + end) // 2
    for sign in ("\n", " "):
        place = text.rfind(sign, middle, end)
        if place >= 0:
            return place + 1
    return end


def _bare(text: str, start: int, end: int) -> tuple[int, int]:
    """Return a span without the white space at its ends."""
    own = text[start:end]
    first = start + len(own) - len(own.lstrip())
    return first, max(first, start + len(own.rstrip()))
