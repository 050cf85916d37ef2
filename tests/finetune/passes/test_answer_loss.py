"""The training loss is that of transformers for the same labels, without and with the number of tokens of a step."""

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, PreTrainedModel

from finetune.passes.answer_loss import LEAST_ROWS, answers_loss
from finetune.tokens.examples import IGNORED


def batch(*rows: tuple[int, int]) -> dict[str, torch.Tensor]:
    """Return inputs of rows of so many prompt and answer tokens each, padded on the right."""
    draw = torch.Generator().manual_seed(1)
    longest = max(sum(row) for row in rows)
    ids = torch.randint(5, 300, (len(rows), longest), generator=draw)
    labels, mask = ids.clone(), torch.ones_like(ids)
    for place, (prompt, answer) in enumerate(rows):
        labels[place, :prompt] = IGNORED
        labels[place, prompt + answer :] = IGNORED
        mask[place, prompt + answer :] = 0
    return {"input_ids": ids, "attention_mask": mask, "labels": labels}


SHAPES = {
    "one": [(3, 4)],
    "unequal": [(3, 4), (6, 1), (1, 2)],
    "long": [(5, LEAST_ROWS + 9), (20, 3)],
    "last token alone": [(7, 1)],
}


@pytest.fixture(scope="module")
def model(tiny_folder: Path) -> PreTrainedModel:
    loaded: PreTrainedModel = AutoModelForCausalLM.from_pretrained(tiny_folder)
    return loaded


@pytest.mark.parametrize("shape", SHAPES)
def test_the_loss_is_that_of_transformers(model: PreTrainedModel, shape: str) -> None:
    inputs = batch(*SHAPES[shape])
    count = int((inputs["labels"][:, 1:] != IGNORED).sum())

    with torch.no_grad():
        expected = float(model(**inputs).loss)
        alone = float(answers_loss(model, inputs, None))
        of_a_step = float(answers_loss(model, inputs, 3 * count))

    assert alone == pytest.approx(expected, abs=1e-5)
    assert of_a_step == pytest.approx(expected / 3, abs=1e-5)


def test_the_gradients_are_those_of_transformers(tiny_folder: Path) -> None:
    inputs = batch(*SHAPES["unequal"])
    gradients = []
    for ours in (True, False):
        model = AutoModelForCausalLM.from_pretrained(tiny_folder)
        loss = answers_loss(model, inputs, None) if ours else model(**inputs).loss
        loss.backward()
        gradients.append(
            torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])
        )

    assert torch.allclose(*gradients, atol=1e-5)
    assert gradients[0].abs().max() > 1e-3
