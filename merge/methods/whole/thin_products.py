"""Products of thin factors, left·right, decomposed without ever forming the matrix that they stand for.

A QR of each thin stack, then an SVD of what is small; in fp64. Singular vectors get a fixed sign, so that the same
factors give the same bytes.
Not here: what is merged, and how (`merge.methods.whole.factored`); what is written (`merge.write.adapter`).
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

Factors = tuple[Tensor, Tensor]  # (rows, rank) and (rank, columns)
# Singular values below this share of the largest are rounding: fp64 computes to about 1e-15, and adapters are written
# in fp32 at best, whose step is 1e-7.
TOLERANCE = 1e-12


@dataclass(frozen=True)
class Basis:
    """An orthonormal basis, columns·turn, kept as two factors because the small one is cheap to multiply by.

    Attributes:
        columns: of shape (n, m), orthonormal.
        turn: of shape (m, k), orthonormal; k < m where the stack's rank is lower than its width.
    """

    columns: Tensor
    turn: Tensor

    def times(self, core: Tensor) -> Tensor:
        """Return basis·core, of shape (n, width of core)."""
        return self.columns @ (self.turn @ core)

    def outer(self, core: Tensor) -> Factors:
        """Return basis·core as (n, k) and (k, width), by the cheaper of two ways to share it out."""
        if self.turn.shape[0] == self.turn.shape[1]:
            return self.columns, self.turn @ core
        return self.columns @ self.turn, core


@dataclass(frozen=True)
class Cores:
    """Task vectors in common bases: ΔWᵢ = left·coreᵢ·rightᵀ, exactly.

    Attributes:
        left: of p columns of height `rows`.
        right: of q columns of height `columns`.
        cores: one matrix of shape (p, q) per task vector.
    """

    left: Basis
    right: Basis
    cores: tuple[Tensor, ...]

    def factors(self, core: Tensor) -> Factors:
        """Return left·core·rightᵀ as two factors whose rank is the smaller side of `core`."""
        if core.shape[0] <= core.shape[1]:
            left, core = self.left.outer(core)
            return left, self.right.times(core.T).T
        right, core = self.right.outer(core.T)
        return self.left.times(core.T), right.T


def common_cores(factors: Sequence[Factors]) -> Cores:
    """Return task vectors, given as factors of any ranks, in the bases that all of them share.

    With B = [B₁ … B_T] = U_B·S_B·P_B and A = [A₁; …; A_T] = P_A·S_A·V_Aᵀ, the bases are U_B and V_A, and
    coreᵢ = (U_Bᵀ·Bᵢ)·(Aᵢ·V_A), whose two parts are blocks of S_B·P_B and of P_A·S_A. Nothing is lost: the bases span all
    factors.

    Reference: Panariello et al. 2025, Core Space, arXiv:2509.17786 (reference bases, aligned cores).
    """
    ranks = [right.shape[0] for _, right in factors]
    left, of_left = _basis(torch.cat([left for left, _ in factors], dim=1))
    right, of_right = _basis(torch.cat([right for _, right in factors], dim=0).T)
    parts = zip(torch.split(of_left, ranks, 1), torch.split(of_right, ranks, 1), strict=True)
    return Cores(left, right, tuple(b @ a.T for b, a in parts))


def _basis(stack: Tensor) -> tuple[Basis, Tensor]:
    """Return the left singular vectors of a tall stack, and the stack in them, of shape (k, width)."""
    q, r = torch.linalg.qr(stack)
    u, values, v = svd(r)
    return Basis(q, u), values.unsqueeze(1) * v


def svd(matrix: Tensor, *, scale: float = 0.0) -> tuple[Tensor, Tensor, Tensor]:
    """Return U (m, k), the k singular values that are not 0, descending, and Vᵀ (k, n) of a small matrix.

    The entry of largest size in each column of U is positive; of equals, the first.

    Args:
        scale: the size of what the matrix was summed from; singular values that are rounding beside it are 0.
    """
    u, values, v = torch.linalg.svd(matrix, full_matrices=False)
    largest = max(scale, float(values[0])) if values.numel() else scale
    rank = int((values > TOLERANCE * largest).sum())
    u, v = _signed(u[:, :rank], v[:rank])
    return u, values[:rank], v


def _signed(u: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """Return pairs of singular vectors with the signs that do not depend on how they were computed."""
    if not u.numel():
        return u, v
    largest = u.gather(0, u.abs().argmax(dim=0, keepdim=True))
    sign = torch.where(largest < 0, -1.0, 1.0).to(u.dtype)
    return u * sign, v * sign.T


def polar(matrix: Tensor) -> Tensor:
    """Return P·Qᵀ of a matrix P·D·Qᵀ: the orthonormal matrix nearest to it (orthogonal Procrustes).

    Directions that the matrix lacks stay 0, where the choice would be arbitrary.
    """
    u, _, v = svd(matrix)
    return u @ v


@dataclass(frozen=True)
class Cost:
    """What a lower rank cost: squares of Frobenius norms, of what was left out and of all."""

    lost: float
    whole: float

    @property
    def error(self) -> float:
        """Return ‖left out‖ / ‖all‖; 0 where nothing was."""
        return math.sqrt(self.lost / self.whole) if self.lost else 0.0


def total_cost(costs: Iterable[Cost]) -> Cost:
    """Return the cost of several matrices, taken as one."""
    each = list(costs)
    return Cost(math.fsum(c.lost for c in each), math.fsum(c.whole for c in each))


def truncate(
    left: Tensor, right: Tensor, *, max_rank: int | None = None, max_error: float | None = None
) -> tuple[Tensor, Tensor, Cost]:
    """Return the best factors of a lower rank (Eckart-Young), with the singular values shared by both evenly.

    Factors that need no cut come back as they are. The rank is never more than a product of their shapes can have, and
    never less than 1.

    Args:
        max_rank: the largest rank allowed.
        max_error: the smallest rank is taken whose relative error is not above this; `max_rank` goes before it.
    """
    q_left, r_left = torch.linalg.qr(left)
    q_right, r_right = torch.linalg.qr(right.T)
    u, values, v = torch.linalg.svd(r_left @ r_right.T, full_matrices=False)
    squares = values.square()
    # what would be left out at each rank from 0 on; the smallest are added first, so that they are not lost
    tails = torch.cat([squares.flip(0).cumsum(0).flip(0), squares.new_zeros(1)])
    whole = float(tails[0])
    rank = values.numel()
    if max_error is not None:
        rank = int(torch.nonzero(tails <= max_error**2 * whole)[0])
    if max_rank is not None:
        rank = min(rank, max_rank)
    if rank >= left.shape[1]:
        return left, right, Cost(0.0, whole)
    rank = max(1, rank)
    u, v = _signed(u[:, :rank], v[:rank])
    root = values[:rank].sqrt()
    cost = Cost(float(tails[rank]), whole)
    return q_left @ (u * root), (root.unsqueeze(1) * v) @ q_right.T, cost
