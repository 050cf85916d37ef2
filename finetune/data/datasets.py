"""Any dataset → checked rows: each is an example, a preference pair or a rated answer, or an error that names file and line.

Not here: where files lie (`finetune.data.sources`), how they are read (`finetune.data.files`), what rows mean
(`finetune.data.formats`).
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

from adapt.errors import DataError
from adapt.records import Example, Message, PreferencePair, RatedAnswer
from adapt.registry.artifacts import DataRecord, sha256_file
from adapt.registry.licences import join_licences
from adapt.workspace.folder import write_atomic
from finetune.data.files import read_rows
from finetune.data.formats import FORMATS, Read, ReadRow, read_row
from finetune.data.row import Row, RowError
from finetune.data.sources import card_licences, find_files

LICENCE_FIELDS = ("license", "licence", "License", "LICENSE")
R = TypeVar("R", Example, PreferencePair, RatedAnswer)
KINDS: dict[type[Read], str] = {
    Example: "examples",
    PreferencePair: "preference pairs",
    RatedAnswer: "rated answers",
}


@dataclass(frozen=True)
class Layout:
    """How the rows of a dataset are to be understood, where they do not show it themselves.

    Attributes:
        format: the name of a format; None recognises it row by row.
        columns: from the key of a format to the column that stands for it.
        strict: whether a field that is not read makes its row a bad one.
    """

    format: str | None = None
    columns: Mapping[str, str] | None = None
    strict: bool = False

    def __post_init__(self) -> None:
        """Refuse names that no format knows."""
        if self.format is not None and self.format not in FORMATS:
            raise DataError(f"no format named '{self.format}'; there is: {', '.join(FORMATS)}")
        keys = {key for known in FORMATS.values() for key in (*known.needed, *known.optional)}
        for key in self.columns or {}:
            if key not in keys:
                raise DataError(f"columns: no format has a key '{key}'; there is: {', '.join(sorted(keys))}")  # fmt: skip


AS_IT_IS = Layout()


@dataclass(frozen=True)
class RowSet(Generic[R]):
    """Rows of one kind with the places where they stand, and the files that they came from.

    Attributes:
        places: `file:line` of each row.
        format: the name of the recognised format; several, joined by commas, where files differ.
        set_aside: how many bad rows were written to the `skip_bad` file.
        licences: how many rows name each licence, in a field of theirs or, where they do not, in their dataset's card.
        fields: how many rows hold each field that was read.
        unread: likewise each that was not; of turns as `messages[].name`.
    """

    examples: tuple[R, ...]
    places: tuple[str, ...]
    files: tuple[DataRecord, ...]
    format: str
    set_aside: int = 0
    licences: Mapping[str, int] = field(default_factory=dict)
    fields: Mapping[str, int] = field(default_factory=dict)
    unread: Mapping[str, int] = field(default_factory=dict)

    def pick(self, indices: Sequence[int]) -> "RowSet[R]":
        """Return the set of some of its rows."""
        examples = tuple(self.examples[i] for i in indices)
        return replace(self, examples=examples, places=tuple(self.places[i] for i in indices))


ExampleSet = RowSet[Example]


def read_examples(
    sources: Sequence[Path],
    *,
    skip_bad: Path | None = None,
    layout: Layout = AS_IT_IS,
    part: str = "train",
) -> ExampleSet:
    """Return the examples of some datasets; see `read_dataset`.

    Raises:
        DataError: as there, and where the rows are preference pairs or rated answers.
    """
    data = read_dataset(sources, skip_bad=skip_bad, layout=layout, part=part)
    if not isinstance(data.examples[0], Example):
        raise DataError(
            f"{data.places[0]}: {KINDS[type(data.examples[0])]} ({data.format}), where examples with an answer to learn "
            "are wanted; give rows of prompt and completion, or of messages"
        )
    return data


def read_dataset(
    sources: Sequence[Path],
    *,
    skip_bad: Path | None = None,
    layout: Layout = AS_IT_IS,
    part: str = "train",
) -> RowSet[Any]:
    """Return the rows of some datasets: files, folders, or ids on the hub. All of them are of one kind.

    Where preference pairs and rated answers are mixed, a pair becomes two rated answers, the chosen one good.

    Args:
        skip_bad: file into which bad rows are written, each with its place and fault; None makes a bad row an error.
        layout: how rows are to be understood.
        part: which part of a folder or a hub dataset to read, `train` or `test`.

    Raises:
        DataError: a file cannot be read, a row is bad, rows are of two kinds, or there is no row at all.
    """
    rows: list[Read] = []
    places: list[str] = []
    records: list[DataRecord] = []
    formats: Counter[str] = Counter()
    licences: Counter[str] = Counter()
    fields: Counter[str] = Counter()
    unread: Counter[str] = Counter()
    bad: list[tuple[Row, str]] = []
    for path in find_files(sources, part=part):
        before, bad_before = len(rows), len(bad)
        card = card_licences(path)
        named: set[str] = set()  # by this file, "" where a row has none
        for row in read_rows(path):
            try:
                read = _read(row, layout)
                _check_kind(read, rows, places)
            except RowError as fault:
                if skip_bad is None:
                    raise DataError(f"{row.place}: {fault}") from fault
                bad.append((row, str(fault)))
                continue
            formats[read.format] += 1
            fields.update(read.read)
            unread.update(read.unread)
            of_row = _licence(row.value) or card
            licences.update(of_row)
            named.update(of_row or [""])
            rows.append(read.content)
            places.append(row.place)
        if len(rows) == before and len(bad) == bad_before:
            raise DataError(f"{path}: no rows in it; give a file with at least one example")
        records.append(
            DataRecord(
                name=path.name,
                sha256=sha256_file(path),
                rows=len(rows) - before,
                licence="" if "" in named else join_licences(sorted(named)),
            )
        )
    if skip_bad is not None and bad:
        _set_aside(skip_bad, bad)
    rows, places = _of_one_kind(rows, places)
    if not rows:
        row, fault_text = bad[0]
        raise DataError(f"no good row in the data; the first fault: {row.place}: {fault_text}")
    used = ", ".join(name for name, _ in formats.most_common())
    return RowSet(
        tuple(rows),
        tuple(places),
        tuple(records),
        used,
        len(bad),
        dict(licences.most_common()),
        dict(fields.most_common()),
        dict(unread.most_common()),
    )


def _of_one_kind(rows: list[Read], places: list[str]) -> tuple[list[Read], list[str]]:
    """Return rows as they are, or, where pairs and rated answers are mixed as in exported feedback, all as rated answers."""
    if len({type(row) for row in rows}) < 2:
        return rows, places
    rated: list[Read] = []
    where: list[str] = []
    for row, place in zip(rows, places, strict=True):
        if isinstance(row, PreferencePair):
            rated += [
                RatedAnswer(row.prompt, row.chosen, good=True),
                RatedAnswer(row.prompt, row.rejected, good=False),
            ]
            where += [place, place]
        else:
            rated.append(row)
            where.append(place)
    return rated, where


def _licence(row: object) -> list[str]:
    """Return the licence that a row names, if it does."""
    if not isinstance(row, Mapping):
        return []
    named = next((row[key] for key in LICENCE_FIELDS if row.get(key)), None)
    return [str(named)[:100]] if named else []


def _read(row: Row, layout: Layout) -> ReadRow:
    read = read_row(row.readable, name=layout.format, columns=layout.columns)
    unread = read.unread - {*LICENCE_FIELDS}
    if layout.strict and unread:
        raise RowError(f"'{min(unread)}' is not read, and --strict wants all of it")
    return replace(read, unread=unread)


def _check_kind(read: ReadRow, rows: Sequence[Read], places: Sequence[str]) -> None:
    if rows and isinstance(read.content, Example) != isinstance(rows[0], Example):
        first = f"{places[0]} has {KINDS[type(rows[0])]}"
        raise RowError(
            f"{KINDS[type(read.content)]} ({read.format}), where {first}; give each kind a run of its own"
        )


def _set_aside(path: Path, bad: Sequence[tuple[Row, str]]) -> None:
    lines = [
        json.dumps({"place": row.place, "fault": fault, "row": row.source}, ensure_ascii=False)
        for row, fault in bad
    ]
    write_atomic(path, "\n".join(lines) + "\n")


def as_example(row: Read) -> Example:
    """Return what of a row is read in one piece: of a preference pair its longer side, of a rated answer that answer."""
    if isinstance(row, Example):
        return row
    if isinstance(row, PreferencePair):
        return Example((*row.prompt, Message("assistant", max(row.chosen, row.rejected, key=len))))
    return Example((*row.prompt, Message("assistant", row.answer)))
