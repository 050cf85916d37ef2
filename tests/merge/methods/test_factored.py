"""The methods on factors, against the papers' formulas on full matrices in fp64."""

from collections.abc import Iterator

import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import Tensor

from merge.methods.catalogue import SPECS
from merge.methods.terms import Terms
from merge.methods.whole.by_name import FACTORED
from merge.methods.whole.factored import core_space, iso_c, knots, tsv
from merge.methods.whole.thin_products import Factors
from merge.write.whole_tensor import one_thread

METHODS = {"knots": knots, "core_space": core_space, "tsv": tsv, "iso_c": iso_c}
# (method, its inner method)
VARIANTS = [
    ("knots", "task_arithmetic"),
    ("knots", "ties"),
    ("core_space", "task_arithmetic"),
    ("core_space", "ties"),
    ("core_space", "tsv"),
    ("core_space", "iso_c"),
    ("tsv", ""),
    ("iso_c", ""),
]


@pytest.fixture(autouse=True)
def _in_one_thread() -> Iterator[None]:
    with one_thread():
        yield


def terms_of(
    weights: tuple[float, ...],
    *,
    inner: str = "",
    density: float = 1.0,
    lam: float = 1.0,
    normalize: bool = False,
) -> Terms:
    shared = {"lambda": lam, "normalize": normalize, "inner": inner}
    return Terms(weights, sources={"density": (density,) * len(weights)}, shared=shared)


def random_factors(
    *ranks: int, rows: int = 30, columns: int = 41, seed: int = 0, share: float = 0.0
) -> list[Factors]:
    """Return random factors; with `share`, all have that much of one common part."""
    chance = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=chance, dtype=torch.float64)

    left, right = draw(rows, max(ranks)), draw(max(ranks), columns)
    return [
        (draw(rows, r) + share * left[:, :r], draw(r, columns) + share * right[:r]) for r in ranks
    ]


def full(factors: Factors) -> Tensor:
    return factors[0] @ factors[1]


def run(method: str, factors: list[Factors], terms: Terms) -> Tensor:
    return full(METHODS[method](factors, terms))


def relative(ours: Tensor, reference: Tensor) -> float:
    return float(torch.linalg.matrix_norm(ours - reference) / torch.linalg.matrix_norm(reference))


def dense_ties(
    parts: list[Tensor], weights: tuple[float, ...], *, density: float, normalize: bool
) -> Tensor:
    """TIES by its definition on flat vectors: trim, elect, disjoint mean by weights."""
    trimmed = []
    for part, weight in zip(parts, weights, strict=True):
        flat = part.reshape(-1)
        keep = flat.abs().argsort(descending=True)[: max(1, int(density * flat.numel()))]
        mask = torch.zeros_like(flat)
        mask[keep] = 1
        trimmed.append(weight * flat * mask)
    stack = torch.stack(trimmed)
    elected = torch.where(stack.sum(dim=0) >= 0, 1.0, -1.0)
    agrees = stack.sign() == elected
    total = (stack * agrees).sum(dim=0)
    if normalize:
        divisor = (agrees * torch.tensor(weights, dtype=stack.dtype).unsqueeze(1)).sum(dim=0)
        total = total / torch.where(divisor == 0, 1.0, divisor)
    return total.reshape(parts[0].shape)


def dense_knots(
    deltas: list[Tensor], weights: tuple[float, ...], *, inner: str, density: float, normalize: bool
) -> Tensor:
    u, s, v = torch.linalg.svd(torch.cat(deltas, dim=1), full_matrices=False)
    rank = int((s > 1e-9 * s[0]).sum())
    parts = list(v[:rank].chunk(len(deltas), dim=1))
    if inner == "ties":
        merged = dense_ties(parts, weights, density=density, normalize=normalize)
    else:
        merged = sum(w * part for w, part in zip(weights, parts, strict=True))
        merged = merged / sum(weights) if normalize else merged
    return u[:, :rank] @ torch.diag(s[:rank]) @ merged


def dense_core_ties(
    factors: list[Factors], weights: tuple[float, ...], *, density: float
) -> Tensor:
    u = torch.linalg.svd(torch.cat([b for b, _ in factors], dim=1), full_matrices=False)[0]
    v = torch.linalg.svd(torch.cat([a for _, a in factors], dim=0), full_matrices=False)[2]
    cores = [u.T @ full(f) @ v.T for f in factors]
    return u @ dense_ties(cores, weights, density=density, normalize=False) @ v


