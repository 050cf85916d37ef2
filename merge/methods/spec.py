"""What a merge method is as data: its parameters with their ranges, and what it needs; imports nothing heavy."""

import math
from dataclasses import dataclass
from typing import Literal

from adapt.errors import quoted

Value = float | int | bool | str


@dataclass(frozen=True)
class Parameter:
    """One parameter of a method: its type is that of its default, its range is [low, high].

    Attributes:
        per_source: set for each model (or once for all); else once for the whole merge.
        low_is_open: whether `low` itself is refused.
        choices: the words that are allowed, where it is a word.
        varies: whether it may be a gradient over layers or have filters.
        help: one line for people.
    """

    name: str
    default: Value
    help: str
    per_source: bool = False
    low: float = -math.inf
    high: float = math.inf
    low_is_open: bool = False
    choices: tuple[str, ...] = ()
    varies: bool = True

    def fault(self, value: object) -> str:
        """Return what is wrong with a plain value, as the rest of a sentence; nothing where it is right."""
        given = f"(got {quoted(value)})"
        if isinstance(self.default, bool):
            return "" if isinstance(value, bool) else f"should be true or false {given}"
        if isinstance(self.default, str):
            words = ", ".join(self.choices)
            return "" if value in self.choices else f"should be one of {words} {given}"
        is_count = isinstance(self.default, int)
        if isinstance(value, bool) or not isinstance(value, int if is_count else (int, float)):
            return f"should be a {'whole ' if is_count else ''}number {given}"
        if not math.isfinite(value):
            return f"should be a finite number {given}"
        is_low = value <= self.low if self.low_is_open else value < self.low
        return f"should be {self.range} {given}" if is_low or value > self.high else ""

    @property
    def range(self) -> str:
        """Return the range in words."""
        if math.isinf(self.low) and math.isinf(self.high):
            return "any number"
        if math.isinf(self.high):
            return f"{'greater than' if self.low_is_open else 'at least'} {self.low:g}"
        return f"in {'(' if self.low_is_open else '['}{self.low:g}, {self.high:g}]"


@dataclass(frozen=True)
class MethodSpec:
    """A method's name, where it is published and built, its parameters, and what it needs.

    Attributes:
        fewest: of adapters; `most` likewise, None without a limit.
        is_linear: whether its result is a weighted sum of task vectors: streamed, and exact as an adapter.
        is_mean: whether it divides by the sum of all weights, which must then not be zero.
        space: `entries`: a sparsification and a consensus, entry by entry; `dense`: needs every ΔW of a tensor whole;
            `factors`: works on the factors (B, A), and gives an adapter as well; `rows`: fits the whole model to rows of
            each adapter's domain.
        is_random: whether it draws, and so takes `seed`.
    """

    name: str
    paper: str
    parameters: tuple[Parameter, ...]
    fewest: int = 1
    most: int | None = None
    is_linear: bool = False
    is_mean: bool = False
    space: Literal["entries", "dense", "factors", "rows"] = "entries"

    def parameter(self, name: str) -> Parameter | None:
        """Return a parameter by name, or None where the method has none of it."""
        return next((p for p in self.parameters if p.name == name), None)

    @property
    def is_random(self) -> bool:
        """Return whether it draws."""
        return self.parameter("seed") is not None

    @property
    def gives_adapter(self) -> bool:
        """Return whether its result has a low rank, and so can be an adapter again."""
        return self.is_linear or self.space == "factors"
