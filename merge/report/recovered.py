"""Which share of an adapter's gain a merge keeps, and how sure that is: the bootstrap of a ratio on the same rows."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydantic import JsonValue

from adapt.evaluation.bootstrap import AT_ONCE, RESAMPLES

Rows = tuple[
    Sequence[float], Sequence[float], Sequence[float]
]  # base, own adapter, merged, row by row


@dataclass(frozen=True)
class Share:
    """A ratio; `low` and `high` bound 95 %."""

    value: float
    low: float
    high: float

    @property
    def text(self) -> str:
        """Return it for people."""
        return f"{100 * self.value:.0f} % [{100 * self.low:.0f}, {100 * self.high:.0f}]"

    def as_json(self) -> dict[str, JsonValue]:
        """Return what a card keeps."""
        return {name: round(getattr(self, name), 4) for name in ("value", "low", "high")}


def recovered(rows: Rows, *, seed: int = 0) -> Share:
    """Return (merged - base) / (own - base) of the means; rows are resampled together.

    Raises:
        ValueError: the adapter's own mean is not above the base's, so there is no gain to keep.
    """
    return mean_recovered([rows], seed=seed)


def mean_recovered(domains: Sequence[Rows], *, seed: int = 0) -> Share:
    """Return the mean of the domains' shares, each domain's rows resampled apart from the others'.

    Raises:
        ValueError: in one of them the adapter's own mean is not above the base's.
    """
    draw = np.random.default_rng(seed)
    values, resampled = [], np.zeros(RESAMPLES)
    for rows in domains:
        base, own, merged = (np.asarray(side, np.float64) for side in rows)
        kept, gain = merged - base, own - base
        if not gain.mean() > 0:
            raise ValueError("the adapter gained nothing, so there is no share of it")
        values.append(kept.mean() / gain.mean())
        resampled += _ratios(kept, gain, draw) / len(domains)
    low, high = np.percentile(resampled, (2.5, 97.5))
    return Share(float(np.mean(values)), float(low), float(high))


def _ratios(
    over: npt.NDArray[np.float64], under: npt.NDArray[np.float64], draw: np.random.Generator
) -> npt.NDArray[np.float64]:
    """Return the ratios of the means of resampled rows; where the gain vanishes it counts as very small."""
    least = 1e-3 / len(under)
    at_once = max(1, AT_ONCE // len(over))
    ratios = []
    for start in range(0, RESAMPLES, at_once):
        places = draw.integers(len(over), size=(min(at_once, RESAMPLES - start), len(over)))
        ratios.append(over[places].mean(axis=1) / np.maximum(under[places].mean(axis=1), least))
    return np.concatenate(ratios)
