"""Files of rows → rows with their places: JSONL, JSON, CSV, TSV, Parquet, Arrow, running text; text also compressed.

What a file holds is recognised by its first bytes where possible, else by its name. A row that cannot be read comes out with
its fault, so that the caller may set it aside; a file that cannot be read at all is a `DataError`. Not here: folders
(`finetune.data.sources`) and what a row means (`finetune.data.formats`).
"""

import bz2
import csv
import gzip
import io
import json
import lzma
import re
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from adapt.errors import DataError
from finetune.data.parquet import ARROW_MAGIC, PARQUET_MAGIC, STREAM_MAGIC, arrow_rows, parquet_rows
from finetune.data.row import Row, RowError

COMPRESSED: dict[bytes, tuple[str, Callable[[bytes], bytes]]] = {
    b"\x1f\x8b": ("gzip", gzip.decompress),
    b"BZh": ("bzip2", bz2.decompress),
    b"\xfd7zXZ\x00": ("xz", lzma.decompress),
}
UNKNOWN_PACKING = {b"PK\x03\x04": "a zip archive", b"\x28\xb5\x2f\xfd": "compressed with zstandard"}
CONTAINERS = ("data", "rows", "examples", "train")  # keys of a JSON object that may hold its rows
PAGE = 4000  # characters
_PACKED_ENDINGS = (".gz", ".bz2", ".xz")


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
    if suffixes and suffixes[-1] in _PACKED_ENDINGS:
        suffixes.pop()
    kind = suffixes[-1] if suffixes else ""
    try:
        with path.open("rb") as file:
            begins = file.read(8)
    except OSError as error:
        raise _unreadable(path, error) from error
    if kind == ".parquet" or begins.startswith(PARQUET_MAGIC):
        return parquet_rows(path)
    if kind in (".arrow", ".feather") or begins.startswith((ARROW_MAGIC, STREAM_MAGIC)):
        return arrow_rows(path)
    if kind not in READERS:
        known = ", ".join(KNOWN)
        raise DataError(
            f"{path}: unknown kind of file '{kind}'; known are {known}, and those of text with {', '.join(_PACKED_ENDINGS)}"
        )
    return READERS[kind](path, _text(path))


def _unreadable(path: Path, error: OSError) -> DataError:
    return DataError(f"{path}: cannot be read ({error.strerror}); check its permissions")


def _text(path: Path) -> str:
    try:
        data = _unpacked(path, path.read_bytes())
    except OSError as error:
        raise _unreadable(path, error) from error
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DataError(f"{path}: UTF-16, not UTF-8; save the file as UTF-8")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DataError(f"{path}:{line}: not UTF-8; save the file as UTF-8") from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise DataError(f"{path}:{line}: a null byte; this is not a text file, or it is damaged")
    return text


def _unpacked(path: Path, data: bytes) -> bytes:
    """Return what a compressed file holds, or the data where it is not compressed."""
    for magic, name in UNKNOWN_PACKING.items():
        if data.startswith(magic):
            raise DataError(f"{path}: {name}; unpack it first")
    for magic, (name, unpack) in COMPRESSED.items():
        if data.startswith(magic):
            try:
                return unpack(data)
            except (OSError, EOFError, zlib.error, lzma.LZMAError, ValueError) as error:
                raise DataError(
                    f"{path}: damaged {name} ({error}); fetch or compress it again"
                ) from error
    return data


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
        return Row(place, json.loads(line, object_pairs_hook=_unique), source=line)
    except RowError as error:
        return Row(place, fault=str(error), source=line)
    except json.JSONDecodeError as error:
        return Row(place, fault=f"broken JSON, {error.msg} at column {error.colno}", source=line)
    except (RecursionError, ValueError) as error:  # nested too deep; a number of too many digits
        return Row(place, fault=f"JSON that cannot be read ({type(error).__name__})", source=line)


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Return an object's fields; JSON leaves open which value of two under one name holds, so neither does."""
    fields = dict(pairs)
    if len(fields) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise RowError(f"'{twice}' stands twice in one object; leave one out")
    return fields


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


def _separated(path: Path, text: str) -> Iterator[Row]:
    """Read a table by what separates the names in its header, whatever it is called; or JSON lines under a wrong name."""
    header = text.partition("\n")[0]
    if header.startswith("{") and not _parse("", header).fault:
        yield from _json_lines(path, text)
        return
    first, second = ("\t", ",") if path.suffix.lower() == ".tsv" else (",", "\t")
    yield from _table(
        path,
        text,
        next((separator for separator in (first, second, ";") if separator in header), first),
    )


def _prose(path: Path, text: str) -> Iterator[Row]:
    """Read running text: whole paragraphs up to a page make a row."""
    start, kept = 1, ""
    for match in re.finditer(r"(?:[^\n]+\n?)+", text):
        block = match.group().strip()
        if kept and len(kept) + len(block) > PAGE:
            yield Row(f"{path}:{start}", {"text": kept}, source=kept)
            kept = ""
        if not kept:
            start = text.count("\n", 0, match.start()) + 1
        kept = f"{kept}\n\n{block}" if kept else block
    if kept.strip():
        yield Row(f"{path}:{start}", {"text": kept}, source=kept)


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


READERS: dict[str, Callable[[Path, str], Iterator[Row]]] = {
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
    ".json": _json,
    ".csv": _separated,
    ".tsv": _separated,
    ".txt": _prose,
    ".md": _prose,
}
KNOWN = (
    *READERS,
    ".parquet",
    ".arrow",
    ".feather",
    *(f".jsonl{ending}" for ending in _PACKED_ENDINGS),
)
