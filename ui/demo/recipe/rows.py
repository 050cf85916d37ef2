"""One row of a training, validation or test set, and how many different ones are drawn."""

import json
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict

# `valid` is for choosing, so that `test` stays fresh: nobody looks at it before a choice is made
Side = Literal["train", "valid", "test"]
SIDES: tuple[Side, ...] = ("train", "valid", "test")


class Counts(BaseModel):
    """How many rows each side gets."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    train: int
    valid: int
    test: int


@dataclass(frozen=True)
class Row:
    """A prompt with its answer; `template` is what it was made from, for checks, and is not written."""

    prompt: str
    answer: str
    template: str


def seeded(name: str) -> random.Random:
    """Return the source of chance called `name`, the same on every machine; nothing secret hangs on it."""
    return random.Random(name)  # noqa: S311 - data, not cryptography


def gather(count: int, draw: Callable[[int], Row]) -> list[Row]:
    """Return `count` rows with different prompts; `draw` gets the number of the row that is wanted.

    Raises:
        ValueError: the templates do not yield that many.
    """
    rows: dict[str, Row] = {}
    for _ in range(100 * count):
        row = draw(len(rows))
        rows.setdefault(row.prompt, row)
        if len(rows) == count:
            return list(rows.values())
    raise ValueError(f"the templates yield only {len(rows)} different rows, {count} are wanted")


def as_jsonl(rows: Iterable[Row]) -> str:
    """Return the rows as JSON lines in the `messages` format."""
    return "".join(
        json.dumps(
            {
                "messages": [
                    {"role": "user", "content": row.prompt},
                    {"role": "assistant", "content": row.answer},
                ]
            },
            ensure_ascii=False,
        )
        + "\n"
        for row in rows
    )
