# ruff: noqa: RUF001  the quotes keep the signs that are printed
"""RTF as programs really write it: one text of ours saved by three programs, real documents saved again, and AbiWord's own.

`rtf/` holds a page with a title, headings, lists, a table, a footnote, a comment, a deletion, hidden text, a text box,
a header and a footer: written as OpenDocument, saved by LibreOffice 7.4 and AbiWord 3.0, and by pandoc 2.17 by way of DOCX.
pandoc keeps neither title, margins nor boxes, and shows hidden text.
"""

from pathlib import Path

import pytest

from retrieval.readers.read import read

FOLDER = Path(__file__).parent / "rtf"
HOSTILE = (
    Path(__file__).parents[3].parent / "shared" / "data" / "docs_hostile" / "rtf_corrupt_list.rtf"
)
EVERYWHERE = (
    "# The clock tower",
    "The tower was built in 1874 and rises 42 metres above the market square. Its bell – cast in Łódź – weighs 1.250 kg,",
    "and “the old lady” is what the keeper calls it…",
    "Measured without the weathercock.",
    "It is open every Tuesday",
    "from nine to five.",
    "## Cómo llegar",
    "suba por la calle Ñandú hasta la fuente; después gire a la izquierda. ¿Niños? Sí, desde los seis años.",
    "Véase el plano.",
    "Добро пожаловать · Καλώς ήρθατε · 時計塔 ·",
    "🕰",
    "60 m2",
    "Wear flat shoes. ",
    "Leave large bags at the gate.",
    "Wait for the keeper.",
    "## Prices Visitor | Summer | Winter Adult | 7,50 € | 5 € Niño | | 2 € Group (ten or more) | 4,20 € each",
    "Tickets are sold at the gate.",
)
BOX = "4,20 € each Tickets are sold at the gate. Last climb at half past four."
NUMBERED = ("• Wear flat shoes.", "1. Ring the small bell. 2. Wait for the keeper.")
QUOTES = {
    "libreoffice.rtf": (*EVERYWHERE, *NUMBERED, "Ayuntamiento de Villaverde", BOX),
    "abiword.rtf": (*EVERYWHERE, "Ayuntamiento de Villaverde", BOX),
    "pandoc.rtf": (*EVERYWHERE, *NUMBERED),
}
UNSEEN = ("on Mondays", "winter hours", "HYPERLINK", "example.org", "xpos", "Calibri", "Ana")


def text_of(path: Path) -> str:
    return " ".join(" ".join(page.text for page in read(path).pages).split())


@pytest.mark.parametrize("name", QUOTES)
def test_what_people_read_in_a_file_of_each_program_is_in_its_text(name: str) -> None:
    text = text_of(FOLDER / name)

    assert [quote for quote in QUOTES[name] if quote.strip() not in text] == []


@pytest.mark.parametrize("name", QUOTES)
def test_what_people_do_not_see_is_not_in_the_text(name: str) -> None:
    text = text_of(FOLDER / name)

    assert [word for word in UNSEEN if word in text] == []
    assert ("spare key" in text) == (name == "pandoc.rtf")


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("libreoffice.rtf", "Guía de la torre del reloj"),
        ("abiword.rtf", "Guía de la torre del reloj"),
        ("pandoc.rtf", ""),
    ],
)
def test_the_title_is_the_one_that_the_program_wrote(name: str, title: str) -> None:
    assert read(FOLDER / name).title == title


@pytest.mark.skipif(
    not HOSTILE.is_file(), reason="the shared test documents are not on this machine"
)
def test_a_file_of_abiword_whose_lists_are_damaged_keeps_its_sentences() -> None:
    text = text_of(HOSTILE)

    quotes = (
        "what is an Apple? Apples are fun!",
        "There are 90 naturally occurring kinds of apples.",
        "Interesting fact 2 Apples can be eaten hot or cold, in pies or sauces, jams,coated in toffee or raw.",
        "Ingredient 6 – Peel Apply blowtorch Throw away – Pick up phone Order apple pie",
        "by George Formby",
    )
    assert [quote for quote in quotes if quote not in text] == []


def test_a_numbered_heading_of_wordpad_has_its_number_once(tmp_path: Path) -> None:
    path = tmp_path / "a.rtf"
    path.write_bytes(
        rb"{\rtf1\ansi\ansicpg1252\deff0\nouicompat{\fonttbl{\f0\fnil\fcharset0 Arial;}}"
        rb"{\stylesheet{ Normal;}{\s3 heading 3;}}{\*\generator Riched20 10.0.19041}\viewkind4\uc1 "
        rb"\pard {\pntext\f0 I.\tab}{\*\pn\pnlvlbody\pnf0\pnindent0\pnstart1\pnqr\pnucrm{\pntxta.}}"
        rb"\keep\s3\fs28 The keeper's round \par\pard\sa200\f0\lang9 He begins at six.\par}"
    )

    assert read(path).pages[0].text == "### I. The keeper's round\n\nHe begins at six."


def test_bullets_of_a_symbol_font_are_bullets(tmp_path: Path) -> None:
    path = tmp_path / "a.rtf"
    path.write_bytes(
        rb"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0\fcharset0 Arial;}{\f3\fcharset2 Symbol;}}"
        rb"\pard {\listtext\pard\plain\f3 \u61623\'b7\tab}\f0 Oil\par{\listtext\pard\plain\f3 \u-3913 ?\tab}\f0 Rope\par}"
    )

    assert read(path).pages[0].text == "• Oil\n\n• Rope"


def test_a_note_within_a_table_leaves_the_row_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.rtf"
    path.write_bytes(
        rb"{\rtf1\ansi\trowd\cellx100\cellx200\intbl a\cell\pard\intbl b{\footnote\pard\plain\chftn so\par}\cell\row"
        rb"\trowd\cellx100\cellx200\pard\intbl c\cell d\cell\row\pard End.\par}"
    )

    assert read(path).pages[0].text == "a | b so\nc | d\n\nEnd."
