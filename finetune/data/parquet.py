"""Parquet and Arrow files → rows with their places.

An Arrow file is read in both of its forms: the file (Feather v2 is one), and the stream that `datasets` writes. Values that
`datasets` keeps as JSON, since a column mixes types, are read as the values that they were.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.ipc  # type: ignore[import-untyped]
import pyarrow.parquet  # type: ignore[import-untyped]
from pyarrow import types
from pyarrow.lib import ArrowException, BaseExtensionType  # type: ignore[import-untyped]

from adapt.errors import DataError
from finetune.data.row import Row

PARQUET_MAGIC = b"PAR1"
ARROW_MAGIC = b"ARROW1"
STREAM_MAGIC = b"\xff\xff\xff\xff"  # how a message of an Arrow stream begins
FAULTS = (ArrowException, OSError, UnicodeDecodeError)  # the last by names of columns
Convert = Callable[[Any], object]


def parquet_rows(path: Path) -> Iterator[Row]:
    """Yield the rows of a Parquet file.

    Raises:
        DataError: it is damaged or no Parquet file.
    """
    try:
        table = pyarrow.parquet.ParquetFile(path)
        yield from _numbered(path, table.iter_batches())
    except FAULTS as error:
        raise _damaged(path, "Parquet", error) from error


def arrow_rows(path: Path) -> Iterator[Row]:
    """Yield the rows of an Arrow file, in the form of a file or of a stream.

    Raises:
        DataError: it is damaged or no Arrow file.
    """
    try:
        with pyarrow.memory_map(str(path)) as source:
            if source.read(len(ARROW_MAGIC)) == ARROW_MAGIC:
                file = pyarrow.ipc.open_file(source)
                batches = (file.get_batch(i) for i in range(file.num_record_batches))
            else:
                source.seek(0)
                batches = iter(pyarrow.ipc.open_stream(source))
            yield from _numbered(path, batches)
    except FAULTS as error:
        raise _damaged(path, "Arrow", error) from error


def _numbered(path: Path, batches: Iterator[pyarrow.RecordBatch]) -> Iterator[Row]:
    number = 0
    for batch in batches:
        batch.validate(full=True)  # a damaged one would end the process when its values are read
        convert = _json_within(pyarrow.struct(list(batch.schema)))
        for value in batch.to_pylist(maps_as_pydicts="lossy"):
            number += 1
            yield _row(f"{path}: row {number}", value, convert)


def _row(place: str, value: dict[str, object], convert: Convert | None) -> Row:
    source = json.dumps(value, default=str)
    try:
        filled = {name: _without_nulls(inner) for name, inner in value.items()}
        return Row(place, convert(filled) if convert else filled, source=source)
    except (ValueError, RecursionError) as error:
        return Row(place, fault=f"a value that is kept as JSON is broken ({error})", source=source)


def _without_nulls(value: Any) -> Any:
    """Return a value without the fields that Arrow put in as null: a column's objects all have the fields of any."""
    if isinstance(value, dict):
        return {name: _without_nulls(inner) for name, inner in value.items() if inner is not None}
    return [_without_nulls(inner) for inner in value] if isinstance(value, list) else value


def _json_within(kind: pyarrow.DataType) -> Convert | None:
    """Return what reads the texts of JSON within a value of an Arrow type; None where it holds none."""
    if isinstance(kind, BaseExtensionType):
        is_json = kind.extension_name == "arrow.json"
        return _unless_null(json.loads) if is_json else None
    if types.is_struct(kind):
        fields = {field.name: convert for field in kind if (convert := _json_within(field.type))}
        return _unless_null(lambda value: _fields(value, fields)) if fields else None
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        item = _json_within(kind.value_type)
        return _unless_null(lambda values: [item(value) for value in values]) if item else None
    return None


def _fields(value: dict[str, object], converts: dict[str, Convert]) -> dict[str, object]:
    return {
        name: converts[name](inner) if name in converts else inner for name, inner in value.items()
    }


def _unless_null(convert: Convert) -> Convert:
    return lambda value: None if value is None else convert(value)


def _damaged(path: Path, kind: str, error: Exception) -> DataError:
    first = (str(error).splitlines() or [type(error).__name__])[0]
    return DataError(f"{path}: damaged or not a {kind} file ({first}); fetch or write it again")
