"""What is in a dataset before it is trained on: lengths, repetitions, languages, licences, overlap, a row as read."""

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import JsonValue

from adapt.records import Example, PreferencePair
from finetune.data.datasets import KINDS, RowSet, as_example
from finetune.data.formats import Read
from finetune.data.split import count_leaks
from finetune.planning.control_tokens import control_warnings, listed
from finetune.planning.overlap import RUN, count_shared_runs
from finetune.tokens.examples import Encoder

BINS = 8
BAR = 30
SAMPLED = 2000  # rows whose language is determined, evenly over the file
SHORT = 40  # letters; of less a language is guessed, not told


@dataclass(frozen=True)
class DataReport:
    """What `adapt data check` says; lengths are tokens of the whole row as the model sees it.

    Attributes:
        kind: what the rows are (examples, preference pairs, rated answers).
        histogram: (upper bound in tokens, rows) per bin.
        duplicates: rows beyond the first of each exact repetition.
        overlap: test rows whose prompt the training rows have too; None where no test rows were given.
        shared_runs: further test rows that share a run of 13 words with a training row; None likewise.
        too_long: places of the rows longer than the context.
        languages: rows by language code, `short` where a row is too short to tell; of a sample of 2,000.
        licences: by what rows or the dataset's card name as licence.
        fields, unread: how many rows hold each field that was read, and each that was not.
        good: of rated answers how many are good ones; None for other kinds.
    """

    rows: int
    kind: str
    format: str
    set_aside: int
    shortest: int
    median: int
    p95: int
    longest: int
    histogram: tuple[tuple[int, int], ...]
    duplicates: int
    overlap: int | None
    shared_runs: int | None
    context_length: int
    too_long: tuple[str, ...]
    languages: dict[str, int]
    licences: dict[str, int]
    good: int | None
    first: str
    fields: Mapping[str, int]
    unread: Mapping[str, int]
    warnings: tuple[str, ...]

    def lines(self) -> list[str]:
        """Return the report for people."""
        most = max(count for _, count in self.histogram)
        bars = [
            f"  ≤ {bound:>6} tokens  {'█' * round(BAR * count / most):<{BAR}} {count}"
            for bound, count in self.histogram
        ]
        long = f", the first is {self.too_long[0]}" if self.too_long else ""
        aside = f" · bad rows set aside: {self.set_aside}" if self.set_aside else ""
        rated = [] if self.good is None else [f"good answers: {self.good} of {self.rows}"]
        shared = f"test rows whose prompt is trained on: {self.overlap} · with {RUN} words in a row: {self.shared_runs}"
        overlap = [] if self.overlap is None else [shared]
        return [
            f"{self.rows} {self.kind} · format {self.format}{aside}",
            f"read: {listed(self.fields)}",
            f"not read: {listed(self.unread) or 'nothing'}",
            *rated,
            f"tokens per row: {self.shortest} min · {self.median} median · {self.p95} p95 · {self.longest} max",
            *bars,
            f"exact duplicates: {self.duplicates}",
            *overlap,
            f"longer than the context of {self.context_length} tokens: {len(self.too_long)}{long}",
            f"languages: {listed(self.languages)}",
            f"licences named: {listed(self.licences) or 'none'}",
            "the first row as the model sees it:",
            *(f"  {line}" for line in self.first.rstrip("\n").split("\n")),
            *(f"warning: {warning}" for warning in self.warnings),
        ]

    def as_json(self) -> dict[str, JsonValue]:
        """Return the report for scripts."""
        return {
            "rows": self.rows,
            "kind": self.kind,
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
            "shared_runs": self.shared_runs,
            "context_length": self.context_length,
            "too_long": list(self.too_long),
            "languages": dict(self.languages),
            "licences": dict(self.licences),
            "good": self.good,
            "first": self.first,
            "fields": dict(self.fields),
            "unread": dict(self.unread),
            "warnings": list(self.warnings),
        }


def check(
    data: RowSet[Any],
    encoder: Encoder,
    *,
    context_length: int,
    test: Sequence[Example] | None = None,
) -> DataReport:
    """Return what is in a dataset, measured with the tokenizer of the base that it is meant for.

    Args:
        test: rows to look for among those of the dataset, where that holds examples.
    """
    shown = [as_example(row) for row in data.examples]
    texts = [encoder.seen(example) for example in shown]
    lengths = [encoder.count(text) for text in texts]
    ordered = sorted(lengths)
    pairs = zip(data.places, lengths, strict=True)
    kind = type(data.examples[0])
    return DataReport(
        rows=len(lengths),
        kind=KINDS[kind],
        format=data.format,
        set_aside=data.set_aside,
        shortest=ordered[0],
        median=round(statistics.median(ordered)),
        p95=ordered[min(len(ordered) - 1, round(0.95 * len(ordered)))],
        longest=ordered[-1],
        histogram=_histogram(lengths),
        duplicates=count_duplicates(data.examples),
        overlap=None if test is None else count_leaks(shown, test),
        shared_runs=None if test is None else count_shared_runs(shown, test),
        context_length=context_length,
        too_long=tuple(place for place, length in pairs if length > context_length),
        languages=_languages(shown),
        licences=dict(data.licences),
        good=None if kind in (Example, PreferencePair) else sum(row.good for row in data.examples),
        first=texts[0],
        fields=data.fields,
        unread=data.unread,
        warnings=tuple(control_warnings(encoder, data)),
    )


def count_duplicates(rows: Sequence[Read]) -> int:
    """Return how many rows repeat an earlier row exactly."""
    return sum(count - 1 for count in Counter(rows).values())


def _histogram(lengths: Sequence[int]) -> tuple[tuple[int, int], ...]:
    low, high = min(lengths), max(lengths)
    width = max(-(-(high - low + 1) // BINS), 1)
    counts = Counter((length - low) // width for length in lengths)
    return tuple((low + (n + 1) * width - 1, counts[n]) for n in range(max(counts) + 1))


def _languages(examples: Sequence[Example]) -> dict[str, int]:
    step = max(1, -(-len(examples) // SAMPLED))
    counts: Counter[str] = Counter()
    for example in examples[::step]:
        text = " ".join(m.content for m in example.messages if m.role != "system")
        long = sum(map(str.isalpha, text)) >= SHORT
        counts[_identify(text[:1000]) if long else "short"] += 1
    return dict(counts.most_common())


@cache
def _identify(text: str) -> str:
    import py3langid  # half a second at its first text; only checks need it

    return str(py3langid.classify(text)[0])
