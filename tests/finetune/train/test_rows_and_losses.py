"""Rows to keep, the drift on them, and the losses of preferences, by hand-computed values."""

import math

import pytest
import torch

from finetune.settings import SftSettings
from finetune.tokens.examples import EncodedRow
from finetune.tokens.preferences import EncodedPair, EncodedRating
from finetune.train.base_divergence import last_drift, pick, sample_rows
from finetune.train.preference_margins import losses_of


def test_rows_to_keep_are_their_share_of_an_epoch_and_repeat_where_they_are_few() -> None:
    rows = [EncodedRow((n,), (n,)) for n in range(3)]

    kept = [
        sample_rows(rows, learned, SftSettings(keep_share=share))
        for learned, share in ((12, 0.25), (1, 0.1), (3, 0.5))
    ]

    assert [len(sample) for sample in kept] == [4, 1, 3]
    assert sorted(row.input_ids[0] for row in kept[2]) == [0, 1, 2]
    assert kept[0][3] == kept[0][0]  # the fourth of three


def test_rows_of_a_batch_are_picked_by_flags() -> None:
    batch = {"a": torch.tensor([[1], [2], [3]]), "b": torch.tensor([4, 5, 6])}

    picked = pick(batch, torch.tensor([True, False, True]))

    assert {name: tensor.tolist() for name, tensor in picked.items()} == {
        "a": [[1], [3]],
        "b": [4, 6],
    }


def test_the_drift_at_the_end_is_the_mean_of_ten_steps() -> None:
    history = [{"drift": 100.0}, *({"drift": float(n)} for n in range(10)), {"loss": 1.0}]

    assert last_drift(history) == 4.5
    assert last_drift([{"loss": 1.0}]) is None


def test_a_loss_falls_where_a_margin_moved_as_it_should() -> None:
    pair = EncodedPair((1,), (2,), (3,))
    good, bad = (EncodedRating((1,), (2,), good=side) for side in (True, False))

    # -log sigmoid(x) = log(1 + e^-x)
    assert losses_of([0.0, 10.0, -10.0], [pair] * 3, beta=0.1) == pytest.approx(
        [math.log(2), math.log(1 + math.exp(-1)), math.log(1 + math.e)]
    )
    assert losses_of([2000.0, 2000.0], [good, bad], beta=0.5) == pytest.approx([0.0, 1000.0])
