"""Mail, books, RTF, OpenDocument, archives, tables, code and XML that the tests write themselves."""

import json
import zipfile
from email.message import EmailMessage
from pathlib import Path

import pytest

from adapt.errors import DataError
from retrieval.readers.kinds import TEXT_KINDS
from retrieval.readers.read import read
from retrieval.readers.table import OPENERS, bytes_reader, text_reader
from retrieval.readers.text.csv import sniff
from tests.retrieval.conftest import write_pdf

OFFICE = " ".join(
    f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for name in ("office", "text", "table", "draw", "style", "presentation")
)


def text_of(path: Path) -> str:
    return "\n\n".join(page.text for page in read(path).pages)


def write_opendocument(path: Path, kind: str, body: str, styles: str = "") -> Path:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("mimetype", f"application/vnd.oasis.opendocument.{kind}")
        file.writestr(
            "content.xml",
            f"<office:document-content {OFFICE}><office:automatic-styles>{styles}</office:automatic-styles>"
            f"<office:body>{body}</office:body></office:document-content>",
        )
    return path


def test_an_opendocument_text_becomes_markdown(tmp_path: Path) -> None:
    path = write_opendocument(
        tmp_path / "a.odt",
        "text",
        "<office:text><text:tracked-changes><text:p>old</text:p></text:tracked-changes>"
        "<text:h text:outline-level='2'>Leave</text:h>"
        "<text:p>Two<text:s/>weeks<text:note><text:note-citation>1</text:note-citation><text:note-body>"
        "<text:p>In May.</text:p></text:note-body></text:note>.<office:annotation><text:p>no</text:p></office:annotation>"
        "</text:p><text:list><text:list-item><text:p>one</text:p></text:list-item></text:list>"
        "<text:p text:style-name='H'>hidden</text:p>"
        "<table:table><table:table-row><table:table-cell><text:p>a</text:p></table:table-cell><table:table-cell/>"
        "<table:table-cell><text:p>c</text:p></table:table-cell></table:table-row></table:table></office:text>",
        "<style:style style:name='H'><style:text-properties text:display='none'/></style:style>",
    )

    assert text_of(path) == "## Leave\n\nTwo weeks.\n\nIn May.\n\n- one\n\na |  | c"


def test_an_opendocument_presentation_has_a_page_for_each_slide(tmp_path: Path) -> None:
    slide = "<draw:page><draw:frame><draw:text-box><text:p>{}</text:p></draw:text-box></draw:frame></draw:page>"
    path = write_opendocument(
        tmp_path / "a.odp",
        "presentation",
        f"<office:presentation>{slide.format('One')}{slide.format('Two')}</office:presentation>",
    )

    assert [(page.number, page.text) for page in read(path).pages] == [(1, "One"), (2, "Two")]


def test_rtf_keeps_headings_tables_and_letters_of_any_encoding(tmp_path: Path) -> None:
    path = tmp_path / "a.rtf"
    path.write_bytes(
        rb"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0\fcharset0 Arial;}{\f1\fcharset204 Arial;}}"
        rb"{\stylesheet{\s0 Normal;}{\s1\outlinelevel0 heading 1;}}{\info{\title Gu\'eda}}"
        rb"\pard\s1 Vacaci\'f3n\par\pard\s0 A\u241?o {\f1\'cf\'f0} {\v hidden}{\deleted gone}{\*\unknown no}caf\'e9"
        rb"{\footnote note}.\par\trowd\cellx100\cellx200\cellx300\intbl a\cell\cell b\par c\cell\row"
        rb"\pard{\field{\*\fldinst HYPERLINK x}{\fldrslt shown}}\par}"
    )

    document = read(path)

    assert document.title == "Guía"
    assert document.pages[0].text == "# Vacación\n\nAño Пр café.\n\nnote\n\na |  | b c\n\nshown"


def test_rtf_that_was_cut_off_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    path = tmp_path / "a.rtf"
    path.write_bytes(rb"{\rtf1\ansi First.\par Second {\b bold")

    assert text_of(path) == "First.\n\nSecond bold"


