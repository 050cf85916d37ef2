"""PDFs that the tests write: columns, tables, hyphens, rotation, forms and scans; and the layout by itself."""

import shutil
import stat
from collections import Counter
from pathlib import Path

import pypdfium2
import pytest
from hypothesis import given, strategies as st
from pypdf import PdfReader, PdfWriter
from pypdf.generic import (
    ArrayObject,
    DictionaryObject,
    FloatObject,
    NameObject,
    NumberObject,
    StreamObject,
    TextStringObject,
)

from adapt.errors import DataError
from retrieval.readers.pdf import scans
from retrieval.readers.pdf.columns import lay_out
from retrieval.readers.pdf.lines import Word
from retrieval.readers.pdf.tesseract import languages
from retrieval.readers.raw_file import numbers
from retrieval.readers.read import read
from tests.retrieval.conftest import write_pdf

needs_tesseract = pytest.mark.skipif(
    shutil.which("tesseract") is None, reason="tesseract is not installed"
)
LEFT = (
    "The committee met on the first day",
    "of the month to hear the report of",
    "the treasurer, who had been asked",
    "to explain the costs of the new re-",
    "frigerator in the kitchen of the",
    "second floor and its delivery.",
)
RIGHT = (
    "Nobody could remember who had or-",
    "dered it, and the invoice bore no",
    "name that anyone had heard of, so",
    "the matter was put off to the next",
    "meeting, which took place in May",
    "under the chair of a new member.",
)


def placed(items: list[tuple[float, float, str]], drawing: str = "", size: int = 10) -> str:
    """Return what `write_pdf` takes for a page whose texts stand at given places (points from the bottom left)."""
    shows = "".join(f") Tj ET BT /F1 {size} Tf {x} {y} Td ({text}" for x, y, text in items)
    return f"{shows}) Tj ET {drawing} BT ("


def text_of(path: Path) -> str:
    return "\n\n".join(page.text for page in read(path).pages)


def test_two_columns_are_read_one_after_the_other(tmp_path: Path) -> None:
    items = [
        (
            72.0,
            740.0,
            "A Report of the Committee on Kitchens and Other Rooms of the Whole House, in Full",
        )
    ]
    items += [(72.0, 700.0 - 12 * i, line) for i, line in enumerate(LEFT)]
    items += [(320.0, 700.0 - 12 * i, line) for i, line in enumerate(RIGHT)]

    text = " ".join(text_of(write_pdf(tmp_path / "a.pdf", [placed(items)])).split())

    assert text.startswith("A Report of the Committee")
    assert "the costs of the new refrigerator in the kitchen of the second floor" in text
    assert "its delivery. Nobody could remember who had ordered it, and" in text


def test_a_table_without_rules_keeps_its_rows_and_empty_cells(tmp_path: Path) -> None:
    rows = [
        ("Name", "Year", "Place"),
        ("Ana Ruiz", "1998", "Madrid"),
        ("Luis", "", "Lima"),
        ("Eva", "2001", "Quito"),
    ]
    items = [
        (72.0 + 150 * c, 700.0 - 14 * r, cell)
        for r, line in enumerate(rows)
        for c, cell in enumerate(line)
        if cell
    ]

    text = text_of(write_pdf(tmp_path / "a.pdf", [placed(items)]))

    assert (
        text == "Name | Year | Place\nAna Ruiz | 1998 | Madrid\nLuis |  | Lima\nEva | 2001 | Quito"
    )


def test_the_lines_of_a_ruled_cell_are_one(tmp_path: Path) -> None:
    items = [
        (75.0, 688.0, "Item"), (205.0, 688.0, "Remark"),
        (75.0, 662.0, "Desk"), (205.0, 666.0, "made of oak, to be deliv-"), (205.0, 655.0, "ered in May"),
    ]  # fmt: skip
    lines = " ".join(
        [f"72 {y} m 400 {y} l S" for y in (700, 680, 650)]
        + [f"{x} 650 m {x} 700 l S" for x in (72, 200, 400)]
    )

    text = text_of(write_pdf(tmp_path / "a.pdf", [placed(items, lines)]))

    assert text == "Item | Remark\nDesk | made of oak, to be delivered in May"


