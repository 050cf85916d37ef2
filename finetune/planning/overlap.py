"""Which test rows share long runs of words with training rows, as GPT-3's authors looked for (arXiv:2005.14165, C)."""

import re
from collections.abc import Iterable, Iterator, Sequence

from adapt.evaluation.prompts import prompt_key
from adapt.records import Example

RUN = 13  # words; shorter runs are shared by chance
_WORD = re.compile(r"\w+")


def count_shared_runs(train: Sequence[Example], test: Sequence[Example]) -> int:
    """Return how many test rows share a run of 13 words with a training row, but not their whole prompt."""
    prompts = {prompt_key(example) for example in train}
    seen = {run for example in train for run in _runs(example)}
    return sum(
        prompt_key(example) not in prompts and any(run in seen for run in _runs(example))
        for example in test
    )


def _runs(example: Example) -> Iterator[int]:
    """Yield a hash of every run of words of an example, the system message left out: that is one for many rows."""
    words = list(_words(m.content for m in example.messages if m.role != "system"))
    for start in range(len(words) - RUN + 1):
        yield hash(tuple(words[start : start + RUN]))


def _words(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        yield from _WORD.findall(text.casefold())
