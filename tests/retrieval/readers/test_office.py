"""Office files that the tests write themselves, with python-docx, python-pptx and xlsxwriter."""

import zipfile
from pathlib import Path

import docx
import pptx
import pytest
import xlsxwriter
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.util import Inches

from adapt.errors import DataError
from retrieval.readers.read import read

W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def write_docx(path: Path, body: str, **parts: str) -> Path:
    """Write a minimal Word file: `body` is what stands in w:body, each part is one of word/."""
    kinds = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    relations = "".join(
        f'<Relationship Id="r{i}" Type="{kinds}/{name.rstrip("0123456789")}" Target="{name}.xml"/>'
        for i, name in enumerate(parts)
    )
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("[Content_Types].xml", "<Types/>")
        file.writestr(
            "word/document.xml", f'<w:document xmlns:w="{W}"><w:body>{body}</w:body></w:document>'
        )
        file.writestr("word/_rels/document.xml.rels", f"<Relationships>{relations}</Relationships>")
        for name, content in parts.items():
            file.writestr(f"word/{name}.xml", content.replace(">", f' xmlns:w="{W}">', 1))
    return path


def text_of(path: Path) -> str:
    return "\n\n".join(page.text for page in read(path).pages)


def test_headings_lists_and_tables_of_word_become_markdown(tmp_path: Path) -> None:
    document = docx.Document()
    document.core_properties.title = "Handbook"
    document.add_heading("Guide", 0)
    document.add_heading("Leave", 1)
    document.add_heading("Holidays", 2)
    document.add_paragraph("Two weeks.", style="List Bullet")
    table = document.add_table(2, 3)
    for cell, text in zip(table._cells, ["Year", "", "Days", "2024", "a\nb", "23"], strict=True):
        cell.text = text
    document.save(str(tmp_path / "a.docx"))

    page = read(tmp_path / "a.docx").pages[0]

    assert page.form == "markdown"
    assert (
        page.text
        == "# Guide\n\n# Leave\n\n## Holidays\n\n- Two weeks.\n\nYear |  | Days\n2024 | a b | 23"
    )


def test_deleted_hidden_and_commented_text_of_word_is_not_read(tmp_path: Path) -> None:
    path = write_docx(
        tmp_path / "a.docx",
        "<w:p><w:r><w:t>Kept</w:t></w:r><w:del><w:r><w:delText>deleted</w:delText></w:r></w:del>"
        "<w:ins><w:r><w:t> new</w:t></w:r></w:ins>"
        "<w:r><w:rPr><w:vanish/></w:rPr><w:t>hidden</w:t></w:r><w:r><w:commentReference w:id='0'/></w:r>"
        "<w:r><w:instrText>PAGE</w:instrText></w:r></w:p>",
        comments="<w:comments><w:comment w:id='0'><w:p><w:r><w:t>a remark</w:t></w:r></w:p></w:comment></w:comments>",
    )

    assert text_of(path) == "Kept new"


def test_footnotes_and_headers_of_word_are_read_once(tmp_path: Path) -> None:
    header = "<w:hdr><w:p><w:r><w:t>Rules of the house</w:t></w:r></w:p></w:hdr>"
    path = write_docx(
        tmp_path / "a.docx",
        "<w:p><w:r><w:t>Pay at once.</w:t></w:r><w:r><w:footnoteReference w:id='2'/></w:r></w:p>"
        "<w:p><w:r><w:t>Next.</w:t></w:r></w:p>",
        header1=header,
        header2=header,
        footnotes="<w:footnotes><w:footnote w:id='2'><w:p><w:r><w:t>Or by May.</w:t></w:r></w:p></w:footnote></w:footnotes>",
    )

    assert text_of(path) == "Rules of the house\n\nPay at once.\n\nOr by May.\n\nNext."


