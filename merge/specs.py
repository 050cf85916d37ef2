"""What each merge method takes, known without importing torch, so that a recipe is checked in milliseconds.

One table for everything: the checks, the flags, `--help`, the search and the engine read it. A new method is one function
and one entry. Names, defaults and meaning are mergekit's (0.1.5) where mergekit has the method.
Not here: the functions themselves; `MethodSpec.function` says where each is.
"""

import math
from dataclasses import dataclass, replace
from typing import Literal

from merge.recipe_quotes import quoted

Value = float | int | bool | str


@dataclass(frozen=True)
class Parameter:
    """One parameter of a method: its type is that of its default, its range is [low, high].

    Attributes:
        per_source: set for each model (or once for all); else once for the whole merge.
        low_is_open: whether `low` itself is refused.
        choices: the words that are allowed, where it is a word.
        varies: whether it may be a gradient over layers or have filters.
        help: one line for people.
    """

    name: str
    default: Value
    help: str
    per_source: bool = False
    low: float = -math.inf
    high: float = math.inf
    low_is_open: bool = False
    choices: tuple[str, ...] = ()
    varies: bool = True

    def fault(self, value: object) -> str:
        """Return what is wrong with a plain value, as the rest of a sentence; nothing where it is right."""
        got = f"(got {quoted(value)})"
        if isinstance(self.default, bool):
            return "" if isinstance(value, bool) else f"should be true or false {got}"
        if isinstance(self.default, str):
            words = ", ".join(self.choices)
            return "" if value in self.choices else f"should be one of {words} {got}"
        is_count = isinstance(self.default, int)
        if isinstance(value, bool) or not isinstance(value, int if is_count else (int, float)):
            return f"should be a {'whole ' if is_count else ''}number {got}"
        if not math.isfinite(value):
            return f"should be a finite number {got}"
        is_low = value <= self.low if self.low_is_open else value < self.low
        return f"should be {self.range} {got}" if is_low or value > self.high else ""

    @property
    def range(self) -> str:
        """Return the range in words."""
        if math.isinf(self.low) and math.isinf(self.high):
            return "any number"
        if math.isinf(self.high):
            return f"{'greater than' if self.low_is_open else 'at least'} {self.low:g}"
        return f"in {'(' if self.low_is_open else '['}{self.low:g}, {self.high:g}]"


@dataclass(frozen=True)
class MethodSpec:
    """A method's name, where it is published and built, its parameters, and what it needs.

    Attributes:
        function: module and name, `merge.x:y`.
        fewest: of adapters; `most` likewise, None without a limit.
        is_linear: whether its result is a weighted sum of task vectors: streamed, and exact as an adapter.
        is_mean: whether it divides by the sum of all weights, which must then not be zero.
        space: `entries`: a sparsification and a consensus, entry by entry; `dense`: needs every ΔW of a tensor whole;
            `factors`: works on the factors (B, A), and gives an adapter as well; `rows`: fits the whole model to rows of
            each adapter's domain.
        is_random: whether it draws, and so takes `seed`.
    """

    name: str
    paper: str
    function: str
    parameters: tuple[Parameter, ...]
    fewest: int = 1
    most: int | None = None
    is_linear: bool = False
    is_mean: bool = False
    space: Literal["entries", "dense", "factors", "rows"] = "entries"

    def parameter(self, name: str) -> Parameter | None:
        """Return a parameter by name, or None where the method has none of it."""
        return next((p for p in self.parameters if p.name == name), None)

    @property
    def is_random(self) -> bool:
        """Return whether it draws."""
        return self.parameter("seed") is not None

    @property
    def gives_adapter(self) -> bool:
        """Return whether its result has a low rank, and so can be an adapter again."""
        return self.is_linear or self.space == "factors"


_WEIGHT = Parameter("weight", 1.0, "factor of a model's task vector", per_source=True)
_DENSITY = Parameter(
    "density", 1.0, "share of entries kept", per_source=True, low=0, high=1, low_is_open=True
)
_GAMMA = Parameter(
    "gamma", 0.01, "share of the largest entries left out", per_source=True, low=0, high=1
)
_EPSILON = Parameter(
    "epsilon", 0.15, "spread of the keep probabilities", per_source=True, low=0, high=1
)
_LAMBDA = Parameter("lambda", 1.0, "factor of the merged task vector")
_SEED = Parameter("seed", 0, "of the random draw", low=0, high=2**32 - 1, varies=False)
_ROWS_COUNT = Parameter("weight", 1.0, "how much a domain's rows count", per_source=True, low=0)
_RIDGE = Parameter("ridge", 1e-3, "pull to the base's weights", low=0, high=1, low_is_open=True)
# mergekit's memory knob: accepted, no effect
_INT8_MASK = Parameter("int8_mask", False, "has no effect here", varies=False)
_INNER = ("task_arithmetic", "ties")


def _normalize(default: bool) -> Parameter:
    return Parameter("normalize", default, "divide by the weights that took part")


def _rescale(default: bool) -> Parameter:
    return Parameter("rescale", default, "make up for the entries left out")


