"""What a text refers to by a number, a date, a sign or a name, in forms that do not depend on how it is written.

A text's terms are its words (`retrieval.language.terms`) and these beside them. Composed characters (NFC) are expected.
"""

import re
from collections.abc import Iterator

from retrieval.language.folding import fold
from retrieval.language.forms.amounts import amounts, amounts_in_words
from retrieval.language.forms.codes import codes, joined
from retrieval.language.forms.dates import dates, times
from retrieval.language.forms.labels import labels, lettered
from retrieval.language.forms.normal_form import Form

DIGITS = re.compile(r"\d+")
AROUND = 30  # characters of a date or a code beside its digits
FILE = re.compile(r"(?<![\w./@-])[\w-][\w.-]*\.[A-Za-z][A-Za-z0-9]{1,4}(?![\w@])")
QUOTED = re.compile(r"\"([^\"\n]{1,80})\"|“([^”\n]{1,80})”|«([^»\n]{1,80})»|„([^“”\n]{1,80})[“”]")
NAME = re.compile(r"(?<![\w.'\u2019-])[A-ZÀ-Þ][^\W\d_]{1,11}(?![\w'\u2019])")
SENTENCE_START = re.compile(r"(?:^|[.!?:;\n\"“«„(¿¡•|#*-]\s*)$")


def references(text: str, small: frozenset[str]) -> list[Form]:
    """Return the forms of a text.

    Args:
        small: words that name nothing, folded, unless they stand as names do.
    """
    forms = [*labels(text), *amounts_in_words(text), *joined(text)]
    for start, end in _numbered(text):
        days = [*dates(text, start, end), *times(text, start, end)]
        others = [*amounts(text, start, end), *codes(text, start, end, small)]
        forms += [*days, *(form for form in others if not _within(form, days))]
    for match in FILE.finditer(text):
        forms.append(Form(*match.span(), frozenset({f"f:{fold(match.group())}"})))
    if not text.isupper():
        forms += lettered(text, small)
        forms += names(text, small)
    return forms


def _numbered(text: str) -> Iterator[tuple[int, int]]:
    """Yield the parts of a text that are around its digits, whole words; few texts have many."""
    start, end = 0, -1
    for match in DIGITS.finditer(text):
        if match.start() < end:
            continue
        if end < 0 or match.start() - AROUND > end:
            if end >= 0:
                yield start, end
            start = max(match.start() - AROUND, 0)
            while start and not text[start - 1].isspace():
                start -= 1
        end = min(match.end() + AROUND, len(text))
        while end < len(text) and not text[end].isspace():
            end += 1
    if end >= 0:
        yield start, end


def names(text: str, small: frozenset[str]) -> Iterator[Form]:
    """Yield the small words that a text writes as names: all in capitals, or with one within a sentence."""
    for match in NAME.finditer(text):
        word = match.group()
        if word.lower() not in small or _line(text, match.start()).isupper():
            continue
        inside = SENTENCE_START.search(text, max(match.start() - 3, 0), match.start()) is None
        if word.isupper() or (word[1:].islower() and inside):
            yield Form(*match.span(), frozenset({f"c:{word.lower()}"}))


def _line(text: str, place: int) -> str:
    end = text.find("\n", place)
    return text[text.rfind("\n", 0, place) + 1 : len(text) if end < 0 else end]


def quoted(text: str) -> list[tuple[int, int]]:
    """Return where a text stands in quotation marks."""
    return [match.span() for match in QUOTED.finditer(text)]


def _within(form: Form, others: list[Form]) -> bool:
    return any(other.start <= form.start and form.end <= other.end for other in others)