def dense_tsv(deltas: list[Tensor], weights: tuple[float, ...]) -> Tensor:
    kept = min(deltas[0].shape) // len(deltas)
    parts = [torch.linalg.svd(delta, full_matrices=False) for delta in deltas]
    ranks = [min(kept, int(torch.linalg.matrix_rank(delta))) for delta in deltas]
    u = torch.cat([u[:, :k] for (u, _, _), k in zip(parts, ranks, strict=True)], dim=1)
    v = torch.cat([v[:k] for (_, _, v), k in zip(parts, ranks, strict=True)], dim=0)
    s = torch.cat([w * s[:k] for (_, s, _), k, w in zip(parts, ranks, weights, strict=True)])
    p, _, q = torch.linalg.svd(u, full_matrices=False)
    x, _, y = torch.linalg.svd(v, full_matrices=False)
    return p @ q @ torch.diag(s) @ x @ y


def dense_iso_c(deltas: list[Tensor], weights: tuple[float, ...]) -> Tensor:
    total = sum(w * delta for w, delta in zip(weights, deltas, strict=True))
    u, s, v = torch.linalg.svd(total, full_matrices=False)
    rank = int(torch.linalg.matrix_rank(total))
    return s[:rank].mean() * u[:, :rank] @ v[:rank]


CASES = {
    "two": ((4, 4), (0.8, -0.3)),
    "three of different ranks": ((2, 5, 3), (0.7, 0.5, -0.4)),
    "one": ((6,), (1.3,)),
    "more ranks than rows": ((14, 15, 9), (0.6, 0.9, -0.2)),
    "more than the matrix has": ((30, 35), (0.6, 0.9)),
}


@pytest.mark.parametrize("share", [0.0, 0.7])
@pytest.mark.parametrize("case", CASES)
def test_task_arithmetic_in_a_common_space_is_that_of_full_matrices(
    case: str, share: float
) -> None:
    ranks, weights = CASES[case]
    factors = random_factors(*ranks, share=share)
    reference = sum(w * full(f) for w, f in zip(weights, factors, strict=True))

    for method in ("core_space", "knots"):
        terms = terms_of(weights, inner="task_arithmetic", lam=0.5)
        assert relative(run(method, factors, terms), 0.5 * reference) < 1e-12


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("inner", ["ties", "task_arithmetic"])
@pytest.mark.parametrize("case", CASES)
def test_knots_is_the_svd_of_the_task_vectors_side_by_side(
    case: str, inner: str, normalize: bool
) -> None:
    ranks, weights = CASES[case]
    factors = random_factors(*ranks, share=0.4)
    deltas = [full(f) for f in factors]

    merged = run("knots", factors, terms_of(weights, inner=inner, density=0.6, normalize=normalize))

    density = 0.6
    reference = dense_knots(deltas, weights, inner=inner, density=density, normalize=normalize)
    assert relative(merged, reference) < 1e-9


@pytest.mark.parametrize("case", ["two", "three of different ranks", "one"])
def test_ties_in_core_space_elects_signs_of_the_cores(case: str) -> None:
    ranks, weights = CASES[case]
    factors = random_factors(*ranks, share=0.4)

    merged = run("core_space", factors, terms_of(weights, inner="ties", density=0.5))

    assert relative(merged, dense_core_ties(factors, weights, density=0.5)) < 1e-9


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("method", ["tsv", "core_space"])
def test_tsv_makes_the_singular_vectors_of_all_tasks_orthogonal(case: str, method: str) -> None:
    ranks, weights = CASES[case]
    factors = random_factors(*ranks, share=0.4)

    merged = run(method, factors, terms_of(weights, inner="tsv"))

    assert relative(merged, dense_tsv([full(f) for f in factors], weights)) < 1e-9


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("method", ["iso_c", "core_space"])
def test_iso_c_gives_the_sum_equal_singular_values(case: str, method: str) -> None:
    ranks, weights = CASES[case]
    factors = random_factors(*ranks, share=0.4)

    merged = run(method, factors, terms_of(weights, inner="iso_c"))

    assert relative(merged, dense_iso_c([full(f) for f in factors], weights)) < 1e-9


@pytest.mark.parametrize(("method", "inner"), [v for v in VARIANTS if "iso_c" not in v])
@given(seed=st.integers(0, 2**31))
@settings(max_examples=12, deadline=None)
def test_one_adapter_of_weight_one_gives_itself(method: str, inner: str, seed: int) -> None:
    factors = random_factors(5, seed=seed)

    merged = run(method, factors, terms_of((1.0,), inner=inner, normalize=True))

    assert relative(merged, full(factors[0])) < 1e-11


@pytest.mark.parametrize(("method", "inner"), [v for v in VARIANTS if "iso_c" not in v])
def test_adapters_that_are_the_same_give_themselves(method: str, inner: str) -> None:
    factors = random_factors(5) * 3
    has_mean = inner in ("ties", "task_arithmetic")  # sums otherwise, and tsv shares out
    terms = terms_of((1.0, 1.0, 1.0), inner=inner, normalize=has_mean)

    assert relative(run(method, factors, terms), full(factors[0])) < 1e-11


