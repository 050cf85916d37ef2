"""Losses of answers are those that transformers gives for the same labels, however rows are batched and padded."""

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, PreTrainedModel

from adapt.evaluation import likelihood
from adapt.evaluation.likelihood import IGNORED, AnswerRow, answer_logits, answer_losses

ROWS = [
    AnswerRow((5, 6, 7), (8, 9)),
    AnswerRow((5,), (6, 7, 8, 9, 10, 11)),
    AnswerRow((12, 13, 14, 15), (16,)),
]


@pytest.fixture(scope="module")
def model(tiny_folder: Path) -> PreTrainedModel:
    loaded: PreTrainedModel = AutoModelForCausalLM.from_pretrained(tiny_folder)
    return loaded


def by_transformers(model: PreTrainedModel, row: AnswerRow) -> float:
    ids, labels = torch.tensor([row.input_ids]), torch.tensor([row.labels])
    with torch.no_grad():
        return float(model(input_ids=ids, labels=labels).loss)


@pytest.mark.parametrize("most", [4096, 1])
def test_losses_are_those_of_transformers(
    model: PreTrainedModel, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(likelihood, "BATCH_TOKENS", most)

    found = answer_losses(model, ROWS, pad_id=0)

    assert found == pytest.approx([by_transformers(model, row) for row in ROWS], abs=1e-5)


def test_a_row_without_labels_has_no_loss_and_the_mode_stays(model: PreTrainedModel) -> None:
    model.train()
    try:
        assert answer_losses(model, [AnswerRow((5, 6), ()), ROWS[0]], pad_id=0)[0] == 0.0
        assert model.training
    finally:
        model.eval()


def test_logits_stand_before_the_tokens_that_they_predict(model: PreTrainedModel) -> None:
    with torch.no_grad():
        found = answer_logits(model, ROWS, pad_id=0)
        whole = [model(input_ids=torch.tensor([row.input_ids])).logits[0] for row in ROWS]

    wanted = [
        logits[place - 1]
        for row, logits in zip(ROWS, whole, strict=True)
        for place, label in enumerate(row.labels)
        if label != IGNORED
    ]
    assert torch.allclose(found, torch.stack(wanted), atol=1e-5)