def test_a_book_is_read_along_its_spine(tmp_path: Path) -> None:
    page = "<html xmlns='http://www.w3.org/1999/xhtml'><head><title/></head><body>{}</body></html>"
    with zipfile.ZipFile(tmp_path / "a.epub", "w") as file:
        file.writestr("mimetype", "application/epub+zip")
        file.writestr(
            "META-INF/container.xml",
            "<container><rootfiles><rootfile full-path='O/b.opf'/></rootfiles></container>",
        )
        file.writestr(
            "O/b.opf",
            "<package xmlns:dc='d'><metadata><dc:title>The Book</dc:title></metadata><manifest>"
            "<item id='1' href='one%20a.xhtml' media-type='application/xhtml+xml'/>"
            "<item id='2' href='two.xhtml' media-type='application/xhtml+xml'/>"
            "<item id='n' href='toc.ncx' media-type='application/x-dtbncx+xml'/></manifest>"
            "<spine><itemref idref='2'/><itemref idref='1'/></spine></package>",
        )
        file.writestr(
            "O/toc.ncx",
            "<ncx><navMap><navPoint><navLabel><text>Part One</text></navLabel><content src='one%20a.xhtml#x'/>"
            "</navPoint></navMap></ncx>",
        )
        file.writestr("O/one a.xhtml", page.format("<p>first</p>"))
        file.writestr("O/two.xhtml", page.format("<h1>Start</h1><p>second</p>"))

    document = read(tmp_path / "a.epub")

    assert document.title == "The Book"
    assert [(page.heading, page.text) for page in document.pages] == [
        ("", "# Start\n\nsecond"),
        ("Part One", "first"),
    ]


def test_a_message_is_read_with_what_is_attached(tmp_path: Path) -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "ana@x.es", "luis@x.es", "Reunión del año"
    message.set_content("Nos vemos el martes.\n")
    message.add_alternative("<p>Nos vemos el <b>martes</b>.</p>", subtype="html")
    pdf = write_pdf(tmp_path / "acta.pdf", ["Acta uno.", "Acta dos."]).read_bytes()
    message.add_attachment(pdf, maintype="application", subtype="pdf", filename="acta.pdf")
    message.add_attachment(b"\x00\x01\x02", maintype="application", subtype="x", filename="a.bin")
    (tmp_path / "a.eml").write_bytes(bytes(message))

    document = read(tmp_path / "a.eml")

    assert document.title == "Reunión del año"
    assert document.pages[0].text.startswith("Subject: Reunión del año\nFrom: ana@x.es")
    assert document.pages[0].text.endswith("\n\nNos vemos el martes.")
    assert [(page.number, page.heading, page.text) for page in document.pages[1:]] == [
        (1, "acta.pdf", "Acta uno."),
        (2, "acta.pdf", "Acta dos."),
    ]
    assert "a.bin" in document.warnings[0]


def test_an_archive_is_one_document_under_the_paths_of_its_files(tmp_path: Path) -> None:
    pdf = write_pdf(tmp_path / "a.pdf", ["One.", "Two."])
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.write(pdf, "docs/a.pdf")
        file.writestr("../b.md", "# Head\n\ntext")
        file.writestr("c.xlsx", b"no sheet")
        file.write(pdf, "e.txt")
        file.writestr("__MACOSX/x", "x")
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as file:
        file.write(tmp_path / "a.zip", "nested.zip")

    document = read(tmp_path / "a.zip")

    assert [(page.heading, page.number, page.form) for page in document.pages] == [
        ("../b.md", None, "markdown"),
        ("docs/a.pdf", 1, "plain"),
        ("docs/a.pdf", 2, "plain"),
        ("e.txt", 1, "plain"),
        ("e.txt", 2, "plain"),
    ]
    assert ["c.xlsx" in warning for warning in document.warnings] == [True]
    assert not (tmp_path.parent / "b.md").exists()
    with pytest.raises(DataError, match="an archive within another file is not opened"):
        read(tmp_path / "b.zip")


def test_an_archive_that_unpacks_too_far_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a.txt", b"a" * 101_000_000)

    with pytest.raises(DataError, match="as a ZIP bomb does"):
        read(tmp_path / "a.zip")


@pytest.mark.parametrize(
    ("text", "delimiter"),
    [
        ("a;b;c\n1,5;2;3\n4,5;5;6\n", ";"),
        ("a,b\n1,2\n", ","),
        ("a\tb\n1, x\t2\n", "\t"),
        ("a|b|c\n1|2|3\n", "|"),
        ('name,text\nx,"one; two; three"\ny,"four; five"\n', ","),
    ],
)
def test_the_delimiter_is_the_one_that_cuts_all_lines_alike(text: str, delimiter: str) -> None:
    assert sniff(text) == delimiter