@pytest.mark.parametrize(("method", "inner"), VARIANTS)
@given(seed=st.integers(0, 2**31), order=st.permutations(range(3)))
@settings(max_examples=12, deadline=None)
def test_the_order_of_the_adapters_does_not_matter(
    method: str, inner: str, seed: int, order: list[int]
) -> None:
    factors = random_factors(4, 2, 5, seed=seed, share=0.5)
    weights = (0.9, 0.4, -0.3)
    terms = terms_of(weights, inner=inner, density=0.7)
    turned = terms_of(tuple(weights[i] for i in order), inner=inner, density=0.7)

    merged = run(method, factors, terms)

    assert relative(run(method, [factors[i] for i in order], turned), merged) < 1e-9


@pytest.mark.parametrize(("method", "inner"), VARIANTS)
@given(seed=st.integers(0, 2**31), size=st.sampled_from([1e-6, 0.5, 3.0, 1e5]))
@settings(max_examples=12, deadline=None)
def test_lambda_and_the_size_of_the_adapters_scale_the_result(
    method: str, inner: str, seed: int, size: float
) -> None:
    factors = random_factors(4, 3, seed=seed)
    larger = [(left * size, right) for left, right in factors]
    merged = run(method, factors, terms_of((0.8, -0.3), inner=inner))

    scaled = run(method, larger, terms_of((0.8, -0.3), inner=inner))
    lam = run(method, factors, terms_of((0.8, -0.3), inner=inner, lam=-size))

    assert relative(scaled, size * merged) < 1e-9
    assert relative(lam, -size * merged) < 1e-9


@pytest.mark.parametrize(("method", "inner"), [v for v in VARIANTS if "iso_c" not in v])
def test_adapters_in_orthogonal_spaces_are_added(method: str, inner: str) -> None:
    q, _ = torch.linalg.qr(torch.randn(30, 7, dtype=torch.float64))
    p, _ = torch.linalg.qr(torch.randn(41, 7, dtype=torch.float64))
    chance = torch.randn(7, dtype=torch.float64).exp()
    factors = [(q[:, :4] * chance[:4], p[:, :4].T), (q[:, 4:] * chance[4:], p[:, 4:].T)]

    merged = run(method, factors, terms_of((1.0, 1.0), inner=inner))

    assert relative(merged, full(factors[0]) + full(factors[1])) < 1e-11


@pytest.mark.parametrize(("method", "inner"), VARIANTS)
def test_how_a_task_vector_is_factored_matters_only_to_the_bases_of_core_space(
    method: str, inner: str
) -> None:
    factors = random_factors(4, 3)
    mixers = [torch.randn(r, r, dtype=torch.float64) for r in (4, 3)]
    turned = [
        (left @ m, torch.linalg.solve(m, right))
        for (left, right), m in zip(factors, mixers, strict=True)
    ]
    terms = terms_of((0.8, -0.3), inner=inner)

    difference = relative(run(method, turned, terms), run(method, factors, terms))

    assert (difference > 1e-3) if (method, inner) == ("core_space", "ties") else difference < 1e-9


@pytest.mark.parametrize(("method", "inner"), VARIANTS)
def test_the_same_call_gives_the_same_bytes_and_leaves_its_input_alone(
    method: str, inner: str
) -> None:
    factors = random_factors(4, 3, 6)
    before = [(left.clone(), right.clone()) for left, right in factors]
    terms = terms_of((0.8, -0.3, 0.5), inner=inner, density=0.5)

    first = METHODS[method](factors, terms)
    second = METHODS[method](factors, terms)

    assert all(a.equal(b) for a, b in zip(first, second, strict=True))
    assert all(a.equal(c) and b.equal(d) for (a, b), (c, d) in zip(factors, before, strict=True))


@pytest.mark.parametrize(("method", "inner"), VARIANTS)
def test_what_cancels_and_what_was_never_trained_is_zero(method: str, inner: str) -> None:
    factor = random_factors(4)[0]
    untrained = (torch.zeros_like(factor[0]), factor[1])

    nothing = run(method, [untrained, untrained], terms_of((1.0, 1.0), inner=inner))
    cancelled = run(method, [factor, factor], terms_of((1.0, -1.0), inner=inner))

    assert nothing.shape == (30, 41)
    assert not nothing.any()
    if inner != "ties":  # which elects one of two opposite signs
        assert float(cancelled.abs().max()) < 1e-12


@pytest.mark.parametrize(("method", "inner"), VARIANTS)
def test_the_rank_of_the_result_is_at_most_that_of_all_adapters_and_of_the_matrix(
    method: str, inner: str
) -> None:
    for ranks in ((3, 4), (20, 25)):
        left, right = METHODS[method](random_factors(*ranks), terms_of((0.5, 0.5), inner=inner))

        assert left.shape[1] == right.shape[0] <= min(sum(ranks), 30)


def test_every_method_on_factors_has_its_function() -> None:
    named = {spec.name for spec in SPECS.values() if spec.space == "factors"}

    assert named == set(METHODS) == set(FACTORED)
