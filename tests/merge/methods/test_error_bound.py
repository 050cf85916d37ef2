"""Which entries are computed again in float64: those smaller than 2⁹ times the error that their sources tell, by hand."""

import numpy as np
import pytest
from numpy.typing import NDArray

from merge.methods.entrywise import merge_entries
from merge.methods.terms import Terms
from merge.weights.delta_blocks import Grid, Places
from merge.weights.floats import Array


class Rough:
    """A task vector whose float32 values are far off: all of them are 1 in truth; its error is 1 whatever is added."""

    def __init__(self, *values: float) -> None:
        self._values = np.array([values], np.float32)
        self.additions: list[int] = []

    def block(self, rows: slice, base: Array | None = None) -> Array:
        return self._values[rows].copy()

    def exact(self, rows: slice, base: Array, at: Places) -> NDArray[np.float64]:
        return np.ones(len(at[0]))

    def error(self, rows: slice, base: Array, *, additions: int) -> NDArray[np.float64]:
        self.additions.append(additions)
        return np.ones((1, 1))


def merged(
    method: str,
    *vectors: Rough,
    weights: tuple[float, ...],
    base: float = 0.0,
    **shared: float | bool,
) -> list[float]:
    terms = Terms(
        weights,
        sources={"density": (1.0,) * len(weights)},
        shared={"lambda": 1.0, "normalize": False, "rescale": False, **shared},
    )
    merge = merge_entries(method, vectors, Grid(1, 2), terms, places=range(len(vectors)))
    found = merge.block(0, np.full((1, 2), base, np.float32), dtype=np.float32)
    return [float(value) for value in found[0]]


@pytest.mark.parametrize(
    ("weights", "shared", "factor"),
    [
        ((2.0,), {}, 2.0),  # what counts is below 2 · 512 in size
        ((-2.0,), {}, -2.0),
        ((0.5,), {"lambda": 3.0}, 1.5),
    ],
)
def test_of_a_sum_the_error_grows_with_the_factor(
    weights: tuple[float, ...], shared: dict[str, float], factor: float
) -> None:
    vector = Rough(511.0, 513.0)

    assert merged("task_arithmetic", vector, weights=weights, **shared) == [factor, factor * 513]
    assert vector.additions == [5]


def test_of_several_the_errors_add_up() -> None:
    first, second = Rough(510.0, 514.0), Rough(511.0, 513.0)

    # 2 + 3 in error, so the border is at 5 · 512 = 2560
    assert merged("task_arithmetic", first, second, weights=(2.0, 3.0)) == [
        5.0,
        2 * 514.0 + 3 * 513.0,
    ]
    assert first.additions == second.additions == [6]


def test_of_agreed_sums_the_error_grows_with_weights_and_with_lambda() -> None:
    vector = Rough(511.0, 513.0)

    assert merged("ties", vector, weights=(2.0,), **{"lambda": -4.0}) == [-8.0, -8 * 513.0]


def test_of_agreed_means_the_largest_error_counts_whatever_the_weights() -> None:
    first, second = Rough(511.0, 513.0), Rough(511.0, 513.0)

    assert merged("ties", first, second, weights=(2.0, 6.0), normalize=True, **{"lambda": 4.0}) == [
        4.0,
        4 * 513.0,
    ]


def test_what_the_base_adds_counts_in_the_size_and_not_in_the_error() -> None:
    assert merged("task_arithmetic", Rough(500.0, 500.0), weights=(1.0,), base=100.0) == [
        600.0,
        600.0,
    ]
    assert merged("task_arithmetic", Rough(500.0, 700.0), weights=(1.0,), base=-100.0) == [
        -99.0,
        600.0,
    ]
