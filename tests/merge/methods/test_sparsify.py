import math

import numpy as np
import pytest
from hypothesis import given, strategies as st

from merge.methods.density import della_fault, kept, window
from merge.methods.sparsify import (
    Draws,
    Everything,
    Sparsifier,
    binary_digits,
    breadcrumbs,
    dropped,
    dropped_by_size,
    trimmed,
)
from merge.weights.delta_blocks import Grid
from merge.weights.floats import Array


def whole(chosen: Sparsifier, grid: Grid, delta: Array) -> tuple[Array, Array]:
    """Return mask and factors of all entries, blocks put together."""
    masks, scales = [], []
    for number, rows in enumerate(grid):
        found = chosen.keep(number, delta[rows])
        masks.append(np.ones_like(delta[rows], bool) if found.mask is None else found.mask)
        scales.append(np.broadcast_to(found.scale, delta[rows].shape))
    return np.concatenate(masks), np.concatenate(scales)


def normal(grid: Grid, seed: int = 0) -> Array:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((grid.rows, grid.columns)).astype(np.float32)


@given(entries=st.integers(1, 10**7), density=st.floats(1e-9, 1), gamma=st.floats(0, 1))
def test_a_window_keeps_the_density_and_leaves_out_no_more_than_gamma(
    entries: int, density: float, gamma: float
) -> None:
    first, last = window(entries, density, gamma)

    assert 0 <= first <= last <= entries
    assert last - first == int(density * entries)
    assert first <= gamma * entries
    assert density < 1 or first == 0


@pytest.mark.parametrize(("density", "gamma"), [(0.0, 0.1), (1.5, 0.1), (0.5, -0.1), (0.5, 1.1)])
def test_a_window_outside_its_ranges_is_refused(density: float, gamma: float) -> None:
    with pytest.raises(ValueError, match=r"must be in [(\[]0, 1\]"):
        window(10, density, gamma)


@given(density=st.floats(0.01, 1), epsilon=st.floats(0, 1))
def test_della_is_refused_exactly_where_a_keep_probability_is_none(
    density: float, epsilon: float
) -> None:
    fits = density == 1 or (density - epsilon > 0 and density + epsilon < 1)

    fault = della_fault(density, epsilon)

    assert (fault == "") == fits
    assert fits or "must lie in (0, 1)" in fault


def test_della_with_probabilities_outside_their_range_cannot_be_made() -> None:
    grid = Grid(2, 3)
    with pytest.raises(ValueError, match=r"take an epsilon below 0\.1"):
        dropped_by_size(Draws(0, "w", 0, 3), grid, density=0.9, epsilon=0.15, rescale=True)


def test_breadcrumbs_leaves_out_the_largest_and_the_smallest() -> None:
    grid = Grid(1, 10)
    delta = np.array([[5, -9, 1, 8, -2, 7, 3, -6, 4, 0.5]], np.float32)

    chosen = breadcrumbs(lambda _: delta.copy(), grid, density=0.4, gamma=0.2, rescale=False)

    mask, scale = whole(chosen, grid, delta)
    assert delta[mask].tolist() == [5, 7, -6, 4]
    assert (scale == 1).all()


@pytest.mark.parametrize("density", [0.2, 0.55])
def test_rescaling_by_size_gives_the_norm_back(density: float) -> None:
    grid = Grid(80, 5000)
    delta = normal(grid)

    chosen = trimmed(
        lambda block: delta[grid.span(block)].copy(), grid, density=density, rescale=True
    )

    mask, scale = whole(chosen, grid, delta)
    assert len(grid) > 1
    assert mask.sum() == kept(grid.size, density)
    assert np.abs(delta * mask * scale).sum() == pytest.approx(np.abs(delta).sum(), rel=1e-5)


def test_nothing_is_rescaled_where_nothing_is_left() -> None:
    grid = Grid(1, 4)
    zeros = np.zeros((1, 4), np.float32)

    chosen = trimmed(lambda _: zeros.copy(), grid, density=0.5, rescale=True)

    assert chosen.keep(0, zeros).scale == 1


@pytest.mark.parametrize("density", [0.003, 0.1, 0.5, 0.75, 0.93])
def test_dare_keeps_its_share_and_divides_by_it(density: float) -> None:
    grid = Grid(300, 1000)
    delta = normal(grid)

    mask, scale = whole(
        dropped(Draws(3, "w", 1, 1000), grid, density=density, rescale=True), grid, delta
    )

    deviation = math.sqrt(density * (1 - density) / grid.size)
    assert abs(mask.mean() - density) < 4.5 * deviation
    assert (scale == 1 / density).all()
    by_column = mask.mean(axis=0)
    assert abs(by_column - density).max() < 6 * math.sqrt(density * (1 - density) / grid.rows)


