"""The dense methods, against mergekit's own functions on the models W + ΔWᵢ, and by their properties."""

import math
from collections.abc import Iterator

import pytest
import torch
from mergekit.merge_methods import merge_tensors
from torch import Tensor

from merge.methods.catalogue import SPECS
from merge.methods.terms import Terms
from merge.methods.whole.by_name import DENSE
from merge.methods.whole.dense import model_stock, nuslerp, sce, slerp
from merge.write.whole_tensor import one_thread

METHODS = {"sce": sce, "model_stock": model_stock, "slerp": slerp, "nuslerp": nuslerp}


@pytest.fixture(autouse=True)
def _in_one_thread() -> Iterator[None]:
    with one_thread():
        yield


def terms_of(weights: tuple[float, ...] = (1.0, 1.0), **shared: float | bool) -> Terms:
    return Terms(weights, shared=shared)


def draw(
    count: int, *, shape: tuple[int, ...] = (17, 23), size: float = 1.0, seed: int = 0
) -> tuple[list[Tensor], Tensor]:
    """Return task vectors that have something in common, and a base."""
    chance = torch.Generator().manual_seed(seed)
    base, shared, *own = (
        torch.randn(*shape, generator=chance, dtype=torch.float64) for _ in range(count + 2)
    )
    return [size * (shared + delta) for delta in own], base


def mergekit(
    method: str, deltas: list[Tensor], base: Tensor, parameters: dict[str, object]
) -> Tensor:
    """Return mergekit's ΔW for the models W + ΔWᵢ; of slerp, the first model is its base."""
    models = [base + delta for delta in deltas]
    tensors = models if method == "slerp" else [base, *models]
    return merge_tensors(tensors, method, parameters=parameters, base_index=0) - base


SETTINGS: dict[str, tuple[str, int, dict[str, float | bool]]] = {
    "sce": ("sce", 3, {}),
    "sce, a third of the entries": ("sce", 3, {"select_topk": 1 / 3}),
    "sce, two models": ("sce", 2, {"select_topk": 0.8}),
    "sce, nothing": ("sce", 3, {"select_topk": 0.0}),
    "model stock, two": ("model_stock", 2, {}),
    "model stock": ("model_stock", 4, {}),
    "model stock by rows": ("model_stock", 3, {"filter_wise": True}),
    "slerp": ("slerp", 2, {"t": 0.3}),
    "slerp, the first": ("slerp", 2, {"t": 0.0}),
    "slerp, the second": ("slerp", 2, {"t": 1.0}),
    "nuslerp": ("nuslerp", 2, {"nuslerp_flatten": True}),
    "nuslerp by rows": ("nuslerp", 2, {"nuslerp_flatten": False}),
    "nuslerp by columns": ("nuslerp", 2, {"nuslerp_flatten": False, "nuslerp_row_wise": True}),
}


@pytest.mark.parametrize("size", [2.0, 0.05, 1e-5])
@pytest.mark.parametrize("shape", [(17, 23), (29,)])
@pytest.mark.parametrize("what", SETTINGS)
def test_a_dense_method_is_mergekits_on_the_same_models(
    what: str, shape: tuple[int, ...], size: float
) -> None:
    method, count, shared = SETTINGS[what]
    deltas, base = draw(count, shape=shape, size=size)
    weights = (0.7, 0.4, 1.0, 1.0)[:count]
    own = {"weight": list(weights)} if method == "nuslerp" else {}

    ours = METHODS[method](deltas, base, terms_of(weights, **shared))

    theirs = mergekit(method, deltas, base, {**shared, **own})
    assert ours.shape == base.shape
    assert float((ours - theirs).abs().max()) < 1e-9 * size + 1e-13


