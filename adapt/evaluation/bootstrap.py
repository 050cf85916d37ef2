"""Confidence in a mean and in a difference of means on the same examples: the bootstrap (Efron 1979; paired: Koehn 2004)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import JsonValue

RESAMPLES = 2000
AT_ONCE = 1_000_000  # draws held in memory together


@dataclass(frozen=True)
class Comparison:
    """How much better a candidate is than a baseline on the same examples; `low` and `high` bound 95 %."""

    difference: float
    low: float
    high: float

    @property
    def better(self) -> bool:
        """Return whether the whole interval lies above zero."""
        return self.low > 0

    def as_metrics(self) -> dict[str, JsonValue]:
        """Return what a card keeps."""
        return {
            "difference": round(self.difference, 4),
            "low": round(self.low, 4),
            "high": round(self.high, 4),
            "better": self.better,
        }


def bootstrap(values: Sequence[float], *, seed: int = 0) -> tuple[float, float]:
    """Return the percentile bootstrap 95 % interval of a mean, 2,000 resamples; a single value is its own interval."""
    if len(values) == 1:
        return float(values[0]), float(values[0])
    from scipy.stats import bootstrap as resample  # half a second, which only measurements pay

    interval = resample(
        (np.asarray(values, np.float64),),
        np.mean,
        n_resamples=RESAMPLES,
        batch=max(AT_ONCE // len(values), 1),
        vectorized=True,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    # of equal values its quantiles may differ in the last bit, the lower above the higher
    low, high = sorted((float(interval.low), float(interval.high)))
    return low, high


def paired(baseline: Sequence[float], candidate: Sequence[float], *, seed: int = 0) -> Comparison:
    """Return the paired bootstrap of candidate minus baseline on the same examples.

    Raises:
        ValueError: there are not as many of the one as of the other.
    """
    if len(baseline) != len(candidate):
        raise ValueError("paired comparison needs the same examples on both sides")
    differences = [c - b for b, c in zip(baseline, candidate, strict=True)]
    low, high = bootstrap(differences, seed=seed)
    return Comparison(sum(differences) / len(differences), low, high)
