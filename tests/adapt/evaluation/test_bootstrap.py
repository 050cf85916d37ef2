"""The intervals are scipy's: both bounds, on skewed and on few values, and of paired differences."""

import numpy as np
import pytest
from scipy import stats

from adapt.evaluation.bootstrap import Comparison, bootstrap, paired

DRAW = np.random.default_rng(5)
SKEWED = DRAW.exponential(1.0, 60).tolist()
RIGHT_OR_WRONG = [1.0] * 90 + [0.0] * 310


def exact_interval(values: list[float]) -> tuple[float, float]:
    """Return scipy's percentile interval by so many resamples that chance moves it little."""
    found = stats.bootstrap(
        (values,), np.mean, n_resamples=60_000, method="percentile", rng=1
    ).confidence_interval
    return float(found.low), float(found.high)


@pytest.mark.slow
@pytest.mark.parametrize("values", [SKEWED, RIGHT_OR_WRONG, [0.2, 0.9, 0.4]])
def test_each_bound_is_that_of_scipy_but_for_chance(values: list[float]) -> None:
    spread = float(np.std(values) / np.sqrt(len(values)))

    low, high = bootstrap(values, seed=3)

    # of 2,000 resamples, a bound at 2.5 % moves by about 0.06 of the mean's spread
    expected = exact_interval(values)
    assert low == pytest.approx(expected[0], abs=0.25 * spread)
    assert high == pytest.approx(expected[1], abs=0.25 * spread)


def test_a_twentieth_of_the_intervals_miss_the_mean() -> None:
    draw = np.random.default_rng(0)

    missed_below = missed_above = 0
    for seed in range(300):
        low, high = bootstrap(draw.normal(0.0, 1.0, 80).tolist(), seed=seed)
        missed_below += low > 0
        missed_above += high < 0

    # of a fair interval 7.5 on each side; beyond 20 by chance once in 10,000 times
    assert 1 <= missed_below <= 20
    assert 1 <= missed_above <= 20


def test_a_single_value_and_equal_values_have_no_spread() -> None:
    assert bootstrap([0.4]) == pytest.approx((0.4, 0.4))
    assert bootstrap([0.4] * 7) == pytest.approx((0.4, 0.4))
    low, high = bootstrap([4.731964244326063e-104] * 2)  # the last bit
    assert low <= high


def test_a_paired_comparison_is_the_interval_of_the_differences() -> None:
    baseline, candidate = SKEWED, [value + 0.3 * (i % 3) for i, value in enumerate(SKEWED)]

    found = paired(baseline, candidate, seed=2)

    differences = [c - b for b, c in zip(baseline, candidate, strict=True)]
    assert found.difference == pytest.approx(0.3)
    assert (found.low, found.high) == bootstrap(differences, seed=2)
    assert found.better
    assert not paired(candidate, baseline).better


def test_the_same_seed_draws_the_same_and_zero_is_the_default() -> None:
    assert bootstrap(SKEWED) == bootstrap(SKEWED, seed=0) != bootstrap(SKEWED, seed=1)
    assert paired(SKEWED, SKEWED[::-1]) == paired(SKEWED, SKEWED[::-1], seed=0)


def test_an_interval_is_of_two_thousand_resamples() -> None:
    expected = stats.bootstrap(
        (SKEWED,), np.mean, n_resamples=2000, method="percentile", rng=np.random.default_rng(3)
    ).confidence_interval

    assert bootstrap(SKEWED, seed=3) == (expected.low, expected.high)


def test_a_card_keeps_four_places_of_a_comparison() -> None:
    assert Comparison(0.123456, 0.000049, 0.987654).as_metrics() == {
        "difference": 0.1235,
        "low": 0.0,
        "high": 0.9877,
        "better": True,
    }
    assert Comparison(0.1, 0.0, 0.2).as_metrics()["better"] is False
