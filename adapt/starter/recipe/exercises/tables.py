"""Queries over tables: columns in the prompt, a question in words, and the query in SQL or another small language.

What is practised is choosing columns by the question's words and copying columns and values; no query of a real set is in here.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from adapt.starter.recipe.attention.pointers import Pointer
from adapt.starter.recipe.texts.coined import coin_name, coin_value


@dataclass(frozen=True)
class Condition:
    """A column, how it compares, and with what; `value` as it stands in the question and in the query."""

    column: str
    sign: str
    value: str
    number: bool


@dataclass(frozen=True)
class Query:
    """A question over the columns of a table, as a message, with the query; `named` are the columns by their words in the question."""

    asked: str
    query: str
    named: tuple[tuple[str, str], ...]
    values: tuple[str, ...]


Language = Callable[[str, str, str, tuple[Condition, ...]], str]


def _tests(where: Sequence[Condition], join: str, mark: str) -> str:
    return join.join(
        f"{condition.column} {condition.sign} {condition.value if condition.number else f'{mark}{condition.value}{mark}'}"
        for condition in where
    )


def _sql(mark: str, word: Callable[[str], str]) -> Language:
    def write(name: str, column: str, total: str, where: tuple[Condition, ...]) -> str:
        wanted = f"{word(total)}({column})" if total else column
        tests = _tests(where, word(" and "), mark)
        return f"{word('select')} {wanted} {word('from')} {name} {word('where')} {tests}"

    return write


def _spaced(name: str, column: str, total: str, where: tuple[Condition, ...]) -> str:
    tests = _tests(where, " and ", '"')
    return f"find {total + ' ' if total else ''}{column} in {name} if {tests}"


def _filter(name: str, column: str, total: str, where: tuple[Condition, ...]) -> str:
    tests = _tests(where, " & ", '"')
    return f"{tests} -> {total + ' of ' if total else ''}{column}"


_LANGUAGES: tuple[tuple[str, Language], ...] = (
    ("SQL", _sql("'", str.upper)), ("SQL", _sql("'", str.lower)), ("a database query", _sql('"', str.upper)), ("a query", _sql('"', str.lower)),
    ("a search", _spaced), ("a filter", _filter),
)  # fmt: skip
_TOTALS = {
    "max": ("highest", "largest", "greatest", "most", "top"), "min": ("lowest", "smallest", "least", "fewest"),
    "sum": ("total", "sum of the", "overall"), "avg": ("average", "mean"), "count": ("number of", "count of", "how many"),
}  # fmt: skip
_ASK = (
    "What is the {a}",
    "Which {a}",
    "Tell me the {a}",
    "What was the {a}",
    "Give the {a}",
    "What {a}",
    "Name the {a}",
    "Show {a}",
    "I want the {a}",
    "What's the {a}",
)
_WHERE = (
    "{c} is {v}",
    "{c} of {v}",
    "{c} {v}",
    "{v} as {c}",
    "a {c} of {v}",
    "{c} was {v}",
    "{c} equal to {v}",
    "{v} for {c}",
    "the {c} {v}",
)
_LESS = ("{c} less than {v}", "{c} below {v}", "{c} under {v}", "{c} smaller than {v}")
_MORE = (
    "{c} more than {v}",
    "{c} over {v}",
    "{c} above {v}",
    "{c} greater than {v}",
    "{c} larger than {v}",
)
_JOIN = (" when ", " with ", " where ", " for ", " that has ", " if ", " and ", ", ")
_TEXTS = ("person", "name", "date", "place", "day", "code", "topic", "colour", "year", "time")  # fmt: skip


def make_query(rng: random.Random, words: list[str], *, held_out: bool) -> Query:
    """Return a question over a made table, with its query."""
    style = rng.choice((str.lower, str.lower, str.upper, str.capitalize))
    columns = _columns(rng, words)
    table = rng.choice(
        ("table", "data", rng.choice(words), coin_name(rng, held_out=held_out).lower())
    )
    wanted, *filters = rng.sample(columns, k=rng.choice((2, 2, 2, 3)))
    where = tuple(_condition(rng, words, column, held_out=held_out) for column in filters)
    total = rng.choice(tuple(_TOTALS)) if rng.random() < 0.25 else ""
    named_column = wanted.replace("_", " ")
    asked = rng.choice(_ASK).format(
        a=f"{rng.choice(_TOTALS[total])} {named_column}" if total else named_column
    )
    for condition in where:
        forms = {"=": _WHERE, "<": _LESS, ">": _MORE}[condition.sign]
        asked += rng.choice(_JOIN) + rng.choice(forms).format(
            c=condition.column.replace("_", " "), v=condition.value
        )
    asked += rng.choice(("?", "?", "", "."))
    if rng.random() < 0.4 and all(condition.value in asked.lower() for condition in where):
        asked = asked.lower()
    name, language = rng.choice(_LANGUAGES)
    shown = {column: style(column) for column in columns}
    query = language(table, shown[wanted], total, tuple(
        Condition(shown[condition.column], condition.sign, condition.value, condition.number) for condition in where
    ))  # fmt: skip
    listed = ", ".join(shown.values())
    head = rng.choice(("Table {t}: {c}", "Table {t} ({c})", "The table {t} has {c}", "Fields of {t}: {c}", "{t}: {c}")).format(t=table, c=listed)  # fmt: skip
    ask = rng.choice(("Write {l}: {q}", "As {l}: {q}", "{q} Write {l}.", "Put this as {l}: {q}", "{q} ({l})")).format(l=name, q=asked)  # fmt: skip
    named = tuple((column.replace("_", " "), shown[column]) for column in (wanted, *filters))
    return Query(f"{head}\n{ask}", query, named, tuple(condition.value for condition in where))


def _columns(rng: random.Random, words: list[str]) -> list[str]:
    """Return names of columns, of words that no other of them has."""
    used: set[str] = set()
    columns: list[str] = []
    for _ in range(rng.randint(3, 8)):
        parts = [rng.choice(words).lower() for _ in range(rng.choice((1, 1, 2, 2, 3)))]
        if len(set(parts)) == len(parts) and not used & set(parts):
            used.update(parts)
            columns.append("_".join(parts))
    return columns if len(columns) >= 3 else _columns(rng, words)


def _condition(rng: random.Random, words: list[str], column: str, *, held_out: bool) -> Condition:
    if rng.random() < 0.3:
        value = str(
            rng.choice((rng.randint(0, 30), rng.randint(31, 3000), round(rng.random() * 90, 1)))
        )
        return Condition(column, rng.choice("==<>"), value, number=True)
    if rng.random() < 0.6:
        text = " ".join(
            coin_name(rng, held_out=held_out).lower()
            if rng.random() < 0.4
            else rng.choice(words).lower()
            for _ in range(rng.randint(1, 3))
        )
    else:
        text = coin_value(rng, rng.choice(_TEXTS), spanish=False, held_out=held_out)
        text = text.lower() if rng.random() < 0.7 else text
    return Condition(column, "=", text, number=False)


def query_pointers(reply: int, query: Query) -> Iterator[Pointer]:
    """Yield where columns and values of a query stand in its question, and which words of the question name each column."""
    head = query.asked.index("\n")
    body = query.query
    for words, column in query.named:
        listed = _word(query.asked, column, 0)
        place = _word(body, column, 0)
        spoken = _word(query.asked.lower(), words.lower(), head)
        if min(listed, place, spoken) < 0 or listed > head:
            continue
        yield Pointer(reply, place, place + len(column), reply - 1, listed)
        yield Pointer(reply, place, place + 1, reply - 1, spoken, whole=True, copied=False)
        yield Pointer(reply - 1, spoken, spoken + len(words), reply - 1, listed, own=True)
    for value in query.values:
        there, place = _word(query.asked, value, head), _word(body, value, 0)
        if there >= 0 and place >= 0:
            yield Pointer(reply, place, place + len(value), reply - 1, there)


def _word(text: str, part: str, start: int) -> int:
    """Return where a part stands in a text that is no piece of a longer word, or -1."""
    while (place := text.find(part, start)) >= 0:
        before, after = text[place - 1 : place], text[place + len(part) : place + len(part) + 1]
        if not (before.isalnum() or before == "_" or after.isalnum() or after == "_"):
            return place
        start = place + 1
    return -1
