"""The factors of weighted sums of task vectors; plain arithmetic.

Definitions are mergekit's (0.1.5, `generalized_task_arithmetic.py`, `linear.py`), so that a recipe means the same.
"""

import math
from collections.abc import Callable

from merge.terms import Terms


def task_arithmetic_coefficients(terms: Terms) -> tuple[float, ...]:
    """Return cᵢ of ΔW = Σ cᵢ·ΔWᵢ: λ·wᵢ, divided by Σ wⱼ where normalised (unless that sum is 0, as mergekit)."""
    total = math.fsum(terms.weights) if terms.flag("normalize") else 1.0
    divisor = total if abs(total) >= 1e-8 else 1.0
    return tuple(terms.number("lambda") * weight / divisor for weight in terms.weights)


def linear_coefficients(terms: Terms) -> tuple[float, ...]:
    """Return cᵢ = wᵢ / Σ wⱼ of a mean of models; the base's own weight counts in the sum.

    Raises:
        ValueError: the weights sum to 0.
    """
    total = math.fsum((*terms.weights, terms.base_weight))
    if total == 0:
        raise ValueError("the weights sum to 0, and a mean divides by their sum")
    return tuple(weight / total for weight in terms.weights)


# The methods that are weighted sums and nothing else: their ΔW can be an adapter again.
LINEAR: dict[str, Callable[[Terms], tuple[float, ...]]] = {
    "task_arithmetic": task_arithmetic_coefficients,
    "linear": linear_coefficients,
}
