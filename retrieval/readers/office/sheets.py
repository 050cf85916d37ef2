"""Spreadsheets (xlsx, xlsm, xlsb, xls, ods): a page a sheet, its tables as rows, formulas as the values they last had.

Hidden sheets are named and not read. Tables are parted by empty rows and, where both sides are tables, by empty columns.
"""

import datetime
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO

from python_calamine import (
    CalamineError,
    CalamineWorkbook,
    PasswordError,
    SheetTypeEnum,
    SheetVisibleEnum,
)

from adapt.errors import DataError
from adapt.records import Page
from retrieval.readers.encodings import clean
from retrieval.readers.raw_file import RawFile, Reading
from retrieval.readers.table_text import row
from retrieval.readers.zip.package import Package

MAX_CELLS = 20_000_000  # a sheet whose last cell lies far out claims billions
PANIC = "PanicException"  # pyo3's; there is no way to import it
ZIP = b"PK\x03\x04"
REFERENCE = re.compile(rb'r="([A-Z]{1,3})(\d{1,7})"')
Value = (
    int
    | float
    | str
    | bool
    | datetime.time
    | datetime.date
    | datetime.datetime
    | datetime.timedelta
)


def read_sheets(raw: RawFile) -> Reading:
    """Return a workbook, one page a sheet, with the sheet's name above it.

    Raises:
        DataError: damaged, encrypted, or it unpacks to too much.
    """
    if raw.data.startswith(ZIP):
        _check(raw)
    with _faults(raw, "spreadsheet"):
        book = CalamineWorkbook.from_filelike(BytesIO(raw.data))
    pages: list[Page] = []
    warnings: list[str] = []
    faults: list[DataError] = []
    for sheet in book.sheets_metadata:
        if sheet.typ not in (SheetTypeEnum.WorkSheet, SheetTypeEnum.MacroSheet):
            continue
        if sheet.visible != SheetVisibleEnum.Visible:
            warnings.append(
                f"{raw.label}: sheet '{sheet.name}' is hidden and was not read; show it if it is to be read"
            )
            continue
        try:
            with _faults(raw, f"sheet '{sheet.name}'"):
                rows = book.get_sheet_by_name(sheet.name).to_python(skip_empty_area=True)
        except DataError as error:
            faults.append(error)
            continue
        text = clean("\n\n".join(_tables([[_shown(cell) for cell in line] for line in rows])))
        if text:
            pages.append(Page(text, heading=sheet.name))
    if faults and not pages:
        raise faults[0]
    return Reading(pages, "", [*warnings, *map(str, faults)])


@contextmanager
def _faults(raw: RawFile, what: str) -> Iterator[None]:
    """Turn what calamine raises into a sentence; a fault within it comes as a panic of Rust, which is no Exception."""
    try:
        yield
    except PasswordError as error:
        raise _encrypted(raw) from error
    except (CalamineError, OSError, ValueError, RuntimeError, OverflowError) as error:
        if "password" in str(error).lower():
            raise _encrypted(raw) from error
        raise raw.damaged(what, error) from error
    except BaseException as error:
        if type(error).__name__ != PANIC:
            raise
        raise raw.damaged(what, error) from error


def _check(raw: RawFile) -> None:
    """Unpack the sheets within bounds first: calamine trusts what they say of themselves."""
    package = Package(raw, "spreadsheet")
    if any(package.encrypted(name) for name in package.names):
        raise _encrypted(raw)
    for name in package.names:
        if not name.lower().endswith((".xml", ".bin", ".rels")):
            continue
        data = package.read(name)
        if name.lower().endswith("manifest.xml") and b"encryption-data" in data:
            raise _encrypted(raw)
        if "worksheets/" in name.lower() and name.lower().endswith(".xml"):
            _check_extent(raw, name, data)


def _check_extent(raw: RawFile, name: str, data: bytes) -> None:
    """Refuse a sheet whose cells lie so far apart that the table between them would not fit into memory."""
    columns = rows = 0
    for match in REFERENCE.finditer(data):
        rows = max(rows, int(match.group(2)))
        column = 0
        for letter in match.group(1):
            column = column * 26 + letter - 64
        columns = max(columns, column)
    if rows * columns > MAX_CELLS:
        raise DataError(
            f"{raw.label}: {name} reaches over {rows} rows and {columns} columns, the limit is {MAX_CELLS} cells; "
            "delete the empty rows and columns, or split it"
        )


def _encrypted(raw: RawFile) -> DataError:
    return DataError(f"{raw.label}: the spreadsheet is encrypted; save a copy without a password")


def _shown(value: Value) -> str:
    """Return a cell as people write it."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else f"{value:.15g}"
    if isinstance(value, datetime.datetime):
        midnight = value.time() == datetime.time()
        return value.date().isoformat() if midnight else value.isoformat(" ", "seconds")
    return str(value)


def _tables(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield the tables of a sheet, top to bottom."""
    block: list[Sequence[str]] = []
    for line in [*rows, []]:
        if any(cell.strip() for cell in line):
            block.append(line)
        elif block:
            yield from _beside(block)
            block = []


def _beside(block: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield the tables that stand beside each other, left to right; one where they are not surely several."""
    width = max(map(len, block))
    filled = [sum(c < len(line) and bool(line[c].strip()) for line in block) for c in range(width)]
    spans: list[list[int]] = []
    for c, count in enumerate(filled):
        if count and spans and spans[-1][1] == c:
            spans[-1][1] = c + 1
        elif count:
            spans.append([c, c + 1])
    several = len(spans) > 1 and all(
        b - a > 1 and sum(any(x.strip() for x in line[a:b]) for line in block) > 1 for a, b in spans
    )
    for a, b in spans if several else [[spans[0][0], spans[-1][1]]]:
        lines = [row(_without_tail(line[a:b])) for line in block]
        yield "\n".join(line for line in lines if line)


def _without_tail(cells: Sequence[str]) -> Sequence[str]:
    end = len(cells)
    while end and not cells[end - 1].strip():
        end -= 1
    return cells[:end]
