"""What each merge method takes, known without importing torch, so that a recipe is checked in milliseconds.

One table for everything: the checks, the flags, `--help`, the search and the engine read it. A new method is one function
and one entry. Names, defaults and meaning are mergekit's (0.1.5) where mergekit has the method.
Not here: the functions themselves (`merge.methods.entrywise`, `merge.methods.whole.by_name`, `merge.fit.fit`).
"""

from dataclasses import replace

from merge.methods.spec import MethodSpec, Parameter

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
    return MethodSpec(name, paper, (_WEIGHT, *own, *shared))


SPECS: dict[str, MethodSpec] = {
    spec.name: spec
    for spec in (
        MethodSpec(
            "task_arithmetic",
            "arXiv:2212.04089",
            (_WEIGHT, _LAMBDA, _normalize(False), _INT8_MASK),
            is_linear=True,
        ),
        MethodSpec(
            "linear",
            "arXiv:2203.05482",
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
            (Parameter("filter_wise", False, "an angle for each row"),),
            fewest=2,
            space="dense",
        ),
        MethodSpec(
            "slerp",
            "doi:10.1145/325165.325242",
            (Parameter("t", 0.5, "0 the first model, 1 the second", low=0, high=1),),
            fewest=2,
            most=2,
            space="dense",
        ),
        MethodSpec(
            "nuslerp",
            "doi:10.1145/325165.325242",
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
            (_WEIGHT, _LAMBDA),
            space="factors",
        ),
        MethodSpec(
            "iso_c",
            "arXiv:2502.04959",
            (_WEIGHT, _LAMBDA),
            space="factors",
        ),
        MethodSpec(
            "regmean",
            "arXiv:2212.09849",
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
