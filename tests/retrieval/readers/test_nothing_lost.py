"""What a file shows is in its text, as it is shown: raised numbers, struck words, list numbers, front matter, every mail."""

import csv
import email.policy
import io
import json
import re
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from retrieval.readers.mail.calendar import read_calendar
from retrieval.readers.mail.eml import read_mail
from retrieval.readers.raw_file import RawFile
from retrieval.readers.read import read
from retrieval.readers.table_text import row
from retrieval.readers.text.csv import read_delimited
from retrieval.readers.text.markdown import plain_marks
from retrieval.readers.text.raised import lowered, raised

Write = Callable[[str, str], str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return what writes a file and gives the text that is read of it."""

    def text_of(name: str, content: str) -> str:
        (tmp_path / name).write_text(content, encoding="utf-8")
        return "\n\n".join(page.text for page in read(tmp_path / name).pages)

    return text_of


@pytest.mark.parametrize(
    ("before", "text", "written"),
    [
        ("3 mal 10", "6", "^6"),
        ("40 m", "2", "^2"),
        ("5 kg m", "-1", "^-1"),
        ("(a + b)", "2", "^2"),
        ("2", "16", "^16"),
        ("2,500", "1", " [1]"),
        ("the plant", "12", " [12]"),
        ("Total 14", "3", " [3]"),
        ("as shown", "2, 3", " [2, 3]"),
        ("Rent", "*", " [*]"),
        ("2,500", "a", " [a]"),
        ("x", "n", "^n"),
        ("the 21", "st", "st"),
        ("1.", "o", "o"),
        ("el 2", "a", "a"),
        ("Brand", "TM", "TM"),
        ("", "1", "1"),
    ],
)
def test_a_raised_sign_is_written_as_what_it_is(before: str, text: str, written: str) -> None:
    assert raised(before, text) == written


def test_what_leads_somewhere_is_a_note_and_a_lowered_number_is_marked_after_a_word() -> None:
    assert raised("10", "6", is_link=True) == " [6]"
    assert (lowered("H", "2"), lowered("log", "2")) == ("2", "_2")


def test_a_page_says_what_a_browser_shows(write: Write) -> None:
    text = write(
        "a.html",
        "<p>10<sup>6</sup> cells, 2,500<sup>1</sup> sold. <del>49</del> <ins>39</ins> euros, <s>old</s> new</p>"
        "<ol start=7><li>open<ol type=a><li>valve<li>tap</ol><li value=12>close</ol><ol reversed start=3><li>c<li>b</ol>"
        "<p><img src=x alt='Torque 12 Nm'><img src=y alt='up' width=12></p>"
        "<p><input type=checkbox checked> Winter <input type=radio> Summer <input type=hidden value=secret></p>",
    )

    assert "10^6 cells, 2,500 [1] sold. ~~49~~ 39 euros, ~~old~~ new" in text
    assert "7. open\n\na. valve\nb. tap\n\n12. close" in text
    assert "3. c\n2. b" in text
    assert "[Torque 12 Nm]" in text
    assert re.search(r"\[x\] +Winter +\[ \] +Summer", text)
    assert "up" not in text.replace("Summer", "")
    assert "secret" not in text


def test_a_cell_over_several_rows_is_said_on_each(write: Write) -> None:
    text = write(
        "a.html",
        "<table><tr><th>Model<th>Year<th>Sold</tr><tr><td rowspan=2>P-7<td>2024<td>10<sup>3</sup></tr>"
        "<tr><td>2025<td><del>11</del> 12</tr></table>",
    )

    assert text == "Model | Year | Sold\nP-7 | 2024 | 10^3\nP-7 | 2025 | ~~11~~ 12"


@pytest.mark.parametrize(
    ("source", "kept"),
    [
        ("A remark begins with `<!--` here.\n\nThe fee is 75.\n\nDraft --> Review.", True),
        ("```\n<!-- a\n```\nThe fee is 75.\n```\n-->\n```", True),
        ("````\n```\n<!--\n````\nThe fee is 75. -->", True),
        ("~~~~ html\n<!--\n~~~\n~~~~\nThe fee is 75. -->", True),
        ("Text.\n\n    <!-- code\n\nThe fee is 75. -->", True),
        ("``a ` <!-- ``\nThe fee is 75. -->", True),
        ("<!-- one `tick\nThe fee is 75. -->", False),
        ("<!--\n```\nThe fee is 75.\n```\n-->", False),
        ("1. item\n\n    <!-- in a list: The fee is 75. -->", False),
        ("{/* The fee is 75. */}", False),
        ("<!-- never closed. The fee is 75.", True),
    ],
)
def test_a_comment_ends_and_begins_outside_code_only(source: str, kept: bool) -> None:
    assert ("The fee is 75." in plain_marks(source)) == kept


CODE = st.sampled_from(["`<!--`", "`-->`", "``a`<!--``", "```\n<!--\n```", "~~~\n-->\n~~~"])
COMMENT = st.sampled_from(
    ["<!-- gone -->", "<!-- gone\n\ngone -->", "{/* gone */}", "<!-- `gone -->"]
)
WORD = st.from_regex(r"word[0-9]{3}", fullmatch=True)


@given(st.lists(st.one_of(WORD, CODE, COMMENT), max_size=12))
def test_any_sequence_of_text_code_and_comments_keeps_all_but_the_comments(
    parts: list[str],
) -> None:
    source = "\n\n".join(parts)

    text = plain_marks(source)

    shown = [part for part in parts if "gone" not in part]
    assert "gone" not in text
    assert [part for part in shown if part not in text] == []
    assert len(text.replace("\n", "")) == sum(len(part.replace("\n", "")) for part in shown)


def test_an_unclosed_mark_takes_no_longer_than_the_text() -> None:
    for mark in ("`", "<!--", "```\n", "{/*", "`` ", "&amp", "``` \n~~~x\n"):
        assert len(plain_marks(mark * 200_000)) <= len(mark) * 200_000


def test_entities_stand_for_their_signs_outside_code(write: Write) -> None:
    assert (
        write("a.md", "Espa&ntilde;a &#233; `&amp;` a&b &unknownthing;")
        == "España é `&amp;` a&b &unknownthing;"
    )


@pytest.mark.parametrize(
    ("front", "shown"),
    [
        (
            "title: Boilers\nauthor: Ilse Brandt\napplies_to: [K40, K60]",
            "author: Ilse Brandt\napplies_to: K40, K60\n\nText.",
        ),
        (
            "reviewed: 2026-02-11\ndraft: true\nnested:\n  a: 1",
            'reviewed: 2026-02-11\ndraft: true\nnested: {"a": "1"}\n\nText.',
        ),
        (
            "\nImportant: the depot is closed on Fridays.\nSo it is.\n",
            "Important: the depot is closed on Fridays.",
        ),
        ("The depot: closed, the gate: open\n", "The depot: closed"),
        ("a: &x [1]\nb: *x\n", "b: *x"),
    ],
)
def test_front_matter_is_searchable_and_text_between_rules_is_text(
    front: str, shown: str, write: Write
) -> None:
    text = write("a.md", f"---\n{front}\n---\nText.\n")

    assert shown in text
    assert text.endswith("Text.")


def test_json_shows_letters_and_keeps_what_json_needs_escaped(write: Write, tmp_path: Path) -> None:
    value = {
        "sede": "León",
        "emoji": "😀",
        "quote": 'a"b',
        "line": "a\nb",
        "literal": "\\u00f1",
        "null": "\0",
    }
    source = json.dumps(value)

    text = write("a.json", source)

    assert json.loads(text) == value
    assert "León" in text
    assert "😀" in text
    assert "\\\\u00f1" in text
    (tmp_path / "cut.json").write_text(source[:30])
    (warning,) = read(tmp_path / "cut.json").warnings
    assert "no valid JSON" in warning


def part(kind: str, text: str) -> EmailMessage:
    made = EmailMessage(email.policy.default)
    made.set_content(text, subtype=kind)
    return made


@given(
    st.lists(st.sampled_from(["plain", "html"]), min_size=1, max_size=5),
    st.sampled_from(["mixed", "related"]),
)
def test_every_part_that_a_mail_program_shows_is_read(kinds: list[str], around: str) -> None:
    message = EmailMessage(email.policy.default)
    for name, value in (("Subject", "Works"), ("From", "a@example.org"), ("To", "b@example.org")):
        message[name] = value
    message["Content-Type"] = f"multipart/{around}"
    for number, kind in enumerate(kinds):
        text = f"<p>part number {number}</p>" if kind == "html" else f"part number {number}"
        message.attach(part(kind, text))

    text = _mail_text(message.as_bytes())

    assert [n for n in range(len(kinds)) if f"part number {n}" not in text] == []


def _mail_text(data: bytes) -> str:
    def refuse(raw: RawFile) -> None:
        raise AssertionError(raw.label)

    reading = read_mail(RawFile("m.eml", data, ".eml", refuse))  # type: ignore[arg-type]
    return "\n\n".join(f"{page.heading}\n{page.text}" for page in reading.pages)


def test_of_alternatives_the_richest_is_read_and_an_invitation_beside_it() -> None:
    message = EmailMessage(email.policy.default)
    message["Subject"] = "Order"
    message.set_content("Your mail program cannot show HTML.")
    message.add_alternative("<p>We deliver on 9 March.</p>", subtype="html")
    event = (
        "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART;TZID=Europe/Madrid:20260312T143000\nLOCATION:Room\n  Cedar\n"
        "SUMMARY:Budget\\, round\nEND:VEVENT\nEND:VCALENDAR\n"
    )
    message.add_alternative(event, subtype="calendar")

    text = _mail_text(message.as_bytes())

    assert "We deliver on 9 March." in text
    assert "cannot show HTML" not in text
    assert "Start: 2026-03-12 14:30 Europe/Madrid" in text
    assert "Place: Room Cedar" in text
    assert "Event: Budget, round" in text


def test_an_alternative_that_says_nothing_is_passed_over() -> None:
    message = EmailMessage(email.policy.default)
    message.set_content("The lift is out of order.")
    message.add_alternative("<html><body> </body></html>", subtype="html")

    assert "The lift is out of order." in _mail_text(message.as_bytes())


def test_what_is_no_calendar_stays_as_it_is() -> None:
    assert read_calendar("no events here") == "no events here"


@given(st.lists(st.from_regex(r"[a-z]{3,9}", fullmatch=True), min_size=2, max_size=6, unique=True))
def test_every_message_of_a_mailbox_is_read_under_its_subject(subjects: list[str]) -> None:
    box = "".join(
        f"From a@example.com Mon Mar  2 09:12:00 2026\nFrom: a@example.com\nSubject: {subject}\nTo: b@example.com\n\n"
        f"About {subject}.\n>From here on nothing.\n\n"
        for subject in subjects
    )

    text = _mail_text(box.encode())

    for subject in subjects:
        assert f"{subject}\nSubject: {subject}" in text
        assert f"About {subject}.\nFrom here on nothing." in text


def table_of(text: str) -> list[str]:
    reading = read_delimited(
        RawFile("a.csv", b"", ".csv", lambda raw: pytest.fail(raw.label)), text
    )
    return reading.pages[0].text.splitlines()


def test_a_sign_of_inches_leaves_the_quoted_cells_of_other_rows_whole() -> None:
    text = 'part,description,supplier\nA-1,Pipe 5" wide,"Harlow, Inc."\nA-2,"Say ""so""","Moss, Ltd."\n\nA-3,6",7"\n'

    assert table_of(text)[1:] == [
        'A-1 | Pipe 5" wide | Harlow, Inc.',
        'A-2 | Say "so" | Moss, Ltd.',
        'A-3 | 6" | 7"',
    ]


CELL = st.text(st.sampled_from('ab 1,"'), max_size=6)


@given(st.lists(st.tuples(CELL, CELL, CELL), min_size=1, max_size=5))
def test_a_well_formed_table_is_read_as_the_library_reads_it(
    rows: list[tuple[str, str, str]],
) -> None:
    buffer = io.StringIO()
    csv.writer(buffer, quoting=csv.QUOTE_ALL).writerows([("first", "second", "third"), *rows])

    assert table_of(buffer.getvalue()) == [
        line for line in map(row, [["first", "second", "third"], *map(list, rows)]) if line
    ]


@pytest.mark.parametrize(
    "above", [["Report of plots 2026,,,,", ",,,,"], ["Report of plots 2026"], []]
)
def test_lines_above_a_tables_header_stand_apart(above: list[str]) -> None:
    rows = [f"Q-{n:03},Lane A.,{300 + n},900,2027-01-28" for n in range(30)]

    lines = table_of("\n".join([*above, "Plot,Tenant,Rent,Deposit,Until", *rows]) + "\n")

    assert lines[: len(lines) - 31] == (["Report of plots 2026", ""] if above else [])
    assert lines[-31] == "Plot | Tenant | Rent | Deposit | Until"
