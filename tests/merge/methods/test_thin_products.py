"""Factors of a lower rank: which rank is taken, what it costs, and how the singular values are shared, by hand."""

import math

import pytest
import torch
from torch import Tensor

from merge.methods.whole.thin_products import Cost, svd, total_cost, truncate

TURN = torch.linalg.qr(torch.arange(9, dtype=torch.float64).reshape(3, 3).sin()).Q


def factors() -> tuple[Tensor, Tensor]:
    """Return factors, of shapes (4, 3) and (3, 5), of a matrix with the singular values 4, 2 and 1."""
    left, right = torch.zeros(4, 3, dtype=torch.float64), torch.zeros(3, 5, dtype=torch.float64)
    left[[0, 1, 3], [0, 1, 2]] = torch.tensor([4.0, 2.0, 1.0], dtype=torch.float64)
    right[[0, 1, 2], [1, 4, 2]] = torch.tensor([1.0, -1.0, 1.0], dtype=torch.float64)
    return left @ TURN, TURN.T @ right


@pytest.mark.parametrize(
    ("limits", "rank", "lost"),
    [
        ({"max_rank": 2}, 2, 1.0),
        ({"max_rank": 1}, 1, 5.0),
        ({"max_rank": 0}, 1, 5.0),
        # of squares 16, 4 and 1: 1/21 and 5/21 of all are left out at ranks 2 and 1
        ({"max_error": math.sqrt(1 / 21) + 1e-9}, 2, 1.0),
        ({"max_error": math.sqrt(5 / 21) - 1e-9}, 2, 1.0),
        ({"max_error": math.sqrt(5 / 21) + 1e-9}, 1, 5.0),
        ({"max_error": 1.0}, 1, 5.0),
        ({"max_error": 0.3, "max_rank": 1}, 1, 5.0),
    ],
)
def test_the_rank_is_what_the_limits_allow_and_costs_the_squares_left_out(
    limits: dict[str, float], rank: int, lost: float
) -> None:
    left, right = factors()

    a, b, cost = truncate(left, right, **limits)  # type: ignore[arg-type]

    kept = torch.tensor([4.0, 2.0, 1.0], dtype=torch.float64)
    kept[rank:] = 0
    expected = torch.zeros(4, 5, dtype=torch.float64)
    expected[[0, 1, 3], [1, 4, 2]] = kept * torch.tensor([1, -1, 1])
    assert (a.shape, b.shape) == ((4, rank), (rank, 5))
    assert torch.allclose(a @ b, expected)
    assert (cost.lost, cost.whole) == pytest.approx((lost, 21.0))
    # both share the singular values evenly
    assert torch.allclose(a.square().sum(dim=0), kept[:rank])
    assert torch.allclose(b.square().sum(dim=1), kept[:rank])


@pytest.mark.parametrize("limits", [{}, {"max_rank": 3}, {"max_rank": 9}, {"max_error": 0.2}])
def test_factors_that_need_no_cut_are_the_same(limits: dict[str, float]) -> None:
    left, right = factors()

    a, b, cost = truncate(left, right, **limits)  # type: ignore[arg-type]

    assert a is left
    assert b is right
    assert cost.lost == 0
    assert cost.whole == pytest.approx(21.0)
    assert cost.error == 0


def test_the_cost_of_several_is_that_of_one() -> None:
    cost = total_cost([Cost(1.0, 21.0), Cost(3.0, 4.0)])

    assert cost == Cost(4.0, 25.0)
    assert cost.error == pytest.approx(0.4)


def test_singular_vectors_have_the_sign_of_their_largest_entry_and_rounding_is_no_direction() -> (
    None
):
    u, values, v = svd(torch.diag(torch.tensor([-3.0, 2.0, 1e-13], dtype=torch.float64)))

    assert values.tolist() == pytest.approx([3.0, 2.0])
    assert torch.allclose(u, torch.eye(3, dtype=torch.float64)[:, :2])
    assert torch.allclose(v, torch.tensor([[-1.0, 0, 0], [0, 1, 0]], dtype=torch.float64))
    assert svd(torch.diag(torch.tensor([1.0, 1e-13], dtype=torch.float64)))[1].tolist() == [1.0]
    # beside what cancelled to it, a direction may be rounding too
    assert svd(torch.eye(2, dtype=torch.float64), scale=1e13)[1].numel() == 0
    assert svd(torch.eye(2, dtype=torch.float64), scale=1e11)[1].numel() == 2