def test_a_table_in_text_keeps_ragged_rows_and_empty_cells(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes('sep=;\r\nAño;b;c\r\n1;;3\r\n4;"x\r\ny"\r\n5;6;7;8\r\n'.encode("cp1252"))

    assert text_of(path) == "Año | b | c\n1 |  | 3\n4 | x y\n5 | 6 | 7 | 8"


def test_a_quote_that_is_never_closed_does_not_eat_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('size,name\n5" pipe,a\n6,b\n')

    assert text_of(path) == 'size | name\n5" pipe | a\n6 | b'


def test_source_code_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text("# a comment\n\tif x:  # <b>\n\t\tpass\n")

    page = read(path).pages[0]

    assert (page.form, page.text) == ("code", "# a comment\n\tif x:  # <b>\n\t\tpass")


@pytest.mark.parametrize(
    "suffix", ["sql", "ts", "go", "rs", "yaml", "toml", "ini", "json", "sh", "cpp"]
)
def test_code_of_every_usual_language_is_read(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    path.write_text("alpha = 1\n")

    assert read(path).pages[0].form == "code"


def test_code_in_markdown_keeps_its_comments(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_text(
        "#\tTitle ##\n\n```html\n<!-- shown -->\n#\tno heading\n```\n<!-- not shown -->end\n"
    )

    assert text_of(path) == "# Title\n\n```html\n<!-- shown -->\n#\tno heading\n```\nend"


def test_a_notebook_is_read_as_text_code_and_output(tmp_path: Path) -> None:
    path = tmp_path / "a.ipynb"
    cells = [
        {"cell_type": "markdown", "source": ["# Study\n", "words"]},
        {"cell_type": "code", "source": "1 + 1", "outputs": [{"data": {"text/plain": ["2"]}}]},
    ]
    path.write_text(json.dumps({"cells": cells}))

    assert text_of(path) == "# Study\nwords\n\n```\n1 + 1\n```\n\n```\n2\n```"
    assert read(path).title == "Study"


def test_an_xml_document_is_read_as_text_and_xml_data_as_code(tmp_path: Path) -> None:
    article, data = tmp_path / "a.xml", tmp_path / "b.xml"
    article.write_text(
        "<article><front><article-title>On <i>E. coli</i></article-title></front><sec><title>Results</title>"
        "<p>We saw <b>two</b> of <i>three</i>\ncases.</p><table><tr><td>a</td><td/><td>c</td></tr></table></sec></article>"
    )
    data.write_text("<rows><row><id>1</id></row></rows>")

    assert text_of(article) == "On E. coli\n\n# Results\n\nWe saw two of three cases.\n\na |  | c"
    assert (read(data).pages[0].form, text_of(data)) == (
        "code",
        "<rows><row><id>1</id></row></rows>",
    )


def test_cells_of_a_web_table_stay_on_their_row(tmp_path: Path) -> None:
    path = tmp_path / "a.html"
    path.write_text(
        "<table><tr><th>Name<th>When</tr><tr><td rowspan=2><p>Ana</p><p>Gil</p><td><ul><li>May<li>June</ul></tr>"
        "<tr><td>July</tr></table><p style='display: none'>hidden</p><p>After.</p>"
    )

    assert text_of(path) == "Name | When\nAna Gil | May; June\nAna Gil | July\n\nAfter."


def test_a_japanese_table_without_a_mark_is_decoded(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(
        "名前,住所\n佐藤太郎,東京都千代田区\n三木英子,大阪市北区\n".encode("shift-jis")
    )

    assert text_of(path).startswith("名前 | 住所\n佐藤太郎 | 東京都千代田区")


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.xls", b"a\tb\n1\t2\n", "a | b\n1 | 2"),
        ("a.xls", b"<html><table><tr><td>a<td>b</table></html>", "a | b"),
        ("a.doc", rb"{\rtf1 in disguise\par}", "in disguise"),
        (
            "a.txt",
            b"From: a@b.c\nTo: d@e.f\nSubject: S\n\nBody.\n",
            "Subject: S\nFrom: a@b.c\nTo: d@e.f\n\nBody.",
        ),
    ],
)
def test_what_bears_the_name_of_another_format_is_read_by_its_content(
    tmp_path: Path, name: str, content: bytes, sentence: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)

    assert text_of(path) == sentence


def test_every_kind_of_text_has_a_reader_and_every_other_kind_as_well() -> None:
    assert all(callable(text_reader(kind)) for kind in TEXT_KINDS)
    assert {kind: bytes_reader(kind).__name__ for kind in OPENERS} == {
        kind: f"read_{kind}" for kind in OPENERS
    }
    assert not TEXT_KINDS & set(OPENERS)
