"""Rows to keep, the drift on them, and the losses of preferences, by hand-computed values."""

import math
from pathlib import Path

import pytest
import torch
from peft import get_peft_model
from torch import nn
from transformers import AutoModelForCausalLM

from finetune.settings import SftSettings
from finetune.tokens.examples import EncodedRow
from finetune.tokens.preferences import EncodedPair, EncodedRating
from finetune.train.base_divergence import last_drift, pick, sample_rows
from finetune.train.lora import lora_config
from finetune.train.preference_margins import PreferencesHeldOut, judge, losses_of, margins


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


PAIRS = [EncodedPair((5, 6), (7, 8, 9), (10,)), EncodedPair((5, 6), (10,), (7, 8, 9))]
RATINGS = [EncodedRating((5, 6), (7, 8), good=good) for good in (True, False)]


def adapter(folder: Path, *, trained: bool) -> nn.Module:
    """Return the tiny base with a new adapter, which changes nothing, or with one that changes every answer."""
    model = get_peft_model(AutoModelForCausalLM.from_pretrained(folder), lora_config(SftSettings()))
    generator = torch.Generator().manual_seed(0)
    for name, weight in model.named_parameters():
        if trained and "lora_B" in name:
            weight.data = torch.randn(weight.shape, generator=generator) * 0.1
    return model


def test_of_two_turned_pairs_one_is_preferred_and_each_sides_margin_is_its_own(
    tiny_folder: Path,
) -> None:
    model = adapter(tiny_folder, trained=True)
    now = margins(model, PAIRS, pad_id=0)

    judged = judge(model, PAIRS, pad_id=0, beta=0.5)

    assert judged.answers is not None
    before, after = judged.answers
    assert (before.task, before.metric, before.outputs) == ("held-out", "chosen preferred", ())
    assert after.values == tuple(float(margin > 0) for margin in now)
    assert sorted(after.values) == sorted(before.values) == [0.0, 1.0]
    with model.disable_adapter():  # type: ignore[operator]
        reference = margins(model, PAIRS, pad_id=0)
    moved = [a - b for a, b in zip(now, reference, strict=True)]
    assert abs(moved[0]) > 0.01
    expected = [math.log1p(math.exp(-0.5 * move)) for move in moved]
    assert judged.losses == ((math.log(2), math.log(2)), pytest.approx(tuple(expected)))
    heldout = PreferencesHeldOut(PAIRS, 0, 0.5)
    assert heldout.loss(model) == pytest.approx(sum(expected) / 2)


def test_of_a_good_and_a_bad_rating_of_one_answer_just_one_moves_the_right_way(
    tiny_folder: Path,
) -> None:
    judged = judge(adapter(tiny_folder, trained=True), RATINGS, pad_id=0, beta=0.5)

    assert judged.answers is not None
    before, after = judged.answers
    assert (after.task, after.metric) == ("held-out", "moved the right way")
    assert before.values == (0.5, 0.5)
    assert sorted(after.values) == [0.0, 1.0]
    good, bad = judged.losses[1]
    assert (good < math.log(2) < bad) == (after.values == (1.0, 0.0))


def test_a_new_adapter_has_moved_nothing(tiny_folder: Path) -> None:
    judged = judge(adapter(tiny_folder, trained=False), RATINGS, pad_id=0, beta=0.5)

    assert judged.answers is not None
    assert judged.answers[1].values == (0.0, 0.0)
    assert judged.losses[1] == pytest.approx((math.log(2), math.log(2)))