def test_della_keeps_large_entries_more_often_and_divides_by_each_probability() -> None:
    grid = Grid(4000, 101)
    delta = normal(grid)
    draws = Draws(3, "w", 0, grid.columns)

    mask, scale = whole(
        dropped_by_size(draws, grid, density=0.5, epsilon=0.2, rescale=True), grid, delta
    )

    ranks = np.abs(delta).argsort(axis=1, kind="stable").argsort(axis=1)
    chances = 0.3 + ranks / 100 * 0.4
    assert np.allclose(scale, 1 / chances)
    for rank in (0, 50, 100):
        share, chance = mask[ranks == rank].mean(), 0.3 + rank / 100 * 0.4
        assert abs(share - chance) < 4.5 * math.sqrt(chance * (1 - chance) / grid.rows)


@given(values=st.lists(st.sampled_from([0.0, 1.0, -1.0, 2.0]), min_size=1, max_size=30))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_della_gives_of_equals_the_first_the_lower_rank(dtype: type, values: list[float]) -> None:
    delta = np.array([values], dtype)
    grid = Grid(1, len(values))
    chosen = dropped_by_size(
        Draws(0, "w", 0, grid.columns), grid, density=0.5, epsilon=0.1, rescale=True
    )

    _, scale = whole(chosen, grid, delta)

    order = sorted(range(len(values)), key=lambda i: (abs(values[i]), i))
    steps = max(1, len(values) - 1)
    chances = {
        i: 0.4 + 0.2 * (rank / steps if len(values) > 1 else 0.5) for rank, i in enumerate(order)
    }
    assert np.allclose(scale[0], [1 / chances[i] for i in range(len(values))])


@given(seed=st.integers(0, 2**32 - 1), first=st.integers(0, 40), count=st.integers(1, 40))
@pytest.mark.parametrize("columns", [7, 8])
def test_a_draw_depends_on_its_entry_alone(columns: int, seed: int, first: int, count: int) -> None:
    everything = Draws(seed, "w", 0, columns).block(slice(0, 80))
    jumping = Draws(seed, "w", 0, columns)

    late, early = jumping.block(slice(first, first + count)), jumping.block(slice(0, 3))

    assert (late == everything[first : first + count]).all()
    assert (early == everything[:3]).all()


@given(share=st.floats(1e-6, 1 - 1e-4), first=st.integers(0, 60), count=st.integers(1, 60))
@pytest.mark.parametrize("columns", [7, 64])
def test_a_choice_depends_on_its_entry_and_share_alone(
    columns: int, share: float, first: int, count: int
) -> None:
    digits = binary_digits(share)
    everything = Draws(1, "w", 0, columns).choices(slice(0, 120), digits)
    jumping = Draws(1, "w", 0, columns)

    late = jumping.choices(slice(first, first + count), digits)
    early = jumping.choices(slice(0, 3), digits)

    assert (late == everything[first : first + count]).all()
    assert (early == everything[:3]).all()


@given(share=st.floats(1e-9, 1, exclude_min=True))
def test_binary_digits_are_the_share_to_sixteen_of_them(share: float) -> None:
    digits = binary_digits(share)

    value = sum(digit / 2**place for place, digit in enumerate(digits, 1)) if digits else 1.0
    assert abs(value - share) <= share * 2**-16
    assert not digits or digits[-1] == 1


def test_a_share_of_few_digits_takes_few_draws() -> None:
    assert binary_digits(0.5) == (1,)
    assert binary_digits(0.375) == (0, 1, 1)
    assert binary_digits(1.0) == ()
    assert 14 <= len(binary_digits(0.3)) <= 17


def test_seed_tensor_and_place_each_give_other_draws() -> None:
    rows = slice(0, 10)
    first = Draws(1, "a", 0, 50).block(rows)

    again = Draws(1, "a", 0, 50).block(rows)
    others = [Draws(*key, 50).block(rows) for key in ((2, "a", 0), (1, "b", 0), (1, "a", 1))]

    assert (first == again).all()
    assert all((first == other).mean() < 0.01 for other in others)


def test_density_one_keeps_all_whatever_else_is_asked() -> None:
    grid = Grid(2, 3)
    delta = normal(grid)
    draws = Draws(0, "w", 0, 3)

    chosen = [
        trimmed(lambda _: delta.copy(), grid, density=1.0, rescale=True),
        breadcrumbs(lambda _: delta.copy(), grid, density=1.0, gamma=0.5, rescale=True),
        dropped(draws, grid, density=1.0, rescale=True),
        dropped_by_size(draws, grid, density=1.0, epsilon=0.9, rescale=True),
    ]

    assert all(isinstance(one, Everything) for one in chosen)
    assert chosen[0].keep(0, delta).mask is None
