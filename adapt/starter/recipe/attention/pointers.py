"""Where the characters of a reply come from in what was asked: the parts of a date, a call's name and values, words to repeat.

From these the copying heads are shown where to look in exercises that have no passages.
"""

import bisect
import datetime
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tokenizers import Encoding

from adapt.starter.recipe.attention.guides import Guide
from adapt.starter.recipe.texts.coined import MESES, MONTHS

YEAR, MONTH, DAY = slice(0, 4), slice(5, 7), slice(8, 10)  # of YYYY-MM-DD
_WORD = re.compile(r"[^\s,.:]{3,}")


@dataclass(frozen=True)
class Pointer:
    """Characters `start` to `end` of message `reply` come from `at` on in message `source`, one by one, or from the word there.

    Not `copied`: what stands there decides them, but is something else. `own`: they are not of a reply, and look there themselves,
    as words that stand there too.
    """

    reply: int
    start: int
    end: int
    source: int
    at: int
    whole: bool = False
    copied: bool = True
    own: bool = False


def date_pointers(
    reply: int, asked: str, written: str, iso: str, today: datetime.date
) -> Iterator[Pointer]:
    """Yield where year, month and day of an ISO date stand in a question that ends with what was written and tells today."""
    meant = datetime.date.fromisoformat(iso)
    now = asked.index(today.isoformat())
    begins = asked.rindex(written)
    numbers = [(match.group(), begins + match.start()) for match in re.finditer(r"\d+", written)]
    # "a week ago" has no month, though it ends like one
    name = _month(written, meant.month) if numbers else None
    year = str(meant.year)
    if name is None and not any(year in number for number, _ in numbers):  # tomorrow, in 3 days
        for part in (YEAR, MONTH, DAY):
            if iso[part] == today.isoformat()[part]:
                yield Pointer(reply, part.start, part.stop, reply - 1, now + part.start)
        return
    if len(numbers) == 1 and len(numbers[0][0]) == 8:
        whole, at = numbers[0]
        numbers = [(whole[:4], at), (whole[4:6], at + 4), (whole[6:], at + 6)]
    years = [place for number, place in numbers if number == year]
    short = written.find(f"'{year[2:]}")
    if years:
        yield Pointer(reply, 0, 4, reply - 1, years[0])
    elif short >= 0:
        yield Pointer(reply, 2, 4, reply - 1, begins + short + 1)
        years = [begins + short + 1]
    elif iso[YEAR] == today.isoformat()[YEAR]:
        yield Pointer(reply, 0, 4, reply - 1, now)
    rest = [(number, place) for number, place in numbers if place not in years]
    if name is not None:
        yield Pointer(reply, 5, 7, reply - 1, begins + name, whole=True)
    else:
        index = 0 if years and years[0] < rest[0][1] else 1
        yield _digits(reply, MONTH, *rest.pop(index))
    if rest:
        yield _digits(reply, DAY, *rest[0])


def _digits(reply: int, part: slice, number: str, place: int) -> Pointer:
    return Pointer(reply, part.stop - len(number), part.stop, reply - 1, place)


def _month(written: str, month: int) -> int | None:
    """Return where a month's name stands, in either language, whole or cut to three letters."""
    for size in (None, 3):
        for name in (MONTHS[month - 1], MESES[month - 1]):
            cut = rf"\b{name[:size]}\w?(?!\w)" if size else name
            match = re.search(cut, written, re.IGNORECASE)
            if match:
                return match.start()
    return None


def call_pointers(reply: int, system: str, request: str, call: str) -> Iterator[Pointer]:
    """Yield where a call's name and keys stand in the schemas of the system message, and its values in the request.

    A key stands in the list of those required, with the key that follows it. Without copying, what stands between values looks
    there as well, to see whether another follows, and where a value begins the key's type is looked at.
    """
    parsed = json.loads(call)
    schema = system.index(f'"name": "{parsed["name"]}"') + len('"name": "')
    start = len('{"name": "')
    yield Pointer(reply, start, start + len(parsed["name"]), 0, schema)
    required = system.index('"required": [', schema) + len('"required": [')
    place = call.index('"arguments"')
    for key, value in parsed["arguments"].items():
        place = call.index(f'"{key}": ', place)
        there = system.index(f'"{key}"', required)
        yield Pointer(reply, place + 1, place + 1 + len(key), 0, there + 1)
        written = json.dumps(value, ensure_ascii=False)
        place += len(f'"{key}": ')
        ends = place + len(written)
        kind = system.index(f'"{key}": {{"type": "', schema) + len(f'"{key}": {{"type": "')
        yield Pointer(reply, place, place + 1, 0, kind, whole=True, copied=False)
        if isinstance(value, str):
            written, place = value, place + 1
        match = re.search(rf"(?<!\w){re.escape(written)}(?!\w)", request)
        if match:
            yield Pointer(reply, place, place + len(written), reply - 1, match.start())
        yield Pointer(reply, ends, ends + 1, 0, there + 1 + len(key), whole=True, copied=False)


def word_pointers(reply: int, source: int, message: str, words: str) -> Iterator[Pointer]:
    """Yield where the words of a reply stand in a message that has each of them once."""
    for match in _WORD.finditer(words):
        places = [match.start() for match in re.finditer(re.escape(match.group()), message)]
        if len(places) == 1:
            yield Pointer(reply, match.start(), match.end(), source, places[0])


def guide_pointers(
    guide: Guide, pointers: Sequence[Pointer], bodies: Sequence[tuple[int, Encoding]]
) -> None:
    """Show each token of a reply, at the token before it, the token that it comes from.

    Args:
        bodies: of each message the index of its first token in the sample, and its tokens.
    """
    starts = {index: [start for start, _ in bodies[index][1].offsets] for index in {p.source for p in pointers}}  # fmt: skip
    for pointer in pointers:
        first, body = bodies[pointer.reply]
        for offset, (start, end) in enumerate(body.offsets):
            if end <= pointer.start or start >= pointer.end:
                continue
            at = pointer.at if pointer.whole else pointer.at + max(0, start - pointer.start)
            token = bodies[pointer.source][0] + bisect.bisect_right(starts[pointer.source], at) - 1
            if pointer.own:
                guide.match.append((first + offset, token))
            else:
                (guide.copy if pointer.copied else guide.gather).append((first - 1 + offset, token))
