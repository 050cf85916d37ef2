import csv
from pathlib import Path

import pytest
from pypdf import PdfWriter

from adapt.errors import DataError
from retrieval.readers.read import MAX_BYTES, read
from tests.retrieval.conftest import write_pdf

SHARED = Path(__file__).parents[3].parent / "shared" / "data"


def test_a_pdf_keeps_the_number_of_each_page(tmp_path: Path) -> None:
    path = write_pdf(tmp_path / "a.pdf", ["First page.", "", "Third page."])

    document = read(path)

    assert [(page.number, page.text) for page in document.pages] == [
        (1, "First page."),
        (3, "Third page."),
    ]


def test_html_is_read_without_scripts_styles_and_navigation(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text(
        "<title>Rules &amp; dates</title><style>p{}</style><nav>Menu</nav><h2>Rules</h2>"
        "<script>steal()</script><p>Be  kind &lt;always&gt;.</p><table><tr><td>a<td>b</table>"
    )

    document = read(path)

    assert document.title == "Rules & dates"
    assert document.pages[0].text == "## Rules\n\nBe kind <always>.\n\na | b"


def test_markdown_keeps_what_its_front_matter_says_and_loses_comments(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_text(
        '---\ntitle: "Guide"\ndraft: true\n---\n#\tStart {#s}\n\n<!-- hidden -->Text.\n'
    )

    document = read(path)

    assert (document.title, document.pages[0].text) == ("Guide", "draft: true\n\n# Start\n\nText.")


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "cp1252", "latin-1", "utf-16", "utf-16-le", "utf-32"]
)
def test_spanish_is_read_in_every_usual_encoding(tmp_path: Path, encoding: str) -> None:
    text = "El señor Núñez pidió vacaciones; ¿cuántos días más tendrá en otoño?"
    path = tmp_path / "a.txt"
    path.write_bytes(text.encode(encoding))

    assert read(path).pages[0].text == text


def test_a_page_whose_declared_encoding_is_wrong_is_still_read(tmp_path: Path) -> None:
    path = tmp_path / "a.html"
    path.write_bytes(b'<meta charset="utf-8"><p>a\xf1o nuevo</p>')

    assert read(path).pages[0].text == "año nuevo"


def test_invisible_and_direction_characters_are_taken_out(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("in\u200bvoi\u00adce \u202e1234\u202c e\u0301")

    assert read(path).pages[0].text == "invoice 1234 é"


def test_the_content_decides_before_the_name(tmp_path: Path) -> None:
    path = write_pdf(tmp_path / "report.docx", ["A PDF in disguise."])

    assert read(path).pages[0].text == "A PDF in disguise."


def test_an_external_entity_is_not_resolved(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("TOP SECRET")
    path = tmp_path / "a.html"
    path.write_text(f'<!DOCTYPE html [<!ENTITY x SYSTEM "{secret.as_uri()}">]><p>Read: &x;</p>')

    assert "SECRET" not in read(path).pages[0].text


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.txt", b"", "empty; put text into it"),
        ("a.txt", b"text\0\0\x01\x02binary", "binary, not text"),
        ("a.txt", b"\x89PNG\r\n\x1a\n0000", "a picture, which adapt does not read"),
        ("a.docx", b"PK\x03\x04rest", "the Word file is damaged"),
        ("a.xyz", b"text", "unknown format '.xyz'; adapt reads txt, md, html, pdf, docx"),
        ("a.pdf", b"not a pdf", "the PDF is damaged"),
        ("a.pdf", b"%PDF-1.4\n1 0 obj\n<< /Type", "the PDF is damaged"),
        ("a.html", b"<p></p>", "holds no text"),
    ],
)
def test_what_cannot_be_read_gets_one_sentence(
    tmp_path: Path, name: str, content: bytes, sentence: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)

    with pytest.raises(DataError) as caught:
        read(path)

    assert sentence in str(caught.value)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.txt: no such file"):
        read(tmp_path / "none.txt")


def test_a_pdf_without_text_asks_for_ocr(tmp_path: Path) -> None:
    path = write_pdf(tmp_path / "scan.pdf", ["", ""])

    with pytest.raises(DataError, match=r"no text .* OCR"):
        read(path)


def test_an_encrypted_pdf_asks_for_a_copy_without_password(tmp_path: Path) -> None:
    writer = PdfWriter(clone_from=write_pdf(tmp_path / "open.pdf", ["hidden"]))
    writer.encrypt("a password", algorithm="RC4-128")
    path = tmp_path / "secret.pdf"
    writer.write(path)

    with pytest.raises(DataError, match=r"secret\.pdf: the PDF is encrypted; save a copy"):
        read(path)


def test_a_huge_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.txt"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)

    with pytest.raises(DataError, match="the limit is 200 MB"):
        read(path)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared test documents are not on this machine")
@pytest.mark.slow
def test_hostile_files_end_in_text_or_one_sentence() -> None:
    folder = SHARED / "docs_hostile"
    with (folder / "MANIFEST.csv").open(encoding="utf-8") as file:
        names = [row["file"] for row in csv.DictReader(file)]
    outcome = {}
    for name in names:
        try:
            outcome[name] = "".join(page.text for page in read(folder / name).pages)
        except DataError as error:
            outcome[name] = f"ERROR {error}"

    assert all("\n" not in text for text in outcome.values() if text.startswith("ERROR"))
    assert "encrypted" in outcome["pdf_locked_r6_both.pdf"]
    assert "password: asdfzxcv" in outcome["pdf_empty_password_r3.pdf"]
    assert len(outcome["pdf_memory_heavy_400p.pdf"]) > 300_000
    assert outcome["html_bad_script.html"] == "This is a test."
    assert "\u0642\u0631\u064a\u0629" in outcome["html_misleading_charset.html"]
    assert outcome["made_utf8_bom_crlf_es.txt"].startswith("L\u00ednea uno\nL\u00ednea dos")
    assert outcome["txt_utf32.txt"].startswith("This is a test document")
    assert "picture" in outcome["made_png_named_txt.txt"]
    for name in ("xlsx_password.xlsx", "odt_encrypted.odt"):
        assert "is encrypted; save a copy without a password" in outcome[name]
    for name in ("made_xxe.xml", "made_entity_expansion.xml"):
        assert "declares entities, which adapt does not expand" in outcome[name]
    assert "Word file is damaged" in outcome["docx_truncated.docx"]
    assert "Apple Pie" in outcome["rtf_corrupt_list.rtf"]
    assert "Roses are red" in outcome["eml_bad_encoding.eml"]
    assert "Slide With Dangling Rel" in outcome["pptx_malformed_pictures.pptx"]
    assert "Header Col 1 | Header Col 2" in outcome["made_zip_path_traversal.docx"]
    assert "Sarah Johnson | NYC Metro" in outcome["made_pdf_named_docx.docx"]
    assert outcome["made_mixed_encodings.txt"].split("\n")[0] == "Texto en UTF-8: canción"
