"""Metrics: how right one answer is, in [0, 1], against the one expected; and which metric fits a set of expected answers."""

import json
import re
import statistics
import string
from collections import Counter
from collections.abc import Callable, Sequence

_WORD = re.compile(r"\w+")
_ARTICLES = re.compile(r"\b(a|an|the)\b")
_SQL = re.compile(r"\s*(?:select|insert|update|delete|with|create)\b", re.IGNORECASE)
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
SHORT, MIDDLING = 6, 20  # words of an answer


def normalise(text: str) -> str:
    """Return text for comparison: lower case, white space folded, no full stop at the end."""
    return re.sub(r"\s+", " ", text).strip().rstrip(".").casefold()


def exact(answer: str, expected: str) -> float:
    """Return 1.0 when both are the same after `normalise`, else 0.0."""
    return float(normalise(answer) == normalise(expected))


def token_f1(answer: str, expected: str) -> float:
    """Return the F1 of shared words as SQuAD scores answers: without case, punctuation and English articles.

    Reference: Rajpurkar et al. 2016, arXiv:1606.05250, and the script of SQuAD 2.0, by which two empty answers are the same.
    """
    got, want = _squad_words(answer), _squad_words(expected)
    return _f1(sum((Counter(got) & Counter(want)).values()), len(got), len(want))


def _squad_words(text: str) -> list[str]:
    bare = "".join(sign for sign in text.lower() if sign not in string.punctuation)
    return _ARTICLES.sub(" ", bare).split()


def rouge_l(answer: str, expected: str) -> float:
    """Return the F1 of the longest common subsequence of words, without case (Lin 2004, ROUGE-L of one sentence)."""
    got, want = _WORD.findall(answer.casefold()), _WORD.findall(expected.casefold())
    return _f1(_longest_common(got, want), len(got), len(want))


def _f1(shared: int, got: int, want: int) -> float:
    if not got or not want or not shared:
        return float(got == want == 0)
    return 2 * shared / (got + want)


def _longest_common(first: Sequence[str], second: Sequence[str]) -> int:
    row = [0] * (len(second) + 1)
    for word in first:
        before = 0
        for place, other in enumerate(second, start=1):
            kept = row[place]
            row[place] = before + 1 if word == other else max(row[place], row[place - 1])
            before = kept
    return row[-1]


def valid_json(answer: str, expected: str) -> float:
    """Return 1.0 for an answer that is JSON, whatever it says."""
    return float(_parsed(answer) is not None)


def same_json(answer: str, expected: str) -> float:
    """Return 1.0 for JSON that says what the expected JSON says, however it is written."""
    got, want = _parsed(answer), _parsed(expected)
    return float(got is not None and got == want)


def _parsed(text: str) -> tuple[object] | None:
    try:
        return (json.loads(text),)
    except (ValueError, RecursionError):
        return None


def same_sql(answer: str, expected: str) -> float:
    """Return 1.0 for the same query except for white space, case outside quotation marks, their kind, and the semicolon."""
    return float(_folded(answer) == _folded(expected))


def _folded(query: str) -> str:
    parts: list[str] = []
    place = 0
    for match in _QUOTED.finditer(query):
        parts += [query[place : match.start()].casefold(), f"'{match.group()[1:-1]}'"]
        place = match.end()
    joined = "".join([*parts, query[place:].casefold()]).strip().rstrip(";")
    return re.sub(r"\s*([(),<>=!]+)\s*", r"\1", re.sub(r"\s+", " ", joined)).strip()


METRICS: dict[str, Callable[[str, str], float]] = {
    "exact": exact, "f1": token_f1, "rouge": rouge_l, "json": same_json, "valid-json": valid_json, "sql": same_sql,
}  # fmt: skip


def choose_metric(answers: Sequence[str]) -> str:
    """Return the metric that fits these expected answers: JSON and SQL by what they say, the rest by how long they are."""
    if all(answer.lstrip()[:1] in ("{", "[") and _parsed(answer) for answer in answers):
        return "json"
    if all(_SQL.match(answer) for answer in answers):
        return "sql"
    words = statistics.median(len(answer.split()) for answer in answers)
    return "exact" if words <= SHORT else "f1" if words <= MIDDLING else "rouge"
