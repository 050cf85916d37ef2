"""Where replies without passages come from: every pointer leads to the same characters, or to the month's name."""

import datetime
import random

import pytest
from tokenizers import Tokenizer

from adapt.starter.recipe.attention.pointers import (
    Pointer,
    call_pointers,
    date_pointers,
    word_pointers,
)
from adapt.starter.recipe.exercises.exercise import ExerciseSource
from adapt.starter.recipe.exercises.exercises import make_exercise
from adapt.starter.recipe.texts.coined import MESES, MONTHS
from adapt.starter.recipe.training.batches import encode_exercises

TODAY = datetime.date(2026, 11, 21)
MONTH_NAMES = {name[:3].casefold() for name in (*MONTHS, *MESES)}


def parts(written: str, iso: str) -> dict[str, str]:
    """Return the characters of an ISO date, by place, with what each pointer leads to."""
    asked = f"Today is {TODAY}. Which date? It was {written}"
    targets = {}
    for pointer in date_pointers(1, asked, written, iso, TODAY):
        end = pointer.at + (3 if pointer.whole else pointer.end - pointer.start)
        targets[iso[pointer.start : pointer.end]] = asked[pointer.at : end]
    return targets


@pytest.mark.parametrize(
    ("written", "iso", "expected"),
    [
        ("the 2nd of May 1999", "1999-05-02", {"1999": "1999", "05": "May", "2": "2"}),
        ("21/3/2001", "2001-03-21", {"2001": "2001", "3": "3", "21": "21"}),
        ("2001/03/21", "2001-03-21", {"2001": "2001", "03": "03", "21": "21"}),
        ("20010321", "2001-03-21", {"2001": "2001", "03": "03", "21": "21"}),
        ("9 de sept. de '07", "2007-09-09", {"07": "07", "09": "sep", "9": "9"}),
        ("July 14", "2026-07-14", {"2026": "2026", "07": "Jul", "14": "14"}),
        ("martes, 5 mar 2030", "2030-03-05", {"2030": "2030", "03": "mar", "5": "5"}),
        ("a week ago", "2026-08-14", {"2026": "2026"}),
        ("tomorrow", "2026-11-22", {"2026": "2026", "11": "11"}),
        ("in 3 days", "2026-11-24", {"2026": "2026", "11": "11"}),
    ],
)
def test_the_parts_of_a_date_are_found(written: str, iso: str, expected: dict[str, str]) -> None:
    assert parts(written, iso) == expected


def test_a_call_points_to_its_schema_and_to_the_request() -> None:
    system = (
        'Tools\n{"name": "get_note", "properties": {"city": 1}, "required": ["city"]}\n'
        '{"name": "get_room", "properties": {"city": {"type": "string"}, '
        '"minutes": {"type": "integer"}}, "required": ["city", "minutes"]}'
    )
    request = "Get the room in Ana for 12 minutes"
    call = '{"name": "get_room", "arguments": {"city": "Ana", "minutes": 12}}'

    texts = {1: request, 0: system}
    pointers = list(call_pointers(2, system, request, call))
    copied = [
        (call[pointer.start : pointer.end], pointer.source, texts[pointer.source][pointer.at :])
        for pointer in pointers
        if pointer.copied
    ]

    assert [(value, source) for value, source, _ in copied] == [
        ("get_room", 0),
        ("city", 0),
        ("Ana", 1),
        ("minutes", 0),
        ("12", 1),
    ]
    assert all(there.startswith(value) for value, _, there in copied)
    assert copied[1][2] == 'city", "minutes"]}'  # of this tool, not of the one before
    looked = [
        (call[pointer.start], system[pointer.at :][:7])
        for pointer in pointers
        if not pointer.copied
    ]
    assert looked == [('"', 'string"'), (",", '", "min'), ("1", "integer"), ("}", '"]}')]


def test_words_point_only_where_they_stand_once() -> None:
    pointers = list(word_pointers(2, 1, "Repeat: green cup, green roof", "green roof"))

    assert pointers == [Pointer(2, 6, 10, 1, 25)]


@pytest.mark.parametrize("kind", ["date", "tool", "task", "profile"])
def test_made_exercises_point_to_what_they_say(
    training: ExerciseSource, tokenizer: Tokenizer, kind: str
) -> None:
    rng = random.Random(4)
    looked = 0
    for exercise in [make_exercise(rng, training, kind) for _ in range(120)]:
        for pointer in exercise.pointers:
            value = exercise.messages[pointer.reply][1][pointer.start : pointer.end]
            there = exercise.messages[pointer.source][1][pointer.at :]
            if not pointer.copied:
                assert there.startswith(('",', '"]', "string", "integer", "number"))
            elif pointer.whole:
                assert there[:3].casefold() in MONTH_NAMES
            else:
                assert there.startswith(value)
        sample = encode_exercises(tokenizer, [exercise])[0]
        looked += len(sample.guide.copy)
        assert all(0 < target <= token for token, target in sample.guide.copy)

    assert looked > 400


def test_the_users_name_is_copied_from_the_line_that_tells_it(
    training: ExerciseSource, tokenizer: Tokenizer
) -> None:
    rng = random.Random(5)
    count = 0
    for _ in range(300):
        exercise = make_exercise(rng, training, "preference", absent=False)
        if exercise.preference is None or not exercise.preference.name:
            continue
        name = exercise.preference.name
        assert exercise.answer.startswith(f"Dear {name}, it says: ")
        for pointer in exercise.pointers:
            count += 1
            line = exercise.messages[0][1][pointer.at :]
            assert line.startswith(name)
            assert exercise.messages[pointer.reply][1][pointer.start : pointer.end] == name
        sample = encode_exercises(tokenizer, [exercise])[0]
        places = [token for token, _ in sample.guide.copy]
        assert len(places) == len(set(places))  # nothing is shown two things to copy

    assert count > 10
