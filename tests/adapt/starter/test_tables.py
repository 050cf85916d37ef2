"""Queries over made tables: they name what the question names, and every pointer leads to the same word."""

import random
import re
import sqlite3

from adapt.starter.recipe.exercises.tables import Query, make_query, query_pointers

WORDS = [
    "river",
    "market",
    "engine",
    "winter",
    "paper",
    "harbour",
    "letter",
    "valley",
    "score",
    "total",
]


def queries(count: int) -> list[Query]:
    rng = random.Random(4)
    return [make_query(rng, WORDS, held_out=False) for _ in range(count)]


def test_a_query_holds_the_columns_and_the_values_that_its_question_names() -> None:
    for query in queries(200):
        head, asked = query.asked.split("\n", 1)
        assert len(query.named) >= 2
        for name, column in query.named:
            assert column in head
            assert name in asked.lower()
            assert column in query.query
        for value in query.values:
            assert value in asked
            assert value in query.query


def test_queries_in_sql_are_sql() -> None:
    checked = 0
    for drawn in queries(200):
        if not drawn.query.casefold().startswith("select"):
            continue
        table = re.search(r"from (\w+) where", drawn.query, re.IGNORECASE)
        assert table
        columns = {column.casefold() for _, column in drawn.named}
        with sqlite3.connect(":memory:") as database:
            query = drawn.query.replace(f" {table.group(1)} ", ' "t" ', 1)
            database.execute(
                f'create table "t" ({", ".join(f"{column!r} text" for column in sorted(columns))})'
            )
            database.execute(query)  # fails on what is no SQL, or names another column
        checked += 1
    assert checked > 80


def test_pointers_lead_from_the_query_to_its_words_and_from_words_to_columns() -> None:
    seen = dict.fromkeys(("copied", "chosen", "own"), 0)
    for query in queries(100):
        for pointer in query_pointers(2, query):
            assert pointer.source == 1
            there = query.asked[pointer.at : pointer.at + pointer.end - pointer.start]
            if pointer.own:
                words = query.asked[pointer.start : pointer.end]
                assert pointer.reply == 1
                assert words.casefold() == there.casefold().replace("_", " ")
                seen["own"] += 1
            elif pointer.copied:
                assert query.query[pointer.start : pointer.end] == there
                seen["copied"] += 1
            else:
                assert query.query[pointer.start].casefold() == there.casefold()
                seen["chosen"] += 1
    assert min(seen.values()) > 150