def test_the_numbers_of_word_stand_before_their_paragraphs(tmp_path: Path) -> None:
    item = "<w:p><w:pPr><w:numPr><w:ilvl w:val='{}'/><w:numId w:val='1'/></w:numPr></w:pPr><w:r><w:t>{}</w:t></w:r></w:p>"
    path = write_docx(
        tmp_path / "a.docx",
        item.format(0, "Scope")
        + item.format(1, "Who")
        + item.format(1, "When")
        + item.format(0, "Pay"),
        numbering="<w:numbering><w:abstractNum w:abstractNumId='7'>"
        "<w:lvl w:ilvl='0'><w:start w:val='4'/><w:numFmt w:val='decimal'/><w:lvlText w:val='Article %1.'/></w:lvl>"
        "<w:lvl w:ilvl='1'><w:numFmt w:val='lowerLetter'/><w:lvlText w:val='%1.%2)'/></w:lvl></w:abstractNum>"
        "<w:num w:numId='1'><w:abstractNumId w:val='7'/></w:num></w:numbering>",
    )

    assert text_of(path).split("\n\n") == [
        "Article 4. Scope",
        "4.a) Who",
        "4.b) When",
        "Article 5. Pay",
    ]


def test_a_table_within_a_cell_of_word_keeps_its_rows(tmp_path: Path) -> None:
    document = docx.Document()
    outer = document.add_table(1, 2)
    outer.cell(0, 0).text = "left"
    inner = outer.cell(0, 1).add_table(1, 2)
    inner.cell(0, 0).text, inner.cell(0, 1).text = "x", "y"
    document.save(str(tmp_path / "a.docx"))

    assert text_of(tmp_path / "a.docx") == "left |\nx | y"


def test_a_formula_of_word_is_one_line_of_text(tmp_path: Path) -> None:
    math = "http://schemas.openxmlformats.org/officeDocument/2006/math"
    path = write_docx(
        tmp_path / "a.docx",
        f"<w:p><m:oMath xmlns:m='{math}'><m:r><m:t>x=</m:t></m:r><m:f><m:num><m:r><m:t>a+b</m:t></m:r></m:num>"
        "<m:den><m:sSup><m:e><m:r><m:t>c</m:t></m:r></m:e><m:sup><m:r><m:t>2</m:t></m:r></m:sup></m:sSup></m:den></m:f>"
        "</m:oMath></w:p>",
    )

    assert text_of(path) == "x=(a+b)/(c^2)"


def test_the_members_of_a_word_file_may_have_any_names(tmp_path: Path) -> None:
    document = docx.Document()
    document.add_paragraph("Text.")
    document.save(str(tmp_path / "a.docx"))
    with zipfile.ZipFile(tmp_path / "a.docx", "a") as file:
        file.writestr("../../evil.txt", "evil")

    assert text_of(tmp_path / "a.docx") == "Text."
    assert not (tmp_path.parent.parent / "evil.txt").exists()


def test_slides_keep_numbers_notes_tables_groups_and_charts(tmp_path: Path) -> None:
    show = pptx.Presentation()
    first = show.slides.add_slide(show.slide_layouts[5])
    first.shapes.title.text = "Plan"
    group = first.shapes.add_group_shape()
    group.shapes.add_textbox(0, 0, Inches(1), Inches(1)).text_frame.text = "in a group"
    first.notes_slide.notes_text_frame.text = "Say hello."
    hidden = show.slides.add_slide(show.slide_layouts[5])
    hidden.shapes.title.text = "Secret"
    hidden._element.set("show", "0")
    third = show.slides.add_slide(show.slide_layouts[6])
    table = third.shapes.add_table(1, 2, 0, 0, Inches(4), Inches(1)).table
    table.cell(0, 0).text, table.cell(0, 1).text = "a", "b"
    data = CategoryChartData()
    data.categories = ["Q1", "Q2"]
    data.add_series("Sales", (1.5, 2))
    third.shapes.add_chart(XL_CHART_TYPE.BAR_CLUSTERED, 0, 0, Inches(4), Inches(3), data)
    show.save(str(tmp_path / "a.pptx"))

    document = read(tmp_path / "a.pptx")

    assert [page.number for page in document.pages] == [1, 3]
    assert document.pages[0].text == "# Plan\n\nin a group\n\nNotes: Say hello."
    assert document.pages[1].text == "a | b\n\n| Sales\nQ1 | 1.5\nQ2 | 2"
    assert "slide 2 is hidden and was not read" in document.warnings[0]


