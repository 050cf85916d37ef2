"""What each merge method takes, known without importing torch, so that a recipe is checked in milliseconds.

Not here: the methods themselves (`merge.methods`, one function per name of this table).
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class MethodSpec:
    """A method's name, its parameters and its defaults; the defaults are mergekit's.

    Attributes:
        normalize: the default of `normalize`; None where the method has no such parameter.
        uses_density: whether it trims, and so reads `density`.
        uses_lam: whether it reads the global factor `lambda`.
        is_linear: whether its result is a weighted sum of task vectors, and so can be an adapter again.
        is_mean: whether it divides by the sum of all weights, which must then not be zero.
    """

    name: str
    paper: str
    normalize: bool | None
    uses_density: bool = False
    uses_lam: bool = True
    is_linear: bool = False
    is_mean: bool = False


SPECS: dict[str, MethodSpec] = {
    spec.name: spec
    for spec in (
        MethodSpec("task_arithmetic", "arXiv:2212.04089", normalize=False, is_linear=True),
        MethodSpec("ties", "arXiv:2306.01708", normalize=True, uses_density=True),
        MethodSpec(
            "linear",
            "arXiv:2203.05482",
            normalize=None,
            uses_lam=False,
            is_linear=True,
            is_mean=True,
        ),
    )
}
