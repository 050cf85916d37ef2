"""`Terms`: the values of a method's parameters for one tensor, gradients and filters resolved; and the factors of sums.

The factors of weighted sums of task vectors are mergekit's (0.1.5, `generalized_task_arithmetic.py`, `linear.py`), so that
a recipe means the same.

Not here: how a recipe writes them (`merge.recipes.recipe`), what a method takes (`merge.methods.catalogue`).
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from merge.methods.spec import Value


@dataclass(frozen=True)
class Terms:
    """The parameters of one tensor's merge.

    Attributes:
        weights: one factor per task vector, any finite number.
        sources: other values per task vector, by name: `density`, `gamma`, `epsilon`.
        shared: values for the whole: `lambda`, `normalize`, `rescale`, `seed`, `t`, …; every parameter of the method's
            spec stands here or in `sources`, its default filled in.
        base_weight: the weight of the base itself among the sources; only a mean uses it.
        places: which adapter of the recipe each task vector is; a draw depends on it, so that it does not change when
            another adapter leaves this tensor alone.
        tensor: the name of the tensor, for draws of its own.
    """

    weights: tuple[float, ...]
    sources: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    shared: Mapping[str, Value] = field(default_factory=dict)
    base_weight: float = 0.0
    places: tuple[int, ...] = ()
    tensor: str = ""

    def only(self, places: Sequence[int]) -> "Terms":
        """Return the parameters of some of the task vectors; `base_weight` and all shared values stay."""
        everyone = self.places or tuple(range(len(self.weights)))
        return replace(
            self,
            weights=tuple(self.weights[i] for i in places),
            sources={name: tuple(v[i] for i in places) for name, v in self.sources.items()},
            places=tuple(everyone[i] for i in places),
        )

    def number(self, name: str, default: float = 1.0) -> float:
        """Return a shared number."""
        return float(self.shared.get(name, default))

    def flag(self, name: str) -> bool:
        """Return a shared flag; off where the method has none."""
        return bool(self.shared.get(name, False))


TermsOf = Callable[[str], Terms]  # from a tensor's name in the loaded model to its values


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