@pytest.mark.parametrize("what", SETTINGS)
def test_an_adapter_that_leaves_the_weight_alone_counts_as_in_mergekit(what: str) -> None:
    method, count, shared = SETTINGS[what]
    deltas, base = draw(count, size=0.1)
    deltas[1] = torch.zeros_like(base)
    own = {"weight": [0.7, 0.4]} if method == "nuslerp" else {}

    ours = METHODS[method](deltas, base, terms_of((0.7, 0.4), **shared))

    assert torch.allclose(ours, mergekit(method, deltas, base, {**shared, **own}), atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("what", SETTINGS)
def test_a_dense_method_keeps_the_dtype_and_leaves_its_input_alone(
    what: str, dtype: torch.dtype
) -> None:
    method, count, shared = SETTINGS[what]
    deltas, base = draw(count)
    given = [delta.to(dtype) for delta in deltas]
    weight = base.to(dtype)

    merged = METHODS[method](given, weight, terms_of((0.5,) * count, **shared))

    assert merged.dtype == dtype
    assert weight.equal(base.to(dtype))
    assert all(a.equal(b.to(dtype)) for a, b in zip(given, deltas, strict=True))


@pytest.mark.parametrize("what", ["sce", "model stock, two", "slerp", "nuslerp"])
def test_adapters_that_are_the_same_give_themselves_densely(what: str) -> None:
    method, count, shared = SETTINGS[what]
    deltas, base = draw(1)

    merged = METHODS[method](deltas * count, base, terms_of((1.0,) * count, **shared))

    assert torch.allclose(merged, deltas[0], rtol=1e-12)


@pytest.mark.parametrize("what", [w for w in SETTINGS if w.startswith(("sce", "model"))])
def test_the_order_of_the_models_does_not_matter_densely(what: str) -> None:
    method, count, shared = SETTINGS[what]
    deltas, base = draw(count)
    terms = terms_of((1.0,) * count, **shared)

    merged = METHODS[method](deltas, base, terms)

    assert torch.allclose(METHODS[method](deltas[::-1], base, terms), merged, rtol=1e-12)


def test_model_stock_takes_the_ratio_of_the_angle() -> None:
    angle = math.pi / 3
    deltas = [torch.tensor([2.0, 0.0]), torch.tensor([3 * math.cos(angle), 3 * math.sin(angle)])]

    merged = model_stock(deltas, torch.ones(2), terms_of(filter_wise=False))

    ratio = 2 * 0.5 / (1 + 0.5)  # N = 2, cos θ = 1/2
    assert torch.allclose(merged, ratio * (deltas[0] + deltas[1]) / 2)


def test_model_stock_of_models_at_right_angles_or_opposite_is_the_base() -> None:
    x, y = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])

    for pair in ([x, y], [x, -x]):
        assert model_stock(pair, torch.ones(2), terms_of(filter_wise=False)).tolist() == [0, 0]


def test_slerp_of_whole_weights_at_a_right_angle_stays_on_the_circle() -> None:
    base = torch.zeros(2, dtype=torch.float64)
    deltas = [torch.tensor([2.0, 0.0]).double(), torch.tensor([0.0, 2.0]).double()]

    merged = slerp(deltas, base, terms_of(t=0.25))

    assert torch.allclose(
        merged, torch.tensor([2 * math.cos(math.pi / 8), 2 * math.sin(math.pi / 8)]).double()
    )


def test_nuslerp_of_weights_that_sum_to_zero_is_in_the_middle() -> None:
    deltas = [torch.tensor([2.0, 0.0]), torch.tensor([0.0, 2.0])]

    merged = nuslerp(deltas, torch.ones(2), terms_of((0.0, 0.0), nuslerp_flatten=True))

    assert torch.allclose(merged, torch.full((2,), math.sqrt(2.0)))


def test_sce_weighs_by_energy_and_erases_the_sign_in_the_minority() -> None:
    deltas = [torch.tensor([3.0, 1.0]), torch.tensor([-1.0, 1.0])]

    merged = sce(deltas, torch.zeros(2), terms_of(select_topk=1.0))

    # energies 5 and 1; at the first entry only the first model has the sign of the sum
    assert torch.allclose(merged, torch.tensor([3.0, (5 * 1 + 1 * 1) / 6]))


def test_sce_keeps_the_entries_that_vary_most_and_of_equals_the_first() -> None:
    deltas = [torch.tensor([1.0, 5.0, 1.0, 2.0, 0.0]), torch.tensor([2.0, 9.0, 2.0, 2.0, 0.0])]

    merged = sce(deltas, torch.zeros(5), terms_of(select_topk=0.67))

    # three entries vary, ⌊0.67·3⌋ = 2 are kept: the second, and the first of the two that vary less
    assert [bool(value) for value in merged] == [True, True, False, False, False]


def test_every_dense_method_has_its_function() -> None:
    named = {spec.name for spec in SPECS.values() if spec.space == "dense"}

    assert named == set(METHODS) == set(DENSE)


def test_a_model_of_zeros_stands_at_a_right_angle_to_any_other() -> None:
    (first, second), base = draw(2)
    first = -base

    merged = slerp([first, second], base, terms_of(t=0.5))

    # sin(45°) of each, of which the first is nothing
    assert torch.allclose(base + merged, math.sqrt(0.5) * (base + second))


@pytest.mark.parametrize(("second", "merged"), [(2.0, 1.25), (-1.0, 0.5)])
def test_between_task_vectors_of_one_direction_the_arc_is_a_line(
    second: float, merged: float
) -> None:
    delta = torch.tensor([0.0, 1.0, 0.0], dtype=torch.float64)

    arc = nuslerp(
        [delta, second * delta],
        torch.ones_like(delta),
        terms_of((0.75, 0.25), nuslerp_flatten=True),
    )

    assert arc.tolist() == pytest.approx([0.0, merged, 0.0])
