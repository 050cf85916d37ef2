"""The largest of many scores, without sorting them: a bound from the maxima of groups leaves few to look at."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Scores = npt.NDArray[np.float32]
Places = npt.NDArray[np.intp]

GROUPS = 4  # times as many as are wanted; their maxima are compared first


def border(scores: Sequence[Scores], count: int) -> float:
    """Return the `count`-th largest of all scores, -inf where there are fewer."""
    large = np.concatenate([*(_large(array, count) for array in scores), np.zeros(0, np.float32)])
    if len(large) < count:
        return -np.inf
    return float(np.partition(large, -count)[-count])


def best(scores: Sequence[Scores], count: int) -> list[Places]:
    """Return the places of the `count` largest of all scores, for each array ascending; of equal ones the first.

    A score of -inf never counts.
    """
    least = np.float32(border(scores, count))
    if least == -np.inf:
        return [np.flatnonzero(array > least) for array in scores]
    likely = [np.flatnonzero(array >= least) for array in scores]
    equal = [array.take(places) == least for array, places in zip(scores, likely, strict=True)]
    spare = sum(map(len, likely)) - count
    # of equal ones the last go
    for place in reversed(range(len(likely))):
        if spare:
            gone = np.flatnonzero(equal[place])[-spare:]
            likely[place] = np.delete(likely[place], gone)
            spare -= len(gone)
    return likely


def _large(scores: Scores, count: int) -> Scores:
    """Return what contains the `count` largest scores.

    The `count`-th largest of the maxima of groups is reached by one score in each of `count` groups: so the `count`-th
    largest of all is not below it.
    """
    height = len(scores) // (GROUPS * count)
    if height < 2:
        return scores
    width = len(scores) // height
    maxima = scores[: height * width].reshape(height, width).max(axis=0)
    least = np.partition(maxima, -count)[-count]
    large: Scores = scores[scores >= least]
    return large
