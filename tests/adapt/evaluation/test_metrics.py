"""Metrics: what counts as right, and which of them fits a set of answers."""

import pytest
from hypothesis import given, strategies as st

from adapt.evaluation.metrics import (
    METRICS,
    choose_metric,
    exact,
    rouge_l,
    same_json,
    same_sql,
    token_f1,
)


def test_exact_match_ignores_case_space_and_the_final_stop_only() -> None:
    assert exact(" The  office.\n", "the office") == 1.0
    assert exact("the offices", "the office") == 0.0
    assert exact("FAX", "FA") == 0.0


@pytest.mark.parametrize(
    ("answer", "expected", "f1"),
    [
        ("b c d", "b c d", 1.0),
        ("x b", "b c", 0.5),
        ("x", "y", 0.0),
        ("", "y", 0.0),
        ("", "", 1.0),
        # by SQuAD's own script: articles, case and punctuation count for nothing
        ("the cat", "cat", 1.0),
        ("The Cat!", "a cat", 1.0),
        ("the", "an", 1.0),
        ("a theatre", "theatre", 1.0),
        ("Denver Broncos won it", "the Denver Broncos", 2 * 2 / 6),
        ("new new york", "new york", 2 * 2 / 5),
    ],
)
def test_token_f1_counts_shared_words_as_squad_does(answer: str, expected: str, f1: float) -> None:
    assert token_f1(answer, expected) == pytest.approx(f1)


@pytest.mark.parametrize(
    ("answer", "expected", "score"),
    [
        ("the cat sat", "The cat sat.", 1.0),
        ("cat the sat", "the cat sat", 2 / 3),
        ("a b c d", "a c", 2 * 2 / 6),
        ("b", "b c", 2 / 3),
        ("x", "y", 0.0),
        ("", "y", 0.0),
    ],
)
def test_rouge_counts_words_in_their_order(answer: str, expected: str, score: float) -> None:
    assert rouge_l(answer, expected) == pytest.approx(score)


def test_json_is_the_same_however_it_is_written() -> None:
    assert same_json('{"b": [1, 2], "a": 1.0}', '{"a": 1, "b": [1,2]}') == 1.0
    assert same_json('{"a": 1', '{"a": 1}') == 0.0
    assert same_json('{"a": 2}', '{"a": 1}') == 0.0
    assert same_json("null", "null") == 1.0
    assert METRICS["valid-json"]("[1]", "{}") == 1.0
    assert METRICS["valid-json"]("[" * 100_000, "{}") == 0.0


def test_a_query_is_the_same_but_for_how_it_is_typed() -> None:
    expected = "SELECT MAX(A) FROM T WHERE B = 'Ana  M' AND C>=3"

    assert same_sql('select max( a ) from t\nwhere b="Ana  M" and c >= 3;', expected) == 1.0
    assert same_sql("select max(a) from t where b = 'ana  m' and c >= 3", expected) == 0.0
    assert same_sql("select min(a) from t where b = 'Ana  M' and c >= 3", expected) == 0.0
    assert same_sql("zelect a from t", "select a from t") == 0.0


@pytest.mark.parametrize(
    ("query", "same"),
    [
        ("SELECT a FROM t WHERE b = \"Ana\" AND c = 'Ben'", 1.0),
        ("select a from t where b = 'Eva' and c = 'Ben'", 0.0),
        ("select a from t where b = 'Una' and c = 'Ben'", 0.0),
        ("select a from t where b = 'Ane' and c = 'Ben'", 0.0),
        ("select a from t where b = 'Ana' and c = 'ben'", 0.0),
        ("select z from t where b = 'Ana' and c = 'Ben'", 0.0),
    ],
)
def test_each_quoted_text_of_a_query_counts_letter_by_letter(query: str, same: float) -> None:
    assert same_sql(query, "select a from t where b = 'Ana' and c = 'Ben'") == same


@pytest.mark.parametrize(
    ("answers", "metric"),
    [
        (['{"a": 1}', "[]"], "json"),
        (["SELECT a FROM b", "with x as (select 1) select * from x"], "sql"),
        (["card_arrival", "lost card"], "exact"),
        (["The office opens at eight on weekdays only."] * 3, "f1"),
        (["word " * 40, "word " * 30], "rouge"),
        (['  {"a": 1}\n'], "json"),
        (["word " * 6], "exact"),
        (["word " * 7], "f1"),
        (["word " * 20], "f1"),
        (["word " * 21], "rouge"),
        (['{"a": 1}', "no JSON"], "exact"),
        (["42", "7"], "exact"),
    ],
)
def test_the_metric_fits_the_answers(answers: list[str], metric: str) -> None:
    assert choose_metric(answers) == metric


@given(st.text(max_size=60), st.text(max_size=60))
def test_every_metric_lies_between_nothing_and_one(answer: str, expected: str) -> None:
    for name, judge in METRICS.items():
        assert 0.0 <= judge(answer, expected) <= 1.0, name
        if name not in ("json", "valid-json"):
            assert judge(expected, expected) == 1.0, name
