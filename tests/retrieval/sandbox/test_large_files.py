"""Honest files of several megabytes are read within the limits that stop bombs; what is too much is said at once."""

import random
import time
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest

from adapt.errors import DataError
from retrieval.readers.mail.eml import MAX_PARTS
from retrieval.readers.read import read
from retrieval.readers.web.html import read_html
from retrieval.readers.zip.package import MAX_MEMBERS, directory
from retrieval.sandbox.limits import MB, ReaderLimits
from retrieval.sandbox.pool import ReaderPool
from tests.retrieval.conftest import write_pdf
from tests.retrieval.sandbox.bombs_archives import zip_million_members, zipped
from tests.retrieval.sandbox.bombs_text import MAKERS

WORDS = (
    "the",
    "office",
    "opens",
    "at",
    "nine",
    "and",
    "closes",
    "five",
    "on",
    "weekdays",
    "while",
    "reports",
    "are",
    "due",
)
DRAW = random.Random(7)


def paragraphs(size: int) -> list[str]:
    """Return paragraphs of 60 words, so many bytes together."""
    texts: list[str] = []
    while size > 0:
        texts.append(" ".join(DRAW.choices(WORDS, k=60)).capitalize() + ".")
        size -= len(texts[-1])
    return texts


def markdown(path: Path) -> Path:
    parts = paragraphs(9_600_000)
    path.write_text("\n\n".join(f"## Part {i}\n\n{p}" for i, p in enumerate(parts))[:9_900_000])
    return path


def page(path: Path) -> Path:
    rows = (f"<p class='a'>{p[:100]}<b>{p[100:]}</b></p>\n" for p in paragraphs(9_000_000))
    path.write_text(f"<html><body>{''.join(rows)}"[: 10 * MB])
    return path


def page_of_tables(path: Path) -> Path:
    cells = "".join(f"<td class='n'>{i}</td>" for i in range(8))
    path.write_text("<html><body><table>" + f"<tr>{cells}</tr>\n" * (9 * MB // (len(cells) + 10)))
    return path


def rich_text(path: Path) -> Path:
    style = r"\par \pard\plain \s0\widctlpar\ltrpar\cf0\kerning1\dbch\af7\langfe2052\fs24\lang1033"
    body = "".join(f"{style}{{\\rtlch \\ltrch\\loch {p}}}\n" for p in paragraphs(4_000_000))
    path.write_text(rf"{{\rtf1\ansi {body}}}")
    return path


def message(path: Path) -> Path:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "a@b.c", "d@e.f", "Files"
    mail.set_content("See attached.")
    for i in range(3):
        text = "\n\n".join(paragraphs(2_000_000))
        mail.add_attachment(text.encode(), maintype="text", subtype="plain", filename=f"{i}.txt")
    mail.add_attachment(bytes(3 * MB), maintype="image", subtype="png", filename="a.png")
    path.write_bytes(mail.as_bytes())
    return path


def archive(path: Path) -> Path:
    return zipped(path, {f"{i}.md": "\n\n".join(paragraphs(25_000)) for i in range(300)})


@pytest.fixture(scope="module")
def pool() -> Iterator[ReaderPool]:
    with ReaderPool() as started:
        yield started


@pytest.mark.slow
@pytest.mark.faults
@pytest.mark.parametrize(
    ("name", "maker", "characters"),
    [
        ("a.md", markdown, 9_500_000),
        ("a.html", page, 8_500_000),
        ("tables.html", page_of_tables, 1_000_000),
        ("a.rtf", rich_text, 3_900_000),
        ("a.eml", message, 6_000_000),
        ("a.zip", archive, 7_000_000),
    ],
)
def test_an_honest_file_of_several_megabytes_is_read(
    name: str, maker: Callable[[Path], Path], characters: int, pool: ReaderPool, tmp_path: Path
) -> None:
    path = maker(tmp_path / name)

    (result,) = pool.read([(name, path)])

    assert result.error == ""
    assert result.document is not None
    assert sum(len(part.text) for part in result.document.pages) >= characters


def test_only_pdfs_have_more_time_with_their_size() -> None:
    limits = ReaderLimits()

    assert limits.seconds_for(0) == 4
    assert limits.seconds_for(5 * MB) == 14
    assert limits.seconds_for(100 * MB) == 30


def test_a_pdf_is_told_of_before_it_is_read_also_within_a_file(tmp_path: Path) -> None:
    pdf = write_pdf(tmp_path / "a.pdf", ["A page of text."])
    sizes: list[int] = []

    read(pdf, before_pdf=sizes.append)
    read(zipped(tmp_path / "a.zip", {"a.pdf": pdf.read_bytes()}), before_pdf=sizes.append)

    assert sizes == [pdf.stat().st_size] * 2


def test_a_text_that_cannot_be_within_the_limit_is_refused_before_it_is_read(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.md"
    path.write_text("word " * 500)

    with pytest.raises(DataError, match=r"holds more than 1,000 characters of text; split it"):
        read(path, characters=1_000)

    assert read(path, characters=1_250).pages


def test_a_message_of_too_many_parts_is_refused(tmp_path: Path) -> None:
    path = MAKERS["mail_parts"](tmp_path)
    started = time.process_time()

    with pytest.raises(DataError, match=f"a message of more than {MAX_PARTS:,} parts"):
        read(path)

    assert time.process_time() - started < 3


def test_the_members_of_a_zip_file_are_counted_before_it_is_opened(tmp_path: Path) -> None:
    path = zip_million_members(tmp_path)
    started = time.process_time()

    with pytest.raises(DataError, match=f"1000000 files .* the limit is {MAX_MEMBERS}"):
        read(path)

    assert time.process_time() - started < 2


def test_only_the_directory_of_a_zip_file_is_counted(tmp_path: Path) -> None:
    """Files within it that are ZIP files, stored as they are, have directories of their own."""
    inner = zipped(tmp_path / "inner.zip", {str(i): "a" for i in range(9)}).read_bytes()
    data = zipped(tmp_path / "a.zip", {"inner.zip": inner, "a.txt": "b"}).read_bytes()

    start, end = directory(data)

    assert data[start:end].count(b"PK\1\2") == 2
    assert directory(b"PK") == (0, 0)


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<p>a<!-- no --> b<p>c", "a b\n\nc"),
        ("<table><tr><td>a<td><ul><li>b<li>c</ul></table>", "a | b; c"),
        ("<div hidden><p>no</p></div><p>yes", "yes"),
        ("<nav><table><tr><td>no</table></nav><table><tr><td>a<td>b</table>", "a | b"),
        ("<table><tr><td><h2>H</h2>a</table>", "## H\n\na"),
        ("</p></b>a<pre>b\n  c</pre>", "a\n\nb\nc"),
    ],
)
def test_a_page_is_read_as_browsers_show_it(markup: str, text: str) -> None:
    assert read_html(markup)[0] == text


@pytest.mark.slow
def test_tags_left_open_and_nested_without_end_do_not_hang_or_crash() -> None:
    started = time.process_time()

    text, title = read_html("<title>T</title>" + "<table><tr><td>" * 20_000 + "boom")

    assert (text, title) == ("boom", "T")
    assert time.process_time() - started < 3
