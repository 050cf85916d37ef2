"""The nearest vectors through eight bits are those of a scan in float32, whatever the vectors are."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, strategies as st

from adapt.errors import WorkspaceError
from retrieval.index import vectors as module
from retrieval.index.k_largest import best, border
from retrieval.index.vectors import NearVectors, dot_products, encode, nearest, save

Vectors = npt.NDArray[np.float32]


def opened(folder: Path, vectors: Vectors) -> NearVectors:
    folder.mkdir()
    save(folder, vectors)
    return NearVectors(folder)


def drawn(kind: str, count: int, size: int, seed: int = 0) -> Vectors:
    """Return vectors that are easy or hard to tell apart by eight bits."""
    draw = np.random.default_rng(seed)
    vectors = draw.standard_normal((count, size)).astype(np.float32)
    if kind == "alike":  # all within what rounding takes away
        vectors = vectors[:1] + np.float32(1e-4) * vectors
    if kind == "spiked":  # one place so large that the others round to nothing
        vectors[:, 0] = 1_000
    if kind == "few":  # many that are equal
        vectors = vectors[draw.integers(0, min(7, count), count)]
    if kind == "zeros":
        vectors[::3] = 0
    if kind == "unequal":
        vectors *= np.float32(10.0) ** draw.integers(-6, 6, (count, 1))
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors if kind in {"zeros", "unequal"} else vectors / lengths


KINDS = ["plain", "alike", "spiked", "few", "zeros", "unequal"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [1, 5, 3_000])
def test_the_nearest_are_those_of_a_whole_scan(kind: str, count: int, tmp_path: Path) -> None:
    vectors = drawn(kind, count, 48)
    part = opened(tmp_path / "s", vectors)
    for seed in range(5):
        question = drawn("plain", 1, 48, seed=100 + seed)[0]
        exact = dot_products(vectors, question)
        first = np.sort(np.argsort(-exact, kind="stable")[:20])

        assert nearest([part], question, [None], 20)[0].tolist() == first.tolist()


@pytest.mark.parametrize("kind", KINDS)
def test_no_estimate_is_further_off_than_it_says(kind: str, tmp_path: Path) -> None:
    vectors = drawn(kind, 2_000, 48)
    part = opened(tmp_path / "s", vectors)
    for other in KINDS:
        question = drawn(other, 4, 48, seed=9)[3]
        exact = vectors.astype(np.float64) @ question.astype(np.float64)

        estimates, error = part.estimates(*encode(question[None]))

        assert np.abs(estimates - exact).max() <= error


def test_the_nearest_is_found_where_rounding_takes_all_that_the_bound_allows(
    tmp_path: Path,
) -> None:
    """Codes lose as much as they may, in the direction of the question: for one vector, and against another.

    The question is its own code, so the bound is |e|·|q|. By the codes the second vector is nearer by almost twice that.
    """
    question = np.array([127.0, 127.0, 0.0, 0.0], np.float32)
    lost = np.array([0.49, 0.49, 0.0, 0.0])
    third = np.array([0.0, 0.0, 127.0, 0.0])  # of both vectors, so that both have the scale 1
    nearer = third + np.array([50.0, 50.0, 0.0, 0.0]) + lost
    further = third + np.array([51.0, 50.0, 0.0, 0.0]) - lost
    vectors = np.stack([further, nearer]).astype(np.float32)
    codes, scales = encode(question[None])
    part = opened(tmp_path / "s", vectors)
    estimates, error = part.estimates(codes, scales)
    exact = vectors.astype(np.float64) @ question.astype(np.float64)

    assert exact[1] > exact[0]
    assert 0.9 * error < estimates[0] - estimates[1] < 2 * error  # half of the bound would lose it
    assert [rows.tolist() for rows in nearest([part], question, [None], 1)] == [[1]]


def test_segments_and_masks_count_as_one_index_of_what_they_let_through(tmp_path: Path) -> None:
    vectors = drawn("few", 1_200, 32)
    cut = [(0, 700), (700, 703), (703, 1_200)]
    parts = [opened(tmp_path / str(start), vectors[start:end]) for start, end in cut]
    mask = np.random.default_rng(4).random(1_200) < 0.3
    question = drawn("plain", 1, 32, seed=8)[0]
    exact = np.where(mask, dot_products(vectors, question), -np.inf)
    first = np.sort(np.argsort(-exact, kind="stable")[:50])

    nearest_rows = nearest(parts, question, [mask[start:end] for start, end in cut], 50)

    rows = np.concatenate(
        [rows + start for rows, (start, _) in zip(nearest_rows, cut, strict=True)]
    )
    assert rows.tolist() == first.tolist()


def test_what_no_mask_lets_through_is_never_found(tmp_path: Path) -> None:
    part = opened(tmp_path / "s", drawn("plain", 40, 16))
    mask = np.zeros(40, np.bool_)
    mask[[3, 9]] = True

    assert nearest([part], drawn("plain", 1, 16, 5)[0], [mask], 10)[0].tolist() == [3, 9]
    assert nearest([part], drawn("plain", 1, 16, 5)[0], [~mask & mask], 10)[0].tolist() == []


def test_few_vectors_are_compared_in_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = drawn("plain", 20_000, 128)
    part = opened(tmp_path / "s", vectors)
    compared: list[int] = []

    def counted(some: Vectors, vector: Vectors) -> Vectors:
        compared.append(len(some))
        return dot_products(some, vector)

    monkeypatch.setattr(module, "dot_products", counted)
    nearest([part], drawn("plain", 1, 128, 3)[0], [None], 20)

    assert sum(compared) < 400


def test_equal_vectors_have_equal_similarities_wherever_they_stand() -> None:
    vectors = np.repeat(drawn("plain", 1, 384), 1_001, axis=0)

    assert len(set(dot_products(vectors, drawn("plain", 1, 384, 2)[0]).tolist())) == 1


def test_codes_give_back_what_they_say_they_lost() -> None:
    vectors = drawn("unequal", 300, 24)
    codes, scales = encode(vectors)

    lost = np.linalg.norm(
        vectors.astype(np.float64) - codes * scales[0].astype(np.float64)[:, None], axis=1
    )
    assert (lost <= scales[1]).all()
    assert np.abs(codes).max() == 127


@pytest.mark.parametrize("name", ["vectors-0.npy", "codes-0.npy", "scales-0.npy"])
def test_a_damaged_file_is_one_sentence(name: str, tmp_path: Path) -> None:
    opened(tmp_path / "s", drawn("plain", 30, 16))
    file = tmp_path / "s" / name
    file.write_bytes(file.read_bytes()[:40])

    with pytest.raises(WorkspaceError, match=rf"{name}: the index cannot be used"):
        NearVectors(tmp_path / "s")


def test_files_of_two_segments_are_refused(tmp_path: Path) -> None:
    opened(tmp_path / "s", drawn("plain", 30, 16))
    opened(tmp_path / "other", drawn("plain", 31, 16))
    (tmp_path / "other" / "codes-0.npy").rename(tmp_path / "s" / "codes-0.npy")

    with pytest.raises(WorkspaceError, match="do not belong together"):
        NearVectors(tmp_path / "s")


@given(
    st.lists(st.lists(st.integers(-3, 3), max_size=60), max_size=3),
    st.integers(1, 12),
)
def test_the_best_are_those_that_sorting_finds(given: list[list[int]], count: int) -> None:
    scores = [np.array(array, np.float32) for array in given]
    flat = [
        (-score, place, at)
        for place, numbers in enumerate(given)
        for at, score in enumerate(numbers)
    ]
    expected = sorted(flat)[:count]

    chosen = best(scores, count)

    rows = [(place, at) for place, places in enumerate(chosen) for at in places.tolist()]
    assert rows == sorted((place, at) for _, place, at in expected)
    assert border(scores, count) == (-expected[-1][0] if len(flat) >= count else -np.inf)


def test_the_best_of_many_are_found_without_sorting_all() -> None:
    scores = np.random.default_rng(1).random(10_007).astype(np.float32)
    scores[::5] = 0.5

    chosen = best([scores], 100)[0]

    assert chosen.tolist() == sorted(np.argsort(-scores, kind="stable")[:100].tolist())