def test_a_broken_slide_loses_only_itself(tmp_path: Path) -> None:
    show = pptx.Presentation()
    for title in ("One", "Two"):
        show.slides.add_slide(show.slide_layouts[5]).shapes.title.text = title
    show.save(str(tmp_path / "whole.pptx"))
    with (
        zipfile.ZipFile(tmp_path / "whole.pptx") as old,
        zipfile.ZipFile(tmp_path / "a.pptx", "w") as new,
    ):
        for name in old.namelist():
            new.writestr(name, b"<p:sld" if name == "ppt/slides/slide1.xml" else old.read(name))

    document = read(tmp_path / "a.pptx")

    assert [(page.number, page.text) for page in document.pages] == [(2, "# Two")]
    assert "slide 1 damaged and not read" in document.warnings[0]


def test_sheets_keep_names_cached_values_and_empty_cells(tmp_path: Path) -> None:
    book = xlsxwriter.Workbook(str(tmp_path / "a.xlsx"))
    sheet = book.add_worksheet("Ventas 2024")
    sheet.write_row(0, 0, ["Año", "", "Total"])
    sheet.write_row(1, 0, [2024, "", 3.25])
    sheet.write_formula(2, 2, "=SUM(C2:C2)", value=6.5)
    sheet.write_boolean(2, 0, True)
    sheet.write_row(5, 4, ["x", "y"])
    sheet.write_row(6, 4, ["1", "2"])
    book.add_worksheet("Hidden").hide()
    book.close()

    document = read(tmp_path / "a.xlsx")

    assert [(page.heading, page.text) for page in document.pages] == [
        ("Ventas 2024", "Año |  | Total\n2024 |  | 3.25\nTRUE |  | 6.5\n\nx | y\n1 | 2")
    ]
    assert "sheet 'Hidden' is hidden" in document.warnings[0]


def test_tables_that_stand_beside_each_other_are_read_one_after_the_other(tmp_path: Path) -> None:
    book = xlsxwriter.Workbook(str(tmp_path / "a.xlsx"))
    sheet = book.add_worksheet()
    for line in range(2):
        sheet.write_row(line, 0, [f"a{line}", f"b{line}"])
        sheet.write_row(line, 3, [f"c{line}", f"d{line}"])
    book.close()

    assert text_of(tmp_path / "a.xlsx") == "a0 | b0\na1 | b1\n\nc0 | d0\nc1 | d1"


def test_a_sheet_that_reaches_too_far_is_refused_before_it_fills_the_memory(tmp_path: Path) -> None:
    book = xlsxwriter.Workbook(str(tmp_path / "a.xlsx"))
    sheet = book.add_worksheet()
    sheet.write(0, 0, "first")
    sheet.write(1_000_000, 10_000, "last")
    book.close()

    with pytest.raises(DataError, match=r"reaches over 1000001 rows and 10001 columns"):
        read(tmp_path / "a.xlsx")


def test_a_zip_bomb_in_a_word_file_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.docx", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("[Content_Types].xml", "<Types/>")
        file.writestr("word/document.xml", b"<a>" + b" " * 120_000_000)

    with pytest.raises(
        DataError, match=r"a\.docx: word/document\.xml .* as a ZIP bomb does; remove it"
    ):
        read(tmp_path / "a.docx")


def test_entities_in_a_word_file_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.docx", "w") as file:
        file.writestr("[Content_Types].xml", "<Types/>")
        file.writestr("word/document.xml", '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>')

    with pytest.raises(DataError, match="declares entities, which adapt does not expand"):
        read(tmp_path / "a.docx")


def test_a_text_box_stands_after_its_paragraph(tmp_path: Path) -> None:
    document = docx.Document()
    paragraph = document.add_paragraph("Before.")
    box = OxmlElement("w:txbxContent")
    inner = OxmlElement("w:p")
    run = OxmlElement("w:r")
    text = OxmlElement("w:t")
    text.text = "In the box."
    run.append(text)
    inner.append(run)
    box.append(inner)
    holder = OxmlElement("w:pict")
    holder.append(box)
    paragraph.add_run()._r.append(holder)
    assert holder.tag == qn("w:pict")
    document.add_paragraph("After.")
    document.save(str(tmp_path / "a.docx"))

    assert text_of(tmp_path / "a.docx") == "Before.\n\nIn the box.\n\nAfter."
