"""Any dataset file → checked examples: each row is an example, or an error that names file and line.

Not here: how files are read (`finetune.files`) and what rows mean (`finetune.formats`).
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from adapt.artifacts import DataRecord, sha256_file
from adapt.errors import DataError
from adapt.records import Example
from adapt.workspace import write_atomic
from finetune.files import Row, RowError, read_rows
from finetune.formats import read_example


@dataclass(frozen=True)
class ExampleSet:
    """Examples with the places where they stand, and the files that they came from.

    Attributes:
        places: `file:line` of each example.
        format: the name of the recognised format; several, joined by commas, where files differ.
        set_aside: how many bad rows were written to the `skip_bad` file.
    """

    examples: tuple[Example, ...]
    places: tuple[str, ...]
    files: tuple[DataRecord, ...]
    format: str
    set_aside: int = 0

    def pick(self, indices: Sequence[int]) -> "ExampleSet":
        """Return the set of some of its examples."""
        return ExampleSet(
            tuple(self.examples[i] for i in indices),
            tuple(self.places[i] for i in indices),
            self.files,
            self.format,
            self.set_aside,
        )


def read_examples(paths: Sequence[Path], *, skip_bad: Path | None = None) -> ExampleSet:
    """Return the examples of some files.

    Args:
        skip_bad: file into which bad rows are written, each with its place and fault; None makes a bad row an error.

    Raises:
        DataError: a file cannot be read, a row is bad, or there is no example at all.
    """
    if not paths:
        raise DataError("no data file was named; name at least one")
    examples: list[Example] = []
    places: list[str] = []
    records: list[DataRecord] = []
    formats: Counter[str] = Counter()
    bad: list[tuple[Row, str]] = []
    for path in paths:
        before = len(examples)
        for row in read_rows(path):
            try:
                name, example = read_example(row.readable)
            except RowError as fault:
                if skip_bad is None:
                    raise DataError(f"{row.place}: {fault}") from fault
                bad.append((row, str(fault)))
                continue
            formats[name] += 1
            examples.append(example)
            places.append(row.place)
        if len(examples) == before and not bad:
            raise DataError(f"{path}: no rows in it; give a file with at least one example")
        rows = len(examples) - before
        records.append(DataRecord(name=path.name, sha256=sha256_file(path), rows=rows))
    if skip_bad is not None and bad:
        _set_aside(skip_bad, bad)
    if not examples:
        row, fault_text = bad[0]
        raise DataError(f"no good row in the data; the first fault: {row.place}: {fault_text}")
    used = ", ".join(name for name, _ in formats.most_common())
    return ExampleSet(tuple(examples), tuple(places), tuple(records), used, len(bad))


def _set_aside(path: Path, bad: Sequence[tuple[Row, str]]) -> None:
    lines = [
        json.dumps({"place": row.place, "fault": fault, "row": row.source}, ensure_ascii=False)
        for row, fault in bad
    ]
    write_atomic(path, "\n".join(lines) + "\n")
