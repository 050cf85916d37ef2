"""How likely a model finds the answers that were wanted: loss per row, smooth where right and wrong answers jump.

The prompt is rendered as at chat time; the loss is on the answer and on what the template ends it with.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from peft import PeftModel
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from adapt.records import Example
from adapt.rendering import defuse, encode, render

BATCH_TOKENS = 4096  # of a forward pass, padding included
IGNORED = -100


@dataclass(frozen=True)
class AnswerRow:
    """Tokens of a prompt and of its answer."""

    prompt: tuple[int, ...]
    answer: tuple[int, ...]

    @property
    def length(self) -> int:
        """Return how many tokens both have."""
        return len(self.prompt) + len(self.answer)


def encode_answers(
    tokenizer: PreTrainedTokenizerBase, examples: Sequence[Example], *, context_length: int
) -> list[AnswerRow]:
    """Return each example as tokens; where both are too long the answer loses its end, the prompt its beginning."""
    rows = []
    for example in examples:
        prompt, answer = _texts(tokenizer, example)
        answer_ids = encode(tokenizer, answer)[: context_length // 2]
        prompt_ids = encode(tokenizer, prompt) or [int(tokenizer.eos_token_id)]
        room = context_length - len(answer_ids)
        rows.append(AnswerRow(tuple(prompt_ids[-room:]), tuple(answer_ids)))
    return rows


def _texts(tokenizer: PreTrainedTokenizerBase, example: Example) -> tuple[str, str]:
    """Return the rendered prompt, and the answer with what ends it."""
    if example.plain:
        return str(tokenizer.bos_token or ""), defuse(tokenizer, example.answer)
    opening = render(tokenizer, example.prompt, add_generation_prompt=True)
    whole = render(tokenizer, example.messages, add_generation_prompt=False)
    if whole.startswith(opening):
        return opening, whole[len(opening) :].rstrip()
    # a template may open an answer otherwise than it writes one that is there
    return opening, f"{defuse(tokenizer, example.answer)}{tokenizer.eos_token}"


def answer_losses(
    model: PreTrainedModel | PeftModel, rows: Sequence[AnswerRow], *, pad_id: int
) -> tuple[float, ...]:
    """Return the mean negative log-likelihood per token of each row's answer, in nats."""
    losses = [0.0] * len(rows)
    with torch.inference_mode():
        for batch in batches(rows):
            inputs, mask, labels = pad([rows[i] for i in batch], pad_id)
            device = model.device
            logits = model(
                input_ids=inputs.to(device), attention_mask=mask.to(device), use_cache=False
            ).logits
            wanted = labels[:, 1:].to(device)
            learned = wanted != IGNORED
            # at the answers alone: the vocabulary is long, and most tokens are the prompts'
            loss = cross_entropy(logits[:, :-1][learned].float(), wanted[learned], reduction="none")
            place = learned.nonzero()[:, 0]
            sums = torch.zeros(len(batch), device=device).index_add_(0, place, loss)
            for index, total in zip(batch, sums.tolist(), strict=True):
                losses[index] = total / max(1, len(rows[index].answer))
    return tuple(losses)


def batches(rows: Sequence[AnswerRow]) -> list[list[int]]:
    """Return indices in batches of like length, each below a number of padded tokens."""
    found: list[list[int]] = []
    for index in sorted(range(len(rows)), key=lambda i: rows[i].length):
        if not found or (len(found[-1]) + 1) * rows[index].length > BATCH_TOKENS:
            found.append([])
        found[-1].append(index)
    return found


def pad(rows: Sequence[AnswerRow], pad_id: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return ids, mask and labels of shape [batch, longest], padded on the right."""
    longest = max(row.length for row in rows)
    inputs, mask, labels = [], [], []
    for row in rows:
        gap = longest - row.length
        inputs.append([*row.prompt, *row.answer, *[pad_id] * gap])
        mask.append([1] * row.length + [0] * gap)
        labels.append([*[IGNORED] * len(row.prompt), *row.answer, *[IGNORED] * gap])
    return torch.tensor(inputs), torch.tensor(mask), torch.tensor(labels)
