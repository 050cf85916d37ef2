import math

import numpy as np
import pytest
from hypothesis import given, strategies as st

from adapt.errors import ModelError
from merge.methods.k_largest import find_cuts
from merge.weights.floats import Array


def kept_by(values: Array, cuts_of: list[int], block: int) -> list[list[int]]:
    """Return which places each cut lets pass, with the values in blocks of this many."""
    blocks = np.split(values, range(block, values.size, block))
    cuts = find_cuts(
        lambda number: blocks[number].copy(), len(blocks), total=values.size, counts=cuts_of
    )
    return [
        np.flatnonzero(
            np.concatenate([cut.mask(n, sizes) for n, sizes in enumerate(blocks)])
        ).tolist()
        for cut in cuts
    ]


@given(data=st.data(), block=st.integers(1, 50), seed=st.integers(0, 2**31))
def test_a_cut_takes_the_largest_and_of_equals_the_first_whatever_the_blocks(
    data: st.DataObject, block: int, seed: int
) -> None:
    size = data.draw(st.integers(1, 300))
    different = data.draw(st.sampled_from([1, 2, 5, 1000]))
    values = np.random.default_rng(seed).integers(0, different, size).astype(np.float32)
    counts = [data.draw(st.integers(0, size)), data.draw(st.integers(0, size))]

    found = kept_by(values, counts, block)

    order = sorted(range(size), key=lambda i: (-values[i], i))
    assert found == [sorted(order[:count]) for count in counts]


@pytest.mark.parametrize("share", [0.001, 0.5, 0.9])
def test_a_sample_that_misleads_costs_a_pass_and_not_exactness(share: float) -> None:
    # sorted values: the sampled entries of each block say nothing of those between
    values = np.sort(np.random.default_rng(1).standard_normal(400_000).astype(np.float32) ** 2)
    count = int(share * values.size)
    blocks = np.split(values, 200)
    passes = []

    def sizes(number: int) -> Array:
        passes.append(number)
        return blocks[number]

    cut = find_cuts(sizes, len(blocks), total=values.size, counts=[count])[0]

    assert sum(int(cut.mask(n, b).sum()) for n, b in enumerate(blocks)) == count
    assert len(passes) <= 4 * len(blocks)


def test_sizes_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(ModelError, match="holds NaN"):
        kept_by(np.array([1.0, math.nan, math.nan], np.float32), [2], 2)


def test_a_threshold_at_the_lower_end_of_the_bracket_takes_no_further_pass() -> None:
    values = np.tile(np.array([0.0, 1.0], np.float32), 50_000)
    blocks = np.split(values, 10)
    passes = []

    def sizes(number: int) -> Array:
        passes.append(number)
        return blocks[number]

    cut = find_cuts(sizes, 10, total=values.size, counts=[50_007])[0]

    assert (cut.threshold, cut.quota) == (0.0, 7)
    assert len(passes) == 20  # one for the sample, one for the count
