"""What is in a dataset before it is trained on: lengths, duplicates, overlap, and one row as the model sees it."""

import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import JsonValue
from transformers import PreTrainedTokenizerBase

from adapt.records import Example
from adapt.rendering import encode, render
from finetune.datasets import ExampleSet
from finetune.split import count_leaks

BINS = 8
BAR = 30


@dataclass(frozen=True)
class DataReport:
    """What `adapt data check` says; lengths are tokens of the whole rendered row.

    Attributes:
        histogram: (upper bound in tokens, rows) per bin.
        duplicates: rows beyond the first of each exact repetition.
        overlap: test rows whose prompt the training rows have too; None where no test rows were given.
        too_long: places of the rows longer than the context.
    """

    rows: int
    format: str
    set_aside: int
    shortest: int
    median: int
    p95: int
    longest: int
    histogram: tuple[tuple[int, int], ...]
    duplicates: int
    overlap: int | None
    context_length: int
    too_long: tuple[str, ...]
    first: str

    def lines(self) -> list[str]:
        """Return the report for people."""
        most = max(count for _, count in self.histogram)
        bars = [
            f"  ≤ {bound:>6} tokens  {'█' * round(BAR * count / most):<{BAR}} {count}"
            for bound, count in self.histogram
        ]
        overlap = "" if self.overlap is None else f" · in the test set too: {self.overlap}"
        long = f", the first is {self.too_long[0]}" if self.too_long else ""
        aside = f" · set aside: {self.set_aside}" if self.set_aside else ""
        return [
            f"{self.rows} rows · format {self.format}{aside}",
            f"tokens per row: {self.shortest} min · {self.median} median · {self.p95} p95 · {self.longest} max",
            *bars,
            f"exact duplicates: {self.duplicates}{overlap}",
            f"longer than the context of {self.context_length} tokens: {len(self.too_long)}{long}",
            "the first row as the model sees it:",
            *(f"  {line}" for line in self.first.rstrip("\n").split("\n")),
        ]

    def as_json(self) -> dict[str, JsonValue]:
        """Return the report for scripts."""
        return {
            "rows": self.rows,
            "format": self.format,
            "set_aside": self.set_aside,
            "tokens": {
                "min": self.shortest,
                "median": self.median,
                "p95": self.p95,
                "max": self.longest,
                "histogram": [[bound, count] for bound, count in self.histogram],
            },
            "duplicates": self.duplicates,
            "overlap": self.overlap,
            "context_length": self.context_length,
            "too_long": list(self.too_long),
            "first": self.first,
        }


def check(
    data: ExampleSet,
    tokenizer: PreTrainedTokenizerBase,
    *,
    context_length: int,
    test: Sequence[Example] | None = None,
) -> DataReport:
    """Return what is in a dataset, measured with the tokenizer of the base that it is meant for."""
    texts = [render(tokenizer, e.messages, add_generation_prompt=False) for e in data.examples]
    lengths = [len(encode(tokenizer, text)) for text in texts]
    ordered = sorted(lengths)
    pairs = zip(data.places, lengths, strict=True)
    return DataReport(
        rows=len(lengths),
        format=data.format,
        set_aside=data.set_aside,
        shortest=ordered[0],
        median=round(statistics.median(ordered)),
        p95=ordered[min(len(ordered) - 1, round(0.95 * len(ordered)))],
        longest=ordered[-1],
        histogram=_histogram(lengths),
        duplicates=count_duplicates(data.examples),
        overlap=None if test is None else count_leaks(data.examples, test),
        context_length=context_length,
        too_long=tuple(place for place, length in pairs if length > context_length),
        first=texts[0],
    )


def count_duplicates(examples: Sequence[Example]) -> int:
    """Return how many rows repeat an earlier row exactly."""
    return sum(count - 1 for count in Counter(example.messages for example in examples).values())


def _histogram(lengths: Sequence[int]) -> tuple[tuple[int, int], ...]:
    low, high = min(lengths), max(lengths)
    width = max(-(-(high - low + 1) // BINS), 1)
    counts = Counter((length - low) // width for length in lengths)
    return tuple((low + (n + 1) * width - 1, counts[n]) for n in range(max(counts) + 1))
