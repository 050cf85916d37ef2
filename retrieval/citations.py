"""Citations: which passages the [n] of an answer point to, and the removal of those that point to nothing."""

import re
from collections.abc import Sequence

from adapt.records import ContextPiece, Passage

# [1], [1, 3] and [2-4]; Markdown links ([1](…)) and footnotes ([1]: …) are something else, and so is code.
CODE = re.compile(r"(```.*?(?:```|\Z)|`[^`\n]+`)", re.DOTALL)
CITATION = re.compile(
    r"(?P<space>[ \t]*)\[(?P<numbers>\d{1,3}(?:\s*[,;\u2013-]\s*\d{1,3})*)\](?![(:])"
)


def cited(answer: str, passages: Sequence[Passage | ContextPiece]) -> list[int]:
    """Return the numbers of the passages that an answer cites, in the order of their first mention."""
    numbers: list[int] = []
    for match in CITATION.finditer(CODE.sub("", answer)):
        for number in _numbers(match["numbers"]):
            if 1 <= number <= len(passages) and number not in numbers:
                numbers.append(number)
    return numbers


def check(answer: str, passages: Sequence[Passage | ContextPiece]) -> tuple[str, int]:
    """Return the answer without citations of passages that there are not, and how many were removed."""
    removed = 0

    def mend(match: re.Match[str]) -> str:
        nonlocal removed
        numbers = _numbers(match["numbers"])
        good = [n for n in numbers if 1 <= n <= len(passages)]
        removed += len(numbers) - len(good)
        if len(good) == len(numbers):
            return match.group()
        return f"{match['space']}[{', '.join(map(str, good))}]" if good else ""

    parts = CODE.split(answer)  # code stands at the odd places
    parts[::2] = [CITATION.sub(mend, text) for text in parts[::2]]
    return "".join(parts), removed


def _numbers(text: str) -> list[int]:
    """Return 1, 3 for `1, 3` and 2, 3, 4 for `2-4`."""
    numbers: list[int] = []
    for part in re.split(r"\s*[,;]\s*", text):
        ends = [int(n) for n in re.split(r"\s*[\u2013-]\s*", part)]
        numbers += range(ends[0], ends[-1] + 1) if ends[-1] > ends[0] else [ends[0]]
    return numbers
