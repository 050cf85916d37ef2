"""The shipped reader against the starter asked plainly."""

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from adapt.bases import find_base
from adapt.models import ModelRuntime
from adapt.reader import READ, ShippedReader
from adapt.workspace import Workspace

TEXTS = ["The office opens at nine.", "A refund takes five days.", "word " * 900]


@pytest.fixture
def reader(workspace: Workspace) -> ShippedReader:
    return ShippedReader(workspace)


def test_information_is_what_a_text_adds_to_the_likelihood_of_a_question(
    reader: ShippedReader, workspace: Workspace
) -> None:
    runtime = ModelRuntime(find_base("starter", workspace))
    tokens = runtime.tokenizer
    question = "When does the office open?"

    found = reader.information(question, TEXTS)

    asked = tokens(f" {question}", add_special_tokens=False)["input_ids"]

    def likelihood(before: str) -> float:
        read = tokens(before, add_special_tokens=False)["input_ids"][:READ] if before else []
        ids = torch.tensor([[tokens.eos_token_id, *read, *asked]])
        with runtime.active(None) as model:
            logits = model(input_ids=ids).logits[0]
        return -float(cross_entropy(logits[len(read) : -1], torch.tensor(asked), reduction="sum"))

    for value, text in zip(found, TEXTS, strict=True):
        assert value == pytest.approx(likelihood(text) - likelihood(""), abs=1e-3)
    assert found[0] > found[1] > found[2]
    assert reader.information(question, [""]) == [pytest.approx(0.0, abs=1e-4)]
    assert np.isfinite(reader.information("why " * 5000, TEXTS)).all()
