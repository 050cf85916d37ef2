"""Held-out examples: never a prompt on both sides, the same for the same seed, whatever the order."""

from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from adapt.errors import DataError
from adapt.evaluation.prompts import prompt_key
from adapt.records import Example, Message
from finetune.data.datasets import ExampleSet
from finetune.data.split import MOST, count_leaks, hold_out


def data_of(prompts: list[str]) -> ExampleSet:
    examples = tuple(
        Example((Message("user", prompt), Message("assistant", str(n))))
        for n, prompt in enumerate(prompts)
    )
    return ExampleSet(examples, tuple(f"rows:{n}" for n in range(len(prompts))), (), "messages")


@given(
    st.lists(st.sampled_from([f"{letter}?" for letter in "abcdefgh"]), min_size=2),
    st.integers(0, 9),
)
def test_no_prompt_is_on_both_sides_and_no_row_is_lost(prompts: list[str], seed: int) -> None:
    if len(set(prompts)) < 2:
        return

    train, test = hold_out(data_of(prompts), seed=seed)

    assert count_leaks(train.examples, test.examples) == 0
    assert sorted(train.places + test.places) == sorted(f"rows:{n}" for n in range(len(prompts)))
    assert train.examples
    assert test.examples


def test_the_split_depends_on_the_seed_and_not_on_the_order() -> None:
    prompts = [f"question {n}" for n in range(100)]

    first = hold_out(data_of(prompts), seed=1)[1]
    again = hold_out(data_of(prompts[::-1]), seed=1)[1]
    other = hold_out(data_of(prompts), seed=2)[1]

    keys = [{prompt_key(e) for e in held.examples} for held in (first, again, other)]
    assert keys[0] == keys[1] != keys[2]
    assert len(first.examples) == 10


def test_at_most_two_hundred_are_held_out() -> None:
    train, test = hold_out(data_of([f"question {n}" for n in range(3000)]), seed=0)

    assert (len(train.examples), len(test.examples)) == (3000 - MOST, MOST)


def test_prompts_that_differ_in_case_and_spaces_are_one_prompt() -> None:
    with pytest.raises(DataError, match="at least two different prompts"):
        hold_out(data_of(["What time?", "what  time?"]), seed=0)


def test_leaks_into_a_given_test_set_are_counted() -> None:
    train, test = data_of(["a", "b", "c"]), data_of(["B", "d"])

    assert count_leaks(train.examples, test.examples) == 1


def test_hold_out_names_the_file_when_it_cannot(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"^rows:0: "):
        hold_out(data_of(["only"]), seed=0)