def test_a_word_that_is_cut_at_the_end_of_a_line_is_whole_again(tmp_path: Path) -> None:
    items = [(72.0, 700.0, "the docu-"), (72.0, 688.0, "ment of 2024-"), (72.0, 676.0, "2025")]

    assert text_of(write_pdf(tmp_path / "a.pdf", [placed(items)])) == "the document of 2024-\n2025"


@pytest.mark.parametrize("angle", [90, 180, 270])
def test_a_page_that_is_shown_turned_is_read_as_it_is_shown(tmp_path: Path, angle: int) -> None:
    matrix = {90: "0 1 -1 0 {} {}", 180: "-1 0 0 -1 {} {}", 270: "0 -1 1 0 {} {}"}[angle]
    starts = {90: (100, 72), 180: (500, 700), 270: (500, 700)}[angle]
    step = {90: (14, 0), 180: (0, 14), 270: (-14, 0)}[angle]
    shows = "".join(
        f") Tj ET BT /F1 10 Tf {matrix.format(starts[0] + step[0] * i, starts[1] + step[1] * i)} Tm ({line}"
        for i, line in enumerate(LEFT[:3])
    )
    plain = write_pdf(tmp_path / "plain.pdf", [shows])
    writer = PdfWriter(clone_from=PdfReader(plain))
    writer.pages[0].rotate(angle)
    writer.write(tmp_path / "a.pdf")

    assert text_of(tmp_path / "a.pdf") == "\n".join(LEFT[:3])


def test_text_along_the_edge_does_not_break_the_lines(tmp_path: Path) -> None:
    edge = ") Tj ET BT /F1 10 Tf 0 1 -1 0 30 600 Tm (arXiv 2024"
    path = write_pdf(
        tmp_path / "a.pdf",
        [edge + placed([(72.0, 700.0 - 12 * i, x) for i, x in enumerate(LEFT[:3])])],
    )

    assert text_of(path) == "\n".join(LEFT[:3]) + "\n\narXiv 2024"


@needs_tesseract
@pytest.mark.slow
@pytest.mark.parametrize("turns", [0, 90])
def test_a_scan_between_pages_with_text_is_read_in_its_place(tmp_path: Path, turns: int) -> None:
    items = [(72.0, 700.0 - 30 * i, line) for i, line in enumerate(LEFT)]
    image = (
        pypdfium2.PdfDocument(write_pdf(tmp_path / "t.pdf", [placed(items, size=18)]))[0]
        .render(scale=2)
        .to_pil()
    )
    image.rotate(turns, expand=True).convert("L").save(tmp_path / "scan.pdf", resolution=144)
    writer = PdfWriter()
    for name, pages in (
        ("one.pdf", ["First page with some text on it."]),
        ("two.pdf", ["Last page with text."]),
    ):
        write_pdf(tmp_path / name, pages)
    for name in ("one.pdf", "scan.pdf", "two.pdf"):
        writer.append(tmp_path / name)
    writer.write(tmp_path / "a.pdf")

    document = read(tmp_path / "a.pdf")

    assert [page.number for page in document.pages] == [1, 2, 3]
    assert "who had been asked to explain the costs" in " ".join(document.pages[1].text.split())
    assert document.warnings == ()


def write_mixed(folder: Path) -> Path:
    """Write a PDF of a page with text and two that are pictures."""
    image = (
        pypdfium2.PdfDocument(write_pdf(folder / "t.pdf", ["Some words."]))[0]
        .render(scale=1)
        .to_pil()
    )
    image.save(folder / "scan.pdf", save_all=True, append_images=[image])
    writer = PdfWriter()
    writer.append(write_pdf(folder / "one.pdf", ["First page with some text on it."]))
    writer.append(folder / "scan.pdf")
    writer.write(folder / "a.pdf")
    return folder / "a.pdf"


def test_without_tesseract_the_scanned_pages_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_mixed(tmp_path)
    monkeypatch.setenv("PATH", "")
    languages.cache_clear()
    try:
        document = read(path)
    finally:
        languages.cache_clear()

    assert [page.number for page in document.pages] == [1]
    assert "pages 2-3 are scanned and were not read; install tesseract-ocr" in document.warnings[0]


