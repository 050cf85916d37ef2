"""What is wrong with a parameter's value, in words, at each border of its range."""

import math

import pytest

from adapt.errors import quoted
from merge.methods.spec import Parameter

FLAG = Parameter("flag", True, "")
WORD = Parameter("word", "ties", "", choices=("ties", "linear"))
COUNT = Parameter("count", 3, "", low=1, high=5)
SHARE = Parameter("share", 0.5, "", low=0, high=1, low_is_open=True)
ABOVE = Parameter("above", 0.5, "", low=0)
OPEN = Parameter("open", 0.5, "", low=0, low_is_open=True)
ANY = Parameter("any", 0.5, "")


@pytest.mark.parametrize(
    ("parameter", "values"),
    [
        (FLAG, [True, False]),
        (WORD, ["ties", "linear"]),
        (COUNT, [1, 5]),
        (SHARE, [1e-9, 1, 1.0]),
        (ABOVE, [0, 0.0, 1e9]),
        (ANY, [-1e9, 0, 7]),
    ],
)
def test_what_is_in_range_is_right(parameter: Parameter, values: list[object]) -> None:
    assert [parameter.fault(value) for value in values] == [""] * len(values)


@pytest.mark.parametrize(
    ("parameter", "value", "fault"),
    [
        (FLAG, 1, "should be true or false"),
        (WORD, "sum", "should be one of ties, linear"),
        (COUNT, 2.0, "should be a whole number"),
        (COUNT, True, "should be a whole number"),
        (COUNT, 0, "should be in [1, 5]"),
        (COUNT, 6, "should be in [1, 5]"),
        (SHARE, True, "should be a number"),
        (SHARE, "1", "should be a number"),
        (SHARE, math.nan, "should be a finite number"),
        (ANY, math.inf, "should be a finite number"),
        (SHARE, 0, "should be in (0, 1]"),
        (SHARE, 1.001, "should be in (0, 1]"),
        (ABOVE, -0.1, "should be at least 0"),
        (OPEN, 0, "should be greater than 0"),
    ],
)
def test_what_is_not_is_named_with_the_range(
    parameter: Parameter, value: object, fault: str
) -> None:
    assert parameter.fault(value) == f"{fault} (got {quoted(value)})"


def test_a_parameter_without_limits_takes_any_number() -> None:
    assert ANY.range == "any number"
