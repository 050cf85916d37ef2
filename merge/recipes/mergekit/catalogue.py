"""What each method of mergekit takes, as data: a recipe is checked in milliseconds, without importing mergekit.

Names, defaults, scopes and contracts are those of mergekit 0.1.5; a test compares this table with mergekit's own registry.
The ranges are ours: what lies outside of them runs in mergekit and gives nonsense.
"""

from dataclasses import dataclass
from typing import Literal

from merge.methods.spec import Parameter

CHAT_TEMPLATES = ("alpaca", "chatml", "exaone", "llama3", "mistral")


@dataclass(frozen=True)
class MergekitParameter:
    """One parameter: what its values may be, and whether it has a default.

    Attributes:
        scope: `shared`: one for the whole merge; `input`: one for each model; `non_base`: for each but the base.
        required: whether mergekit refuses to run without; the value's `default` then only tells its type.
    """

    value: Parameter
    scope: Literal["shared", "input", "non_base"]
    required: bool = False

    @property
    def name(self) -> str:
        """Return its name in the recipe."""
        return self.value.name


@dataclass(frozen=True)
class MergekitMethod:
    """A method's parameters and how many models it takes.

    Attributes:
        base: whether `base_model` has to be among the models, may be, or has no meaning.
        fewest: of models, the base counted; `most` likewise, None without a limit.
        fewest_others: of models beside the base; `most_others` likewise.
        is_random: whether it draws, so that `seed` has an effect.
    """

    name: str
    parameters: tuple[MergekitParameter, ...] = ()
    base: Literal["required", "optional", "ignored"] = "required"
    fewest: int = 1
    most: int | None = None
    fewest_others: int | None = None
    most_others: int | None = None
    is_random: bool = False

    def parameter(self, name: str) -> MergekitParameter | None:
        """Return a parameter by name, or None where the method has none of it."""
        return next((p for p in self.parameters if p.name == name), None)


def _shared(value: Parameter, *, required: bool = False) -> MergekitParameter:
    return MergekitParameter(value, "shared", required)


def _other(value: Parameter, *, required: bool = False) -> MergekitParameter:
    return MergekitParameter(value, "non_base", required)


_WEIGHT = Parameter("weight", 1.0, "factor of a model")
_T = Parameter("t", 0.5, "0 the base, 1 the other model", low=0, high=1)
_STEP = Parameter("t", 0.5, "largest step of an entry towards the other model", low=0)
_DENSITY = Parameter("density", 1.0, "share of entries kept", low=0, high=1, low_is_open=True)
_GAMMA = Parameter("gamma", 0.01, "share of the largest entries left out", low=0, high=1)
_EPSILON = Parameter("epsilon", 0.15, "spread of the keep probabilities", low=0, high=1)
_MASK = Parameter("int8_mask", False, "less memory for the signs")


def _arithmetic(
    name: str,
    *own: Parameter,
    normalize: bool = False,
    rescale: bool = False,
    is_random: bool = False,
) -> MergekitMethod:
    """Return a method of the family of task arithmetic."""
    shared = (
        _MASK,
        Parameter("normalize", normalize, "divide by the weights"),
        Parameter("rescale", rescale, "make up for the entries left out"),
        Parameter("lambda", 1.0, "factor of the merged task vector"),
    )
    each = (_other(_WEIGHT, required=True), _other(_DENSITY), *map(_other, own))
    return MergekitMethod(name, (*map(_shared, shared), *each), is_random=is_random)


METHODS: dict[str, MergekitMethod] = {
    method.name: method
    for method in (
        MergekitMethod(
            "linear",
            (
                MergekitParameter(_WEIGHT, "input", required=True),
                _shared(Parameter("normalize", True, "divide by the sum of the weights")),
            ),
            base="ignored",
        ),
        MergekitMethod("slerp", (_shared(_T, required=True),), fewest=2, most=2),
        MergekitMethod(
            "nuslerp",
            (
                _other(_WEIGHT, required=True),
                _shared(Parameter("nuslerp_row_wise", False, "an arc for each row")),
                _shared(Parameter("nuslerp_flatten", True, "one arc for the whole tensor")),
            ),
            base="optional",
            fewest_others=2,
            most_others=2,
        ),
        MergekitMethod(
            "multislerp",
            (
                _other(_WEIGHT, required=True),
                _shared(Parameter("normalize_weights", True, "divide by the sum of the weights")),
                _shared(Parameter("eps", 1e-8, "smallest norm", low=0, low_is_open=True)),
            ),
            base="optional",
            fewest_others=1,
        ),
        MergekitMethod("nearswap", (_shared(_STEP, required=True),), fewest=2, most=2),
        MergekitMethod("arcee_fusion", fewest=2, most=2),
        MergekitMethod(
            "model_stock", (_shared(Parameter("filter_wise", False, "an angle a row")),), fewest=3
        ),
        MergekitMethod(
            "karcher",
            (
                _shared(Parameter("max_iter", 10, "steps at most", low=1)),
                _shared(Parameter("tol", 1e-5, "stops below it", low=0, low_is_open=True)),
            ),
            base="ignored",
        ),
        MergekitMethod(
            "passthrough",
            (MergekitParameter(Parameter("scale", 1.0, "factor of the weights"), "input"),),
            base="ignored",
            most=1,
        ),
        MergekitMethod(
            "sce",
            (
                _shared(_MASK),
                _shared(Parameter("select_topk", 1.0, "share kept, by variance", low=0, high=1)),
            ),
        ),
        MergekitMethod(
            "ram", (_shared(Parameter("epsilon", 1e-5, "smallest change that counts", low=0)),)
        ),
        MergekitMethod(
            "ramplus_tl",
            (
                _shared(Parameter("r", 0.1, "strength of the rescaling", low=0)),
                _shared(Parameter("alpha", 0.2, "cap of the rescaling", low=0)),
                _shared(Parameter("epsilon", 1e-5, "smallest change that counts", low=0)),
            ),
        ),
        _arithmetic("task_arithmetic"),
        _arithmetic("ties", normalize=True),
        _arithmetic("dare_linear", rescale=True, is_random=True),
        _arithmetic("dare_ties", rescale=True, is_random=True),
        _arithmetic("breadcrumbs", _GAMMA),
        _arithmetic("breadcrumbs_ties", _GAMMA),
        _arithmetic("della", _EPSILON, normalize=True, rescale=True, is_random=True),
        _arithmetic("della_linear", _EPSILON, rescale=True, is_random=True),
    )
}
