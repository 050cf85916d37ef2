"""Merge methods for LoRA: they work in the adapters' common low-rank space and never form a full matrix.

From the factors (left, right) of each task vector, ΔWᵢ = left·right with the adapter's scaling in `left`, to factors of
the merged ΔW; all in fp64. Ranks may differ, an adapter that leaves the tensor alone is not among the factors, and
stacks wider than the matrix itself are no special case. The order of the adapters does not matter.
cᵢ is the factor of a task vector: λ·wᵢ, divided by Σ wⱼ where `normalize` is on.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from merge.methods.functions import task_arithmetic, task_arithmetic_coefficients, ties
from merge.methods.terms import Terms
from merge.methods.whole.thin_products import Cores, Factors, common_cores, polar, svd


def knots(factors: Sequence[Factors], terms: Terms) -> Factors:
    """Return the KnOTS merge: the task vectors side by side are decomposed together, and the aligned parts merged.

    [ΔW₁ … ΔW_T] = U·Σ·[V₁ᵀ … V_Tᵀ]; ΔW = (U·Σ)·merge(V₁ᵀ, …, V_Tᵀ) by `inner`: TIES or task arithmetic.

    Reference: Stoica et al. 2024, Model merging with SVD to tie the KnOTS, arXiv:2410.19735 Vᵢᵀ is merged
    without Σ, as the paper has it (the authors' code can put Σ there before it trims), and trimmed for each tensor.
    """
    common = common_cores(factors)
    u, values, v = svd(torch.cat(common.cores, dim=1))
    widths = [core.shape[1] for core in common.cores]
    aligned = [common.right.times(part.T).T for part in torch.split(v, widths, 1)]
    merged = _ENTRYWISE[str(terms.shared["inner"])](aligned, terms)
    return common.left.times(u * values), merged


def core_space(factors: Sequence[Factors], terms: Terms) -> Factors:
    """Return the Core Space merge: the cores of the task vectors in their common bases, merged by `inner`.

    ΔW = U_B·merge(M₁, …, M_T)·V_Aᵀ with Mᵢ = U_Bᵀ·ΔWᵢ·V_A. With task arithmetic it is exactly the full space's; tsv
    and iso_c do not depend on the bases and are the methods of their names; TIES elects signs per entry of the cores.

    Reference: Panariello et al. 2025, Accurate and efficient low-rank model merging in Core Space, arXiv:2509.17786.
    The stacked B's carry the adapters' scaling, and bases leave out what no adapter spans.
    """
    common = common_cores(factors)
    inner = str(terms.shared["inner"])
    if inner in _ENTRYWISE:
        return common.factors(_ENTRYWISE[inner](common.cores, terms))
    return common.factors(_BY_SINGULAR_VECTORS[inner](common, terms))


def tsv(factors: Sequence[Factors], terms: Terms) -> Factors:
    """Return the Task Singular Vectors merge: singular vectors of all tasks, made orthogonal to each other.

    ΔWᵢ ≈ Uᵢ·Σᵢ·Vᵢᵀ, cut to ⌊min(rows, columns)/T⌋ values of each of T tasks; with U = [U₁ … U_T], V likewise and
    U⊥ = P·Qᵀ of U = P·D·Qᵀ: ΔW = U⊥·diag(c₁·Σ₁, …, c_T·Σ_T)·V⊥ᵀ.

    Reference: Gargiulo et al. 2024, Task singular vectors, arXiv:2412.00081 (TSV-Merge). The weights are
    ours. Directions that tasks share exactly, for which U⊥ is not unique, are shared out evenly: equal adapters of
    weight 1 give themselves.
    """
    common = common_cores(factors)
    return common.factors(_tsv(common, terms))


def iso_c(factors: Sequence[Factors], terms: Terms) -> Factors:
    """Return the isotropic merge in the common subspace: the sum of the task vectors with equal singular values.

    Σ cᵢ·ΔWᵢ = U·Σ·Vᵀ; ΔW = mean(Σ)·U·Vᵀ.

    Reference: Marczak et al. 2025, No task left behind (Iso-C), arXiv:2502.04959 The paper's matrices are
    full; of a sum of low rank, the mean is of those values that are not 0, for the others have no singular vectors.
    """
    common = common_cores(factors)
    return common.factors(_iso_c(common, terms))


def _tsv(common: Cores, terms: Terms) -> Tensor:
    size = min(common.left.columns.shape[0], common.right.columns.shape[0])
    kept = max(1, size // len(common.cores))
    lefts, values, rights = [], [], []
    for core, factor in zip(common.cores, task_arithmetic_coefficients(terms), strict=True):
        u, s, v = svd(core)
        lefts.append(u[:, :kept])
        values.append(factor * s[:kept])
        rights.append(v[:kept])
    return polar(torch.cat(lefts, dim=1)) * torch.cat(values) @ polar(torch.cat(rights, dim=0))


def _iso_c(common: Cores, terms: Terms) -> Tensor:
    coefficients = task_arithmetic_coefficients(terms)
    scaled = [c * core for core, c in zip(common.cores, coefficients, strict=True)]
    # what cancels leaves rounding of the size of what cancelled, which must not count as a direction
    scale = max(float(torch.linalg.matrix_norm(core)) for core in scaled)
    u, values, v = svd(torch.stack(scaled).sum(dim=0), scale=scale)
    return (u @ v) * (values.mean() if values.numel() else 0.0)


_ENTRYWISE: dict[str, Callable[[Sequence[Tensor], Terms], Tensor]] = {
    "task_arithmetic": task_arithmetic,
    "ties": ties,
}
_BY_SINGULAR_VECTORS: dict[str, Callable[[Cores, Terms], Tensor]] = {"tsv": _tsv, "iso_c": _iso_c}
