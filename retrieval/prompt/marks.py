"""The [n] in an answer: which are its own citations, and which belong to words that it quotes.

A document may have its own "[2]" or "mesh[1]". What stands beside the same words in a passage is the document's text, and so
are code, Markdown links and footnotes: none of them is a citation. Everything that reads citations asks here.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from retrieval.language.folding import fold
from retrieval.language.terms import WORD

# [1], [1, 3] and [2-4]; Markdown links ([1](…)) and footnotes ([1]: …) are something else, and so are a[1] = 2 and lists
MARK = re.compile(
    r"(?<![=\[{])(?<![=\[{] )(?<!\":)(?<!\": )\[(?P<numbers>\d{1,3}(?:\s*[,;\u2013-]\s*\d{1,3})*)\](?![(:])(?!\s*=|\.\w)"
)
CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]+`|!?\[[^\]\n]*\]\([^)\s]*\)", re.DOTALL)
LEAST_WORDS = 2  # beside a mark, for it to be a quotation's


@dataclass(frozen=True, slots=True)
class Mark:
    """A citation in an answer: the numbers of its passages, and its place."""

    numbers: tuple[int, ...]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    start: int
    end: int
    is_mark: bool
    opens_line: bool
    is_glued: bool  # to the word before it, as in mesh[1]


def own_marks(answer: str, texts: Sequence[str]) -> list[Mark]:
    """Return the citations of an answer, without what belongs to words that it quotes of its passages' texts."""
    tokens = [] if _is_json(answer) else _tokens(answer)
    if not any(token.is_mark for token in tokens):
        return []
    passages = [_tokens(text) for text in texts if "[" in text]
    code = [match.span() for match in CODE.finditer(answer)]
    marks: list[Mark] = []
    for place, token in enumerate(tokens):
        if not token.is_mark or any(start <= token.start < end for start, end in code):
            continue
        if token.is_glued and not texts:
            continue  # where nothing could be cited, a[1] is code
        follows_own = bool(marks) and place > 0 and tokens[place - 1].end == marks[-1].end
        if not any(_is_quoted(tokens, place, passage, follows_own) for passage in passages):
            marks.append(Mark(numbers_of(token.text), token.start, token.end))
    return marks


def _is_json(answer: str) -> bool:
    """Return whether an answer is an object in JSON, as adapters write them: its lists are no citations."""
    if not answer.lstrip().startswith("{"):
        return False
    try:
        json.loads(answer)
    except ValueError:
        return False
    return True


def numbers_of(mark: str) -> tuple[int, ...]:
    """Return 1, 3 for `[1, 3]` and 2, 3, 4 for `[2-4]`."""
    numbers: list[int] = []
    for part in re.split(r"\s*[,;]\s*", mark.strip("[]")):
        ends = [int(n) for n in re.split(r"\s*[\u2013-]\s*", part)]
        numbers += range(ends[0], ends[-1] + 1) if ends[-1] > ends[0] else [ends[0]]
    return tuple(numbers)


def _is_quoted(
    tokens: Sequence[_Token], place: int, passage: Sequence[_Token], follows_own: bool
) -> bool:
    """Return whether a mark stands in a passage as well, beside the same words.

    Before the words it may stand only where a line or a sentence can begin: behind a word it belongs to that word.
    """
    mark = tokens[place]
    for at, token in enumerate(passage):
        if not token.is_mark or token.text != mark.text:
            continue
        before = _common(reversed(tokens[:place]), reversed(passage[:at]))
        behind = _common(tokens[place + 1 :], passage[at + 1 :])
        if before and (before + behind >= LEAST_WORDS or (mark.is_glued and token.is_glued)):
            return True
        opens = mark.opens_line or (follows_own and token.opens_line)
        if opens and behind >= LEAST_WORDS:
            return True
    return False


def _common(answer: Sequence[_Token] | Iterator[_Token], passage: Sequence[_Token] | Iterator[_Token]) -> int:  # fmt: skip
    """Return how many words both begin with, marks between them being the same too."""
    count = 0
    for token, other in zip(answer, passage, strict=False):
        if token.text != other.text:
            break
        count += not token.is_mark
    return count


def _tokens(text: str) -> list[_Token]:
    """Return the words and marks of a text in order, the words folded."""
    tokens: list[_Token] = []
    place = 0
    for match in MARK.finditer(text):
        tokens += _words(text, place, match.start())
        line = text[text.rfind("\n", 0, match.start()) + 1 : match.start()]
        glued = match.start() > 0 and text[match.start() - 1].isalnum()
        mark = re.sub(r"\s+", "", match.group()).replace("\u2013", "-")
        tokens.append(_Token(mark, *match.span(), True, not line.strip(" \t>*-|"), glued))
        place = match.end()
    return tokens + _words(text, place, len(text))


def _words(text: str, start: int, end: int) -> list[_Token]:
    return [
        _Token(fold(match.group()), *match.span(), False, False, False)
        for match in WORD.finditer(text, start, end)
    ]