def fake_tesseract(folder: Path, script: str) -> None:
    """Put a program of that name first on the path: it stands for a tesseract that hangs or fails."""
    program = folder / "tesseract"
    program.write_text(
        f"#!/bin/sh\nif [ $1 = --list-langs ]; then echo List; echo eng; exit 0; fi\n{script}\n"
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ("exec sleep 30", "scanned pages 2-3 not read, tesseract took over 1 s on page 2"),
        (
            "echo no memory >&2; exit 1",
            "scanned pages 2-3 not read, tesseract failed (no memory) on page 2",
        ),
    ],
)
@pytest.mark.slow
def test_a_tesseract_that_hangs_or_fails_costs_only_its_pages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, sentence: str
) -> None:
    path = write_mixed(tmp_path)
    fake_tesseract(tmp_path, script)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(scans, "PAGE_SECONDS", 1.0)
    languages.cache_clear()
    try:
        document = read(path)
    finally:
        languages.cache_clear()

    assert [page.number for page in document.pages] == [1]
    assert sentence in document.warnings[0]


def test_beyond_the_bound_scanned_pages_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_mixed(tmp_path)
    fake_tesseract(tmp_path, "exit 0")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(scans, "MAX_PAGES", 1)
    languages.cache_clear()
    try:
        document = read(path)
    finally:
        languages.cache_clear()

    assert "scanned page 3 not read, the limit is 1 scanned pages" in document.warnings[0]


def test_what_was_filled_into_a_form_is_read(tmp_path: Path) -> None:
    writer = PdfWriter(
        clone_from=PdfReader(write_pdf(tmp_path / "t.pdf", ["Name of the applicant:"]))
    )
    look = StreamObject()
    look.set_data(b"/Tx BMC BT /F1 12 Tf 2 4 Td (Ana Ruiz) Tj ET EMC")
    font = writer.pages[0]["/Resources"]["/Font"]
    look.update({
        NameObject("/Type"): NameObject("/XObject"), NameObject("/Subtype"): NameObject("/Form"),
        NameObject("/BBox"): ArrayObject([FloatObject(n) for n in (0, 0, 200, 20)]),
        NameObject("/Resources"): DictionaryObject({NameObject("/Font"): font}),
    })  # fmt: skip
    field = DictionaryObject({
        NameObject("/Type"): NameObject("/Annot"), NameObject("/Subtype"): NameObject("/Widget"),
        NameObject("/FT"): NameObject("/Tx"), NameObject("/T"): TextStringObject("name"),
        NameObject("/V"): TextStringObject("Ana Ruiz"), NameObject("/F"): NumberObject(4),
        NameObject("/Rect"): ArrayObject([FloatObject(n) for n in (220, 716, 420, 736)]),
        NameObject("/AP"): DictionaryObject({NameObject("/N"): writer._add_object(look)}),
    })  # fmt: skip
    reference = writer._add_object(field)
    writer.pages[0][NameObject("/Annots")] = ArrayObject([reference])
    writer._root_object[NameObject("/AcroForm")] = DictionaryObject(
        {NameObject("/Fields"): ArrayObject([reference])}
    )
    writer.write(tmp_path / "a.pdf")

    assert text_of(tmp_path / "a.pdf") == "Name of the applicant: Ana Ruiz"


def test_a_pdf_of_nothing_is_not_called_a_scan(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"the PDF has no text \(blank pages\?\)"):
        read(write_pdf(tmp_path / "a.pdf", [""]))


@given(
    st.lists(
        st.tuples(
            st.text("abcdef", min_size=1, max_size=8),
            st.floats(0, 600),
            st.floats(0, 800),
            st.floats(1, 300),
            st.floats(1, 30),
        ),
        max_size=60,
    )
)
def test_the_layout_loses_no_word_and_repeats_none(
    boxes: list[tuple[str, float, float, float, float]],
) -> None:
    words = [Word(text, x, y, x + width, y + height) for text, x, y, width, height in boxes]

    found = lay_out(words)

    assert Counter(found.replace("|", " ").split()) == Counter(word.text for word in words)


def test_page_numbers_are_written_as_people_do() -> None:
    assert numbers([9, 3, 4, 5]) == "3-5 and 9"
    assert numbers([1]) == "1"
    assert numbers([1, 3, 7]) == "1, 3 and 7"
