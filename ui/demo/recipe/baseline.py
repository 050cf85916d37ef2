"""Naive Bayes over the words of a message: the yardstick for the routing task, without any model."""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Sequence

from ui.demo.recipe.rows import Row

_WORD = re.compile(r"\w+")


def naive_bayes_accuracy(train: Sequence[Row], test: Sequence[Row]) -> float:
    """Return the share of test rows whose answer a multinomial naive Bayes, add-one smoothed, gets right."""
    words: dict[str, Counter[str]] = defaultdict(Counter)
    answers: Counter[str] = Counter()
    for row in train:
        answers[row.answer] += 1
        words[row.answer].update(_words(row))
    vocabulary = {word for counts in words.values() for word in counts}
    sums = {answer: sum(counts.values()) + len(vocabulary) for answer, counts in words.items()}

    def score(answer: str, row: Row) -> float:
        known = [word for word in _words(row) if word in vocabulary]
        return math.log(answers[answer]) + sum(
            math.log((words[answer][word] + 1) / sums[answer]) for word in known
        )

    right = sum(max(answers, key=lambda a: score(a, row)) == row.answer for row in test)
    return right / len(test)


def _words(row: Row) -> list[str]:
    return _WORD.findall(row.prompt.lower())
