"""Recall of hand-written quotes in the shared real documents, by format; each quote is looked for in a document's text."""

import csv
import random
import shutil
from collections import defaultdict
from pathlib import Path

import pytest

from adapt.errors import DataError
from adapt.records import Document
from retrieval.readers.pdf.tesseract import languages
from retrieval.readers.read import read
from tests.retrieval.readers.real_snippets import SNIPPETS

FOLDER = Path(__file__).parents[3].parent / "shared" / "data" / "docs_real"
SCANS = {
    "pdf/scanned_no_text_layer.pdf",
    "pdf/medical_report_scan.pdf",
    "pdf/book_scan_public_domain.pdf",
}
pytestmark = [
    pytest.mark.skipif(
        not FOLDER.is_dir(), reason="the shared test documents are not on this machine"
    ),
    pytest.mark.slow,
]
FORMATS = sorted({name.split("/")[0] for name in SNIPPETS})


def text_of(document: Document) -> str:
    return " ".join(" ".join(page.text for page in document.pages).split())


def test_every_file_of_the_manifest_has_quotes() -> None:
    with (FOLDER / "MANIFEST.csv").open(encoding="utf-8") as file:
        names = {row["file"] for row in csv.DictReader(file)}

    assert names == set(SNIPPETS)


@pytest.mark.parametrize("kind", FORMATS)
def test_at_least_99_of_100_quotes_are_found(kind: str) -> None:
    missing: dict[str, list[str]] = defaultdict(list)
    total = 0
    for name, snippets in SNIPPETS.items():
        if not name.startswith(f"{kind}/") or (name in SCANS and not languages()):
            continue
        text = text_of(read(FOLDER / name))
        total += len(snippets)
        for snippet in snippets:
            if " ".join(snippet.split()) not in text:
                missing[name].append(snippet)

    assert 1 - sum(map(len, missing.values())) / total >= 0.99, dict(missing)


@pytest.mark.skipif(shutil.which("tesseract") is None, reason="tesseract is not installed")
def test_the_pages_of_a_scan_keep_their_numbers() -> None:
    document = read(FOLDER / "pdf" / "medical_report_scan.pdf")

    assert [page.number for page in document.pages] == [1, 2, 3]
    assert "LABORATORY RESULTS" in document.pages[1].text


def test_without_tesseract_a_scan_asks_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    languages.cache_clear()
    try:
        with pytest.raises(DataError, match=r"scanned; install tesseract-ocr .* ocrmypdf"):
            read(FOLDER / "pdf" / "book_scan_public_domain.pdf")
    finally:
        languages.cache_clear()


def test_a_file_that_is_attached_to_a_pdf_is_named_as_unread() -> None:
    document = read(FOLDER / "pdf" / "attachment.pdf")

    assert "a file is attached to the PDF and not read" in document.warnings[0]


def test_a_slide_and_a_sheet_are_told_by_number_and_name() -> None:
    slides = read(FOLDER / "pptx" / "english_spanish.pptx")
    sheets = read(FOLDER / "xls" / "legacy.xls")

    assert [page.number for page in slides.pages] == [1, 2, 3, 4, 5, 6]
    assert [page.heading for page in sheets.pages] == ["Sheet1", "09060124-b5e7-4717-9d07-3c046eb"]


@pytest.mark.parametrize(
    "name",
    [
        "doc/legacy_sample.doc",
        "msg/outlook.msg",
        "xls/legacy.xls",
        "docx/tables.docx",
        "pptx/chart_slide.pptx",
        "odt/english_spanish.odt",
        "pdf/attachment.pdf",
    ],
)
def test_a_file_with_wrong_bytes_ends_in_text_or_one_sentence(name: str, tmp_path: Path) -> None:
    draw = random.Random(7)
    whole = (FOLDER / name).read_bytes()
    path = tmp_path / Path(name).name
    outcomes = []
    for _ in range(60):
        data = bytearray(whole)
        for _ in range(draw.choice([1, 5, 30])):
            data[draw.randrange(len(data))] = draw.choice([0, 255, draw.randrange(256)])
        path.write_bytes(data[: draw.choice([len(data), draw.randrange(1, len(data))])])
        try:
            outcomes.append(text_of(read(path)))
        except DataError as error:
            outcomes.append(str(error))

    assert len(outcomes) == 60
    assert all(outcome and "\n" not in outcome for outcome in outcomes)
