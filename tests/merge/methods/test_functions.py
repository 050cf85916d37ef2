import pytest
import torch
from hypothesis import given, strategies as st

from merge.methods.functions import kept, linear, task_arithmetic, ties, trim
from merge.methods.terms import Terms


def terms_of(
    weights: tuple[float, ...], *, normalize: bool, lam: float = 1.0, base_weight: float = 0.0
) -> Terms:
    return Terms(
        weights,
        sources={"density": (1.0,) * len(weights)},
        shared={"normalize": normalize, "lambda": lam},
        base_weight=base_weight,
    )


DENSITY = st.floats(min_value=1e-6, max_value=1)


@given(n=st.integers(1, 400), density=DENSITY, seed=st.integers(0, 2**31))
def test_trim_keeps_exactly_the_floor_of_density_times_n_but_at_least_one(
    n: int, density: float, seed: int
) -> None:
    delta = torch.randn(n, generator=torch.Generator().manual_seed(seed)) + 3

    trimmed = trim(delta, density=density)

    assert int((trimmed != 0).sum()) == max(1, int(density * n))
    assert trimmed[trimmed != 0].equal(delta[trimmed != 0])


@given(
    values=st.lists(st.sampled_from([-2.0, -1.0, 1.0, 2.0]), min_size=1, max_size=60),
    density=DENSITY,
)
def test_trim_keeps_the_largest_and_of_equals_the_first(
    values: list[float], density: float
) -> None:
    delta = torch.tensor(values)

    kept_places = set(torch.nonzero(trim(delta, density=density)).reshape(-1).tolist())

    order = sorted(range(len(values)), key=lambda i: (-abs(values[i]), i))
    assert kept_places == set(order[: kept(len(values), density)])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_trim_leaves_its_input_alone_and_keeps_shape_and_dtype(dtype: torch.dtype) -> None:
    delta = torch.randn(5, 7, dtype=dtype)
    before = delta.clone()

    trimmed = trim(delta, density=0.3)
    whole = trim(delta, density=1.0)
    whole.zero_()

    assert delta.equal(before)
    assert (trimmed.shape, trimmed.dtype) == (delta.shape, dtype)


@pytest.mark.parametrize("density", [0.0, -0.1, 1.1, float("nan")])
def test_a_density_outside_its_range_is_refused(density: float) -> None:
    with pytest.raises(ValueError, match="density must be in"):
        trim(torch.ones(3), density=density)


def test_ties_elects_the_sign_of_the_sum_and_averages_those_that_agree() -> None:
    deltas = [torch.tensor([3.0, 1.0, -1.0, 0.0]), torch.tensor([-1.0, 2.0, 1.0, 0.0])]

    merged = ties(deltas, terms_of((1.0, 1.0), normalize=True))

    assert merged.tolist() == [3.0, 1.5, 1.0, 0.0]  # a sum of 0 counts as positive


def test_ties_divides_by_the_weights_that_agree() -> None:
    deltas = [torch.tensor([2.0, -2.0]), torch.tensor([4.0, 1.0])]

    merged = ties(deltas, terms_of((1.0, 3.0), normalize=True, lam=2.0))

    assert merged.tolist() == [2 * (2 + 12) / 4, 2 * 3 / 3]


def test_ties_without_normalising_is_the_sum_of_those_that_agree() -> None:
    deltas = [torch.tensor([2.0, -2.0]), torch.tensor([4.0, 1.0])]

    merged = ties(deltas, terms_of((1.0, 0.5), normalize=False))

    assert merged.tolist() == [4.0, -2.0]


@given(seed=st.integers(0, 2**31), count=st.integers(1, 4))
def test_merging_a_task_vector_with_itself_changes_nothing(seed: int, count: int) -> None:
    delta = torch.randn(6, 5, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    same = [delta] * count
    ones = terms_of((1.0,) * count, normalize=True)

    assert torch.allclose(ties(same, ones), delta, rtol=1e-15)
    assert torch.allclose(task_arithmetic(same, ones), delta, rtol=1e-14)
    assert torch.allclose(linear(same, ones), delta, rtol=1e-14)


def test_task_arithmetic_adds_weighted_and_takes_away_with_a_negative_weight() -> None:
    deltas = [torch.tensor([1.0, 2.0]), torch.tensor([4.0, -1.0])]

    merged = task_arithmetic(deltas, terms_of((2.0, -1.0), normalize=False, lam=0.5))

    assert merged.tolist() == [-1.0, 2.5]


def test_normalising_weights_that_sum_to_zero_divides_by_one_as_mergekit_does() -> None:
    deltas = [torch.tensor([1.0]), torch.tensor([3.0])]

    merged = task_arithmetic(deltas, terms_of((1.0, -1.0), normalize=True))

    assert merged.tolist() == [-2.0]


def test_the_base_counts_in_a_mean_and_a_mean_of_nothing_is_refused() -> None:
    deltas = [torch.tensor([6.0])]

    merged = linear(deltas, terms_of((1.0,), normalize=True, base_weight=2.0))

    assert merged.tolist() == [2.0]
    with pytest.raises(ValueError, match="sum to 0"):
        linear(deltas, terms_of((1.0,), normalize=True, base_weight=-1.0))
