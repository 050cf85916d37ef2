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
    for made in queries(200):
        head, asked = made.asked.split("\n", 1)
        assert len(made.named) >= 2
        for told, column in made.named:
            assert column in head
            assert told in asked.lower()
            assert column in made.query
        for value in made.values:
            assert value in asked
            assert value in made.query


def test_queries_in_sql_are_sql() -> None:
    checked = 0
    for made in queries(200):
        if not made.query.casefold().startswith("select"):
            continue
        table = re.search(r"from (\w+) where", made.query, re.IGNORECASE)
        assert table
        columns = {column.casefold() for _, column in made.named}
        with sqlite3.connect(":memory:") as database:
            query = made.query.replace(f" {table.group(1)} ", ' "t" ', 1)
            database.execute(
                f'create table "t" ({", ".join(f"{one!r} text" for one in sorted(columns))})'
            )
            database.execute(query)  # fails on what is no SQL, or names another column
        checked += 1
    assert checked > 80


def test_pointers_lead_from_the_query_to_its_words_and_from_words_to_columns() -> None:
    seen = dict.fromkeys(("copied", "chosen", "own"), 0)
    for made in queries(100):
        for one in query_pointers(2, made):
            assert one.source == 1
            there = made.asked[one.at : one.at + one.end - one.start]
            if one.own:
                told = made.asked[one.start : one.end]
                assert one.reply == 1
                assert told.casefold() == there.casefold().replace("_", " ")
                seen["own"] += 1
            elif one.copied:
                assert made.query[one.start : one.end] == there
                seen["copied"] += 1
            else:
                assert made.query[one.start].casefold() == there.casefold()
                seen["chosen"] += 1
    assert min(seen.values()) > 150
