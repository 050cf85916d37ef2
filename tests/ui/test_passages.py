"""A passage opened: how its page is cut, and how the page and the terminal show it."""

import json
from pathlib import Path

import pytest

from adapt.records import PassageView
from tests.ui.shell import controls, terminal
from ui.cli.output import Output
from ui.components.passage import as_html
from ui.display.passages import AFTER, BEFORE, GONE, note_of, place_of, surroundings

WORDS = "The office opens at eight. " * 200
VIEW = PassageView("handbook.pdf", 2, "Hours > Winter", WORDS, "It opens at nine.", WORDS)


@pytest.mark.parametrize("around", ["", "short", WORDS, "x" * 5000, "\n" * 3000])
def test_a_page_is_cut_into_parts_that_make_it_up(around: str) -> None:
    parts = surroundings(PassageView("a.txt", None, "", around, "span", around))

    assert parts.earlier + parts.before == around
    assert parts.after + parts.later == around
    assert len(parts.before) <= BEFORE + 200
    assert len(parts.after) <= AFTER + 200


def test_a_page_is_cut_between_words() -> None:
    parts = surroundings(VIEW)

    assert parts.earlier.endswith(" ")
    assert not parts.before.startswith(" ")
    assert parts.later.startswith(" ")


def test_what_is_far_is_folded_and_what_is_near_is_not() -> None:
    drawn = as_html(VIEW)
    near = as_html(PassageView("a.txt", None, "", "before ", "span", " after"))

    assert drawn.count("<details>") == 2
    assert f"Earlier on this page ({len(surroundings(VIEW).earlier):,} characters)" in drawn
    assert "<details>" not in near
    assert ">span</mark> after" in near


def test_of_an_endless_page_the_nearest_part_is_drawn() -> None:
    drawn = as_html(PassageView("a.txt", None, "", "", "span", "x y " * 500_000))

    assert len(drawn) < 110_000
    assert "Later on this page (100,000 of 1,99" in drawn


def test_a_place_names_what_there_is() -> None:
    assert place_of(VIEW) == "page 2 · Hours · Winter"
    assert place_of(PassageView("a.txt", None, "", "", "", "")) == ""
    assert note_of(VIEW) == ""
    assert note_of(PassageView("a.txt", None, "", "", "", "", current=False)) == GONE


def test_a_pipe_gets_the_passage_between_marks(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output(Path(), as_json=False)

    output.passage(VIEW)
    cut = capsys.readouterr()
    output.passage(VIEW, whole=True)
    whole = capsys.readouterr()

    assert cut.err == "handbook.pdf · page 2 · Hours · Winter\n"
    assert "»It opens at nine.«" in cut.out
    assert cut.out.startswith("… ")
    assert len(cut.out) < 2000
    assert whole.out == f"{WORDS}»It opens at nine.«{WORDS}\n"


def test_a_terminal_gets_the_passage_in_reverse(capsys: pytest.CaptureFixture[str]) -> None:
    evil = PassageView("\x1b]0;x\x07", None, "\x9b", "\x1b[31m", "\u202espan", "\x07")

    with capsys.disabled(), terminal() as received:
        Output(Path(), as_json=False).passage(evil)

    shown = b"".join(received).decode()
    assert controls(shown) == {"\x1b[7m", "\x1b[27m"}
    assert "\x1b[7m\\u202espan\x1b[27m" in shown


def test_a_script_gets_the_passage_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    Output(Path(), as_json=True).passage(VIEW)

    printed = json.loads(capsys.readouterr().out)
    assert (printed["span"], printed["page"], printed["current"]) == ("It opens at nine.", 2, True)