def _entries(name: str, paper: str, *own: Parameter, normalize: bool, rescale: bool) -> MethodSpec:
    """Return a method of the family of task arithmetic: sparsify each, agree on signs or not, add."""
    shared = (_normalize(normalize), _rescale(rescale), _LAMBDA, _INT8_MASK)
    return MethodSpec(name, paper, "merge.entries:merge_entries", (_WEIGHT, *own, *shared))


SPECS: dict[str, MethodSpec] = {
    spec.name: spec
    for spec in (
        MethodSpec(
            "task_arithmetic",
            "arXiv:2212.04089",
            "merge.methods:task_arithmetic",
            (_WEIGHT, _LAMBDA, _normalize(False), _INT8_MASK),
            is_linear=True,
        ),
        MethodSpec(
            "linear",
            "arXiv:2203.05482",
            "merge.methods:linear",
            (_WEIGHT, _normalize(True)),
            is_linear=True,
            is_mean=True,
        ),
        _entries("magnitude", "arXiv:2306.01708", _DENSITY, normalize=False, rescale=False),
        _entries("ties", "arXiv:2306.01708", _DENSITY, normalize=True, rescale=False),
        _entries("dare_linear", "arXiv:2311.03099", _DENSITY, _SEED, normalize=False, rescale=True),
        _entries("dare_ties", "arXiv:2311.03099", _DENSITY, _SEED, normalize=False, rescale=True),
        _entries(
            "breadcrumbs", "arXiv:2312.06795", _DENSITY, _GAMMA, normalize=False, rescale=False
        ),
        _entries(
            "breadcrumbs_ties", "arXiv:2312.06795", _DENSITY, _GAMMA, normalize=False, rescale=False
        ),
        _entries(
            "della_linear",
            "arXiv:2406.11617",
            _DENSITY,
            _EPSILON,
            _SEED,
            normalize=False,
            rescale=True,
        ),
        _entries(
            "della", "arXiv:2406.11617", _DENSITY, _EPSILON, _SEED, normalize=True, rescale=True
        ),
        MethodSpec(
            "sce",
            "arXiv:2408.07990",
            "merge.dense:sce",
            (
                Parameter("select_topk", 1.0, "share of entries kept, by variance", low=0, high=1),
                _INT8_MASK,
            ),
            fewest=2,
            space="dense",
        ),
        MethodSpec(
            "model_stock",
            "arXiv:2403.19522",
            "merge.dense:model_stock",
            (Parameter("filter_wise", False, "an angle for each row"),),
            fewest=2,
            space="dense",
        ),
        MethodSpec(
            "slerp",
            "doi:10.1145/325165.325242",
            "merge.dense:slerp",
            (Parameter("t", 0.5, "0 the first model, 1 the second", low=0, high=1),),
            fewest=2,
            most=2,
            space="dense",
        ),
        MethodSpec(
            "nuslerp",
            "doi:10.1145/325165.325242",
            "merge.dense:nuslerp",
            (
                Parameter("weight", 1.0, "share of a model on the arc", per_source=True, low=0),
                Parameter("nuslerp_flatten", True, "one arc for the whole tensor"),
                Parameter("nuslerp_row_wise", False, "else an arc along the first dimension"),
            ),
            fewest=2,
            most=2,
            space="dense",
        ),
        MethodSpec(
            "knots",
            "arXiv:2410.19735",
            "merge.factored:knots",
            (
                _WEIGHT,
                _DENSITY,
                _LAMBDA,
                _normalize(True),
                Parameter(
                    "inner", "ties", "how the aligned parts merge", choices=_INNER, varies=False
                ),
            ),
            space="factors",
        ),
        MethodSpec(
            "core_space",
            "arXiv:2509.17786",
            "merge.factored:core_space",
            (
                _WEIGHT,
                _DENSITY,
                _LAMBDA,
                _normalize(False),
                Parameter(
                    "inner",
                    "task_arithmetic",
                    "how the cores merge",
                    choices=(*_INNER, "tsv", "iso_c"),
                    varies=False,
                ),
            ),
            space="factors",
        ),
        MethodSpec(
            "tsv",
            "arXiv:2412.00081",
            "merge.factored:tsv",
            (_WEIGHT, _LAMBDA),
            space="factors",
        ),
        MethodSpec(
            "iso_c",
            "arXiv:2502.04959",
            "merge.factored:iso_c",
            (_WEIGHT, _LAMBDA),
            space="factors",
        ),
        MethodSpec(
            "regmean",
            "arXiv:2212.09849",
            "merge.regmean:Fitter",
            (
                _ROWS_COUNT,
                _RIDGE,
            ),
            fewest=2,
            space="rows",
        ),
        MethodSpec(
            "distill",
            "arXiv:1503.02531",
            "merge.distill:Distiller",
            (
                replace(_ROWS_COUNT, varies=False),
                Parameter("steps", 300, "of gradient descent", low=1, high=100_000, varies=False),
                Parameter(
                    "learning_rate",
                    2.5e-4,
                    "of a model 256 wide; a wider one's is smaller in proportion",
                    low=0,
                    high=1,
                    low_is_open=True,
                    varies=False,
                ),
                replace(_RIDGE, varies=False),
                _SEED,
            ),
            fewest=2,
            space="rows",
        ),
    )
}
