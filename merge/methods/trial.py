"""What a search may choose: the method, a weight for each adapter, and the numbers that `merge.methods.catalogue` lists.

Where a method sums, its weights set the scale, so `lambda` is left at 1; where it averages, `lambda` is searched as well.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from merge.methods.catalogue import SPECS
from merge.methods.spec import MethodSpec, Parameter, Value
from merge.methods.terms import Terms, TermsOf

# Where to look for each number; beyond, merges on the starter were worse wherever tried. Others stay at their defaults.
RANGES = {
    "weight": (0.0, 1.6),
    "density": (0.1, 1.0),
    "lambda": (0.3, 3.0),
    "gamma": (0.0, 0.2),
    "epsilon": (0.0, 0.3),
    "select_topk": (0.1, 1.0),
    "t": (0.0, 1.0),
}
START = {"density": 0.8, "epsilon": 0.1}  # of a method's first trial; else the spec's default


@dataclass(frozen=True)
class Trial:
    """One merge to try: a method, a factor for each adapter, and its other values."""

    method: str
    weights: tuple[float, ...]
    values: Mapping[str, Value]

    @property
    def spec(self) -> MethodSpec:
        """Return what the method takes."""
        return SPECS[self.method]

    def terms_of(self) -> TermsOf:
        """Return the values for each tensor, those that the trial leaves open at their defaults."""
        count = len(self.weights)
        spec = self.spec
        given = {p.name: self.values.get(p.name, p.default) for p in spec.parameters}
        per_source = [p.name for p in spec.parameters if p.per_source and p.name != "weight"]
        terms = Terms(
            weights=self.weights if spec.parameter("weight") else (1.0,) * count,
            sources={name: (float(given[name]),) * count for name in per_source},
            shared={p.name: given[p.name] for p in spec.parameters if not p.per_source},
            places=tuple(range(count)),
        )
        return lambda tensor: replace(terms, tensor=tensor)

    def parameters(self) -> tuple[dict[str, Value], list[dict[str, Value]]]:
        """Return what a recipe says of it: values of the whole merge, and those of each adapter."""
        shared = {name: value for name, value in self.values.items() if not self._is_own(name)}
        own = {name: value for name, value in self.values.items() if self._is_own(name)}
        has_weight = self.spec.parameter("weight") is not None
        return shared, [{**({"weight": w} if has_weight else {}), **own} for w in self.weights]

    def _is_own(self, name: str) -> bool:
        parameter = self.spec.parameter(name)
        return parameter is not None and parameter.per_source

    @property
    def line(self) -> str:
        """Return it for people."""
        parts = [self.method]
        if self.spec.parameter("weight"):
            parts.append("weights " + " ".join(f"{w:.2f}" for w in self.weights))
        parts += [
            f"{name} {value:.2f}" if isinstance(value, float) else f"{name} {value}"
            for name, value in self.values.items()
        ]
        return ", ".join(parts)


def one_adapter(place: int, *, of: int) -> Trial:
    """Return the merge that is one of so many adapters alone, by its place."""
    return Trial("task_arithmetic", tuple(float(i == place) for i in range(of)), {})


@dataclass(frozen=True)
class Space:
    """All that a search chooses among.

    Attributes:
        fixed: values that the recipe sets for the whole merge (`normalize`, `rescale`, …), kept where a method has them.
        once: methods that take so long that they are tried with all weights 1 only, after the other starts.
    """

    methods: tuple[str, ...]
    sources: int
    fixed: Mapping[str, Value]
    once: tuple[str, ...] = ()

    def numbers(self, method: str) -> list[str]:
        """Return the names of the numbers that are searched for a method, weights apart."""
        spec = SPECS[method]
        return [p.name for p in spec.parameters if self._is_searched(spec, p)]

    def _is_searched(self, spec: MethodSpec, parameter: Parameter) -> bool:
        name = parameter.name
        if name not in RANGES or name == "weight" or name in self.fixed:
            return False
        return name != "lambda" or self._averages(spec)

    def _averages(self, spec: MethodSpec) -> bool:
        """Return whether a scale of its own is missing: weights are divided out, or there are none."""
        return spec.parameter("weight") is None or bool(self._constants(spec).get("normalize"))

    def _constants(self, spec: MethodSpec) -> dict[str, Value]:
        """Return the values that do not change: the recipe's, and sums in place of averages where it says nothing."""
        kept = {name: value for name, value in self.fixed.items() if spec.parameter(name)}
        if spec.parameter("normalize") and "normalize" not in kept and not spec.is_mean:
            kept["normalize"] = False
        return kept

    @property
    def dimensions(self) -> dict[str, tuple[float, float]]:
        """Return every number of every method with its range; one is the same for all methods that have it."""
        named = {f"weight {i}": RANGES["weight"] for i in range(self.sources)}
        for method in self.methods:
            named |= {name: RANGES[name] for name in self.numbers(method)}
        return named

    def trial(self, point: Mapping[str, object]) -> Trial:
        """Return the merge that a point of the space means; numbers that its method lacks are passed over."""
        method = str(point["method"])
        weights = tuple(_number(point[f"weight {i}"]) for i in range(self.sources))
        searched = {name: _number(point[name]) for name in self.numbers(method)}
        return Trial(method, weights, {**self._constants(SPECS[method]), **searched})

    def starts(self) -> list[dict[str, object]]:
        """Return where to begin: each method with all weights 1, then with weights of sum 1; then what is tried once."""
        points = [self._start(method, 1.0) for method in self.methods]
        if self.sources > 1:
            # of methods on rows only the ratio of the weights counts
            others = [method for method in self.methods if SPECS[method].space != "rows"]
            points += [self._start(method, 1.0 / self.sources) for method in others]
        return points + [self._start(method, 1.0) for method in self.once]

    def _start(self, method: str, weight: float) -> dict[str, object]:
        point: dict[str, object] = {"method": method}
        for name, (low, high) in self.dimensions.items():
            value = weight if name.startswith("weight ") else self._default(method, name)
            point[name] = min(max(value, low), high)
        return point

    def _default(self, method: str, name: str) -> float:
        parameter = SPECS[method].parameter(name)
        return START.get(name, float(parameter.default) if parameter is not None else 1.0)


def _number(value: object) -> float:
    if not isinstance(value, float | int):
        raise TypeError(f"a number is wanted, not {value!r}")
    return round(float(value), 4)  # what a recipe says in four places is what was tried


def known_methods(methods: Sequence[str]) -> list[str]:
    """Return the names of a list that are no method."""
    return [name for name in methods if name not in SPECS]
