"""`Terms`: the values of a method's parameters for one tensor, gradients and filters resolved.

Not here: how a recipe writes them (`merge.recipe`), what a method takes (`merge.specs`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from merge.specs import Value


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
