"""Losses of answers are those that transformers gives for the same labels, however rows are batched and padded."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, PreTrainedModel, PreTrainedTokenizerFast

from adapt.evaluation import likelihood
from adapt.evaluation.likelihood import (
    IGNORED,
    AnswerRow,
    answer_logits,
    answer_losses,
    batches,
    encode_answers,
    most_tokens,
)
from adapt.records import Example, Message
from tests.tiny import tiny_tokenizer

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
        assert answer_losses(model, [AnswerRow((5, 6), ())], pad_id=0) == (0.0,)
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


class OwnProjection(nn.Module):
    """A model that names a head and does not call it."""

    def __init__(self, inner: PreTrainedModel) -> None:
        super().__init__()
        self.inner = inner
        self.unused = nn.Linear(1, 1)

    def get_output_embeddings(self) -> nn.Module:
        return self.unused

    def forward(self, **inputs: Tensor) -> Any:
        return self.inner(**inputs)


def test_a_model_that_projects_by_itself_gives_the_same_logits(model: PreTrainedModel) -> None:
    with torch.no_grad():
        found = answer_logits(OwnProjection(model), ROWS, pad_id=0)

        assert torch.allclose(found, answer_logits(model, ROWS, pad_id=0), atol=1e-5)


def test_batches_are_of_like_length_and_hold_no_more_than_allowed() -> None:
    rows = [AnswerRow((1,) * length, ()) for length in (3, 1, 2, 2)]

    assert batches(rows, 4) == [[1, 2], [3], [0]]
    assert batches(rows, 9) == [[1, 2, 3], [0]]
    assert batches(rows, 1) == [[1], [2], [3], [0]]


@pytest.mark.parametrize(("vocabulary", "tokens"), [(400, 4096), (32_768, 4096), (151_936, 883)])
def test_a_pass_of_a_large_vocabulary_has_fewer_tokens(
    model: PreTrainedModel, vocabulary: int, tokens: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model.config, "vocab_size", vocabulary)

    assert most_tokens(model) == tokens


def texts(
    tokenizer: PreTrainedTokenizerFast, example: Example, context_length: int = 512
) -> tuple[str, str]:
    [row] = encode_answers(tokenizer, [example], context_length=context_length)
    return tokenizer.decode(row.prompt), tokenizer.decode(row.answer)


ASKED = Example((Message("user", "Open?"), Message("assistant", "At <|end|> 8:00.")))


def test_a_row_is_the_prompt_as_in_a_chat_and_the_answer_with_what_ends_it() -> None:
    assert texts(tiny_tokenizer(), ASKED) == (
        "<|user|>\nOpen?<|end|><|assistant|>\n",
        "At < |end|> 8:00.<|end|>",
    )


def test_white_space_after_the_end_of_an_answer_is_not_learned() -> None:
    tokenizer = tiny_tokenizer()
    opened = "{% if add_generation_prompt or messages[-1]['role'] == 'assistant' %}"
    tokenizer.chat_template = (
        "{{ messages[0]['content'] + '\\n' }}" + opened + "{{ 'Answer:' }}{% endif %}"
        "{% if messages[-1]['role'] == 'assistant' %}{{ ' yes' + eos_token + '\\n' }}{% endif %}"
    )

    assert texts(tokenizer, ASKED) == ("Open?\nAnswer:", " yes<|end|>")


def test_where_a_template_writes_answers_otherwise_the_end_of_sequence_ends_them() -> None:
    tokenizer = tiny_tokenizer()
    tokenizer.chat_template = "{% if add_generation_prompt %}Answer:{% endif %}"

    assert texts(tokenizer, ASKED) == ("Answer:", "At < |end|> 8:00.<|end|>")


def test_plain_text_begins_with_the_token_of_the_beginning_or_else_of_the_end() -> None:
    plain = Example((Message("assistant", "Open <|end|> at 8:00."),), plain=True)
    begins = tiny_tokenizer()
    begins.add_special_tokens({"bos_token": "<|user|>"})

    assert texts(tiny_tokenizer(), plain) == ("<|end|>", "Open < |end|> at 8:00.")
    assert texts(begins, plain) == ("<|user|>", "Open < |end|> at 8:00.")


def test_of_what_is_too_long_the_answer_loses_its_end_and_the_prompt_its_beginning() -> None:
    tokenizer = tiny_tokenizer()
    [whole] = encode_answers(tokenizer, [ASKED], context_length=512)
    short = Example((Message("user", "Open? " * 20), Message("assistant", "8")))

    [cut] = encode_answers(tokenizer, [ASKED], context_length=9)
    [row] = encode_answers(tokenizer, [short], context_length=12)

    assert cut == AnswerRow(whole.prompt[-5:], whole.answer[:4])
    assert (len(row.answer), row.length) == (2, 12)
