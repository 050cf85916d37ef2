"""Task vectors as the entry-wise methods take them: by blocks of rows, each with its sparsifier and its factor.

Not here: how one is computed from an adapter (`merge.weights.delta_blocks`), and what is done with several
(`merge.methods.entrywise`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from merge.methods.sparsify import AtRandom, Everything, Sparsifier
from merge.weights.delta_blocks import DeltaRows, Places, Product
from merge.weights.floats import Array


class TaskVector(Protocol):
    """ΔW of one adapter by blocks of rows (`merge.weights.delta_blocks.DeltaRows`, or whole in memory)."""

    def block(self, rows: slice, base: Array | None = None) -> Array:
        """Return some rows in memory of their own; `base` are the base's, where they are available."""
        ...

    def exact(self, rows: slice, base: Array, at: Places) -> NDArray[np.float64]:
        """Return single entries of some rows in float64."""
        ...

    def error(self, rows: slice, base: Array, *, additions: int) -> NDArray[np.float64]:
        """Return how far each row's entries may be from exact after so many roundings, of shape (rows, 1)."""
        ...


@dataclass(frozen=True)
class Summand:
    """One summand of a merge: a task vector, what is kept of it, and by what that is multiplied."""

    vector: TaskVector
    sparsifier: Sparsifier
    factor: float


def folded(summands: Sequence[Summand]) -> list[Summand]:
    """Return summands of the same sum with the factors of plain products folded into them.

    Those that are kept whole become one product, and random choices lose their factor; what looks at ΔW to choose, and
    what is no product, stays as it is. This saves a pass over each block per factor and per sum.
    """
    products: list[Product] = []
    factors: list[float] = []
    others: list[Summand] = []
    for summand in summands:
        product = summand.vector.product if isinstance(summand.vector, DeltaRows) else None
        if product is None or not isinstance(summand.sparsifier, Everything | AtRandom):
            others.append(summand)
        elif isinstance(summand.sparsifier, Everything):
            products.append(product)
            factors.append(summand.factor)
        else:
            factor = summand.factor * summand.sparsifier.scale
            multiplied = Product.weighted([product], [factor])
            others.append(Summand(multiplied, summand.sparsifier.unscaled(), 1.0))
    if not products:
        return others
    return [Summand(Product.weighted(products, factors), Everything(), 1.0), *others]
