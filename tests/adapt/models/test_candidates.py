"""What an answer over passages may be: sentences, rows, items and corrections, each with what it is read with."""

import pytest
from hypothesis import given, strategies as st

from adapt.models.decoding.candidates import Candidate, cite, find_candidates, split_words
from adapt.records import Grounding

TABLE = """## Boats

All of them are hired by the day.

| Boat | Seats | Price |
| --- | --- | --- |
| Heron | 4 | 30 € |
| Gull | 6 | 45 € |"""


def of(text: str, heading: str = "") -> list[Candidate]:
    return find_candidates(Grounding(((1, text),), headings=(heading,) if heading else ()))


def test_a_row_is_read_with_the_names_of_its_columns_and_said_as_it_stands() -> None:
    rows = [candidate for candidate in of(TABLE, "Harbour > Boats") if candidate.kind == "row"]

    assert [candidate.text for candidate in rows] == ["Heron | 4 | 30 €", "Gull | 6 | 45 €"]
    assert rows[1].reading == "Boat: Gull; Seats: 6; Price: 45 €"
    assert rows[1].context == "Harbour > Boats\nAll of them are hired by the day."


def test_rows_without_outer_bars_are_rows_however_long_they_are() -> None:
    text = (
        "Code | Meaning | What to do\nE04 | Wrong password | Wait three minutes and try again\n"
        "E17 | More than 64 devices | Disconnect a device"
    )

    assert [candidate.text for candidate in of(text)] == [
        "E04 | Wrong password | Wait three minutes and try again",
        "E17 | More than 64 devices | Disconnect a device",
    ]


def test_the_header_of_a_table_that_was_cut_is_taken_from_the_heading() -> None:
    (row,) = of("| Gull | 6 | 45 € |", "Boats > Boat | Seats | Price")

    assert row.reading == "Boat: Gull; Seats: 6; Price: 45 €"
    assert row.context == "Boats"


def test_an_item_is_read_under_the_line_that_leads_to_its_list() -> None:
    candidates = of("Bring these things.\n\n- For a contract: your card.\n- 2 photographs")

    assert [(candidate.text, candidate.kind) for candidate in candidates] == [
        ("Bring these things.", "sentence"),
        ("For a contract: your card.", "item"),
        ("2 photographs", "item"),
    ]
    assert candidates[2].context == "Bring these things."


@pytest.mark.parametrize("title", ["# Hours", "OPENING HOURS", "Hours of the pool"])
def test_a_title_is_read_with_what_follows_and_never_said(title: str) -> None:
    candidates = of(f"{title}\n\nThe pool opens at 7:00. It closes at 21:00.")

    assert [candidate.text for candidate in candidates] == [
        "The pool opens at 7:00.",
        "It closes at 21:00.",
    ]
    assert candidates[0].context == title.removeprefix("# ")
    assert candidates[1].before == "The pool opens at 7:00."


def test_a_question_in_a_document_is_read_with_its_answer_and_is_none_itself() -> None:
    candidates = of("Can I bring my dog?\nYes, on a lead. Not in summer.\n")

    assert [candidate.text for candidate in candidates] == ["Yes, on a lead.", "Not in summer."]
    assert all(candidate.context == "Can I bring my dog?" for candidate in candidates)


def test_what_says_nothing_is_no_candidate() -> None:
    assert of("* * *\n\n---\n\n1.\n\n") == []


def test_a_documents_own_marks_stay_in_its_words() -> None:
    assert cite(of("The net lasts nine years [14]. It is 12 mm wide [2].")[0]) == (
        "The net lasts nine years [14]. [1]"
    )


def test_corrections_come_last_with_their_question_and_without_a_number() -> None:
    grounding = Grounding(
        ((1, "It opens at 8."),),
        ("It opens at 9.", "Dogs may not."),
        corrections=(("When?", "It opens at 9."),),
    )

    assert [
        (candidate.text, candidate.number, candidate.context)
        for candidate in find_candidates(grounding)
    ] == [
        ("It opens at 8.", 1, ""),
        ("It opens at 9.", None, "When?"),
        ("Dogs may not.", None, ""),
    ]


@given(st.text(max_size=300))
def test_every_candidate_stands_in_its_passage_word_for_word(text: str) -> None:
    words = " ".join(text.replace("|", " ").split())

    for candidate in of(text):
        assert " ".join(candidate.text.replace("|", " ").split()) in words


@given(st.text(max_size=100))
def test_a_text_in_pieces_is_the_text(text: str) -> None:
    assert "".join(split_words(text)) == text
