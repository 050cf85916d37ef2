"""Files of rows → rows with their places: JSONL, JSON, CSV, TSV, Parquet, and the text ones also compressed with gzip.

A row that cannot be read comes out with its fault, so that the caller may set it aside; a file that cannot be read at all
is a `DataError`. Not here: what a row means (`finetune.formats`).
"""

import csv
import gzip
import io
import json
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet  # type: ignore[import-untyped]
from pyarrow.lib import ArrowException  # type: ignore[import-untyped]

from adapt.errors import DataError

GZIP_MAGIC = b"\x1f\x8b"
CONTAINERS = (
    "data",
    "rows",
    "examples",
    "train",
)  # keys under which a JSON object may keep its rows


@dataclass(frozen=True)
class Row:
    """One row as it stands in a file; `fault` says why it could not be read, empty where it could."""

    place: str
    value: object = None
    fault: str = ""
    source: str = ""

    @property
    def readable(self) -> object:
        """Return the value.

        Raises:
            RowError: the row could not be read.
        """
        if self.fault:
            raise RowError(self.fault)
        return self.value


class RowError(Exception):
    """Why a row is no example; its text is the clause that follows the row's place."""


def read_rows(path: Path) -> Iterator[Row]:
    """Yield the rows of a file, in order; blank lines are not rows.

    Raises:
        DataError: the file is missing, a folder, of an unknown kind, not UTF-8, or damaged; the text names it.
    """
    if path.is_dir():
        raise DataError(f"{path}: a folder, not a file; name the files in it")
    if not path.is_file():
        raise DataError(f"{path}: no such file; check the path")
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] == ".gz":
        suffixes.pop()
    kind = suffixes[-1] if suffixes else ""
    if kind == ".parquet":
        return _parquet(path)
    reader = READERS.get(kind)
    if reader is None:
        known = ", ".join([*READERS, ".parquet"])
        raise DataError(
            f"{path}: unknown kind of file '{kind}'; known are {known}, and .gz of them"
        )
    return reader(path, _text(path))


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
        if data.startswith(GZIP_MAGIC):
            data = gzip.decompress(data)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{path}: damaged gzip ({error}); fetch or compress it again") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); check its rights") from error
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DataError(f"{path}:{line}: not UTF-8; save the file as UTF-8") from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise DataError(f"{path}:{line}: a null byte; this is not a text file, or it is damaged")
    return text


def _json_lines(path: Path, text: str) -> Iterator[Row]:
    if text.lstrip().startswith("["):
        yield from _json(path, text)
        return
    # not splitlines(): a JSON string may hold U+2028, which is no end of a line here
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield _parse(f"{path}:{number}", line)


def _parse(place: str, line: str) -> Row:
    try:
        return Row(place, json.loads(line), source=line)
    except json.JSONDecodeError as error:
        return Row(place, fault=f"broken JSON, {error.msg} at column {error.colno}", source=line)
    except (RecursionError, ValueError) as error:  # nested too deep; a number of too many digits
        return Row(place, fault=f"JSON that cannot be read ({type(error).__name__})", source=line)


def _json(path: Path, text: str) -> Iterator[Row]:
    if not text.strip():
        return
    whole = _parse(str(path), text)
    if whole.fault and "Extra data" in whole.fault:  # one object per line under the wrong name
        yield from _json_lines(path, text)
        return
    if whole.fault:
        raise DataError(f"{path}: {whole.fault}")
    rows = whole.value
    if isinstance(rows, dict):
        inner = next((rows[key] for key in CONTAINERS if isinstance(rows.get(key), list)), None)
        rows = [rows] if inner is None else inner
    if not isinstance(rows, list):
        raise DataError(f"{path}: a list of rows is expected, this is a {type(rows).__name__}")
    for number, value in enumerate(rows, start=1):
        yield Row(f"{path}: row {number}", value, source=json.dumps(value, ensure_ascii=False))


def _comma_separated(path: Path, text: str) -> Iterator[Row]:
    header = text.partition("\n")[0]
    yield from _table(path, text, ";" if ";" in header and "," not in header else ",")


def _tab_separated(path: Path, text: str) -> Iterator[Row]:
    yield from _table(path, text, "\t")


def _table(path: Path, text: str, delimiter: str) -> Iterator[Row]:
    csv.field_size_limit(2**31 - 1)  # the default, 131,072 characters, is less than a long document
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        columns = [name.strip() for name in next(reader, [])]
        doubled = sorted({name for name in columns if columns.count(name) > 1})
        if doubled:
            raise DataError(f"{path}:1: column '{doubled[0]}' occurs twice; rename one")
        begin = reader.line_num + 1
        for cells in reader:
            place, begin = f"{path}:{begin}", reader.line_num + 1
            if not cells:
                continue
            source = json.dumps(cells, ensure_ascii=False)
            if len(cells) != len(columns):
                fault = f"{len(cells)} cells where the header has {len(columns)}"
                yield Row(place, fault=fault, source=source)
            else:
                yield Row(place, dict(zip(columns, cells, strict=True)), source=source)
    except csv.Error as error:
        raise DataError(f"{path}:{reader.line_num}: broken table ({error})") from error


def _parquet(path: Path) -> Iterator[Row]:
    try:
        rows = pyarrow.parquet.read_table(path).to_pylist()
    except (ArrowException, OSError) as error:
        first = str(error).splitlines()[0]
        raise DataError(f"{path}: damaged or not a Parquet file ({first})") from error
    for number, value in enumerate(rows, start=1):
        yield Row(f"{path}: row {number}", value, source=json.dumps(value, default=str))


READERS: dict[str, Callable[[Path, str], Iterator[Row]]] = {
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
    ".json": _json,
    ".csv": _comma_separated,
    ".tsv": _tab_separated,
}
