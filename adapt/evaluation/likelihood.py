"""How likely a model finds the answers that were wanted: loss per row, smooth where right and wrong answers jump.

The prompt is rendered as at chat time; the loss is on the answer and on what the template ends it with.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from peft import PeftModel
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from adapt.models.rendering import defuse, encode, render
from adapt.records import Example

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
            chosen = [rows[i] for i in batch]
            logits = answer_logits(model, chosen, pad_id=pad_id)
            wanted = torch.tensor([t for row in chosen for t in row.answer], dtype=torch.long)
            loss = cross_entropy(logits.float(), wanted.to(logits.device), reduction="none")
            sizes = [len(row.answer) for row in chosen]
            for index, part in zip(batch, torch.split(loss, sizes), strict=True):
                losses[index] = float(part.sum()) / max(1, len(part))
    return tuple(losses)


def answer_logits(
    model: PreTrainedModel | PeftModel, rows: Sequence[AnswerRow], *, pad_id: int
) -> Tensor:
    """Return the logits before each token of the rows' answers, row after row, of shape [tokens, vocabulary].

    The vocabulary is long and most tokens are the prompts', so the head gets the hidden states before answers alone.
    """
    inputs, mask, labels = pad(rows, pad_id)
    before = (labels[:, 1:] != IGNORED).to(model.device)

    def keep(_head: nn.Module, args: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return (args[0][:, :-1][before], *args[1:])

    head: nn.Module = model.get_output_embeddings()
    hook = head.register_forward_pre_hook(keep)
    try:
        logits: Tensor = model(
            input_ids=inputs.to(model.device), attention_mask=mask.to(model.device), use_cache=False
        ).logits
    finally:
        hook.remove()
    # a model may project by itself and not call its head
    return logits if logits.dim() == 2 else logits[:, :-1][before]


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
