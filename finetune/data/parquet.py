"""Parquet and Arrow files → rows with their places.

An Arrow file is read in both of its forms: the file (Feather v2 is one), and the stream that `datasets` writes.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow.ipc  # type: ignore[import-untyped]
import pyarrow.parquet  # type: ignore[import-untyped]
from pyarrow.lib import ArrowException  # type: ignore[import-untyped]

from adapt.errors import DataError
from finetune.data.row import Row

PARQUET_MAGIC = b"PAR1"
ARROW_MAGIC = b"ARROW1"
STREAM_MAGIC = b"\xff\xff\xff\xff"  # how a message of an Arrow stream begins


def parquet_rows(path: Path) -> Iterator[Row]:
    """Yield the rows of a Parquet file.

    Raises:
        DataError: it is damaged or no Parquet file.
    """
    try:
        table = pyarrow.parquet.ParquetFile(path)
        yield from _numbered(path, table.iter_batches())
    except (ArrowException, OSError) as error:
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
    except (ArrowException, OSError) as error:
        raise _damaged(path, "Arrow", error) from error


def _numbered(path: Path, batches: Iterator[pyarrow.RecordBatch]) -> Iterator[Row]:
    number = 0
    for batch in batches:
        for value in batch.to_pylist(maps_as_pydicts="lossy"):
            number += 1
            yield Row(f"{path}: row {number}", value, source=json.dumps(value, default=str))


def _damaged(path: Path, kind: str, error: Exception) -> DataError:
    first = (str(error).splitlines() or [type(error).__name__])[0]
    return DataError(f"{path}: damaged or not a {kind} file ({first}); fetch or write it again")
