"""How likely a model finds the answers that were wanted: loss per row, smooth where right and wrong answers jump.

The prompt is rendered as at chat time; the loss is on the answer and on what the template ends it with. Every comparison of
models takes its losses here: of a training with its base, of a merge with its parents, of one trial with another.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import PreTrainedTokenizerBase

from adapt.models.rendering import defuse, encode, render
from adapt.records import Example

BATCH_TOKENS = 4096  # of a forward pass, padding included
# Logits of a pass, in fp32 twice or thrice at once: 4,096 tokens of Qwen's 151,936 would take 2.5 GB each time.
BATCH_LOGITS = 2**27
IGNORED = -100  # the label of a token that is not learned, as transformers has it


class LabelledRow(Protocol):
    """A row of tokens, and what is to be predicted at each place: a token, or `IGNORED`."""

    @property
    def input_ids(self) -> Sequence[int]:
        """Return the tokens."""
        ...

    @property
    def labels(self) -> Sequence[int]:
        """Return the labels, as many as tokens."""
        ...


@dataclass(frozen=True)
class AnswerRow:
    """Tokens of a prompt and of its answer."""

    prompt: tuple[int, ...]
    answer: tuple[int, ...]

    @property
    def input_ids(self) -> tuple[int, ...]:
        """Return the tokens of both."""
        return (*self.prompt, *self.answer)

    @property
    def length(self) -> int:
        """Return how many tokens both have."""
        return len(self.prompt) + len(self.answer)

    @property
    def labels(self) -> tuple[int, ...]:
        """Return the answer's tokens, each at its own place."""
        return (*(IGNORED,) * len(self.prompt), *self.answer)


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
    model: nn.Module, rows: Sequence[LabelledRow], *, pad_id: int
) -> tuple[float, ...]:
    """Return the mean negative log-likelihood per labelled token of each row, in nats; 0 for a row without labels.

    The model's mode is left as it was.
    """
    training = model.training
    model.eval()
    losses = [0.0] * len(rows)
    try:
        # not in inference mode: what a model keeps of a pass may be needed in training
        with torch.no_grad():
            for batch in batches(rows, most_tokens(model)):
                for index, loss in zip(
                    batch, _losses(model, [rows[i] for i in batch], pad_id), strict=True
                ):
                    losses[index] = loss
    finally:
        model.train(training)
    return tuple(losses)


def _losses(model: nn.Module, rows: Sequence[LabelledRow], pad_id: int) -> list[float]:
    logits = answer_logits(model, rows, pad_id=pad_id)
    # the logits at a place predict the token at the next
    wanted = [[label for label in row.labels[1:] if label != IGNORED] for row in rows]
    tokens = torch.tensor([t for row in wanted for t in row], dtype=torch.long)
    loss = cross_entropy(logits.float(), tokens.to(logits.device), reduction="none")
    parts = torch.split(loss, [len(row) for row in wanted])
    return [float(part.sum()) / max(1, len(part)) for part in parts]


def most_tokens(model: nn.Module) -> int:
    """Return how many tokens a pass may have, by the size of the vocabulary."""
    config: Any = model.config
    return min(BATCH_TOKENS, BATCH_LOGITS // int(config.get_text_config().vocab_size))


def answer_logits(model: nn.Module, rows: Sequence[LabelledRow], *, pad_id: int) -> Tensor:
    """Return the logits before each labelled token, row after row, of shape [tokens, vocabulary].

    The vocabulary is long and most tokens are the prompts', so the head gets the hidden states before answers alone.
    """
    inputs, mask, labels = pad(rows, pad_id)
    device = next(model.parameters()).device
    before = (labels[:, 1:] != IGNORED).to(device)

    def keep(_head: nn.Module, args: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return (args[0][:, :-1][before], *args[1:])

    language_model: Any = model
    head: nn.Module = language_model.get_output_embeddings()
    hook = head.register_forward_pre_hook(keep)
    try:
        logits: Tensor = model(
            input_ids=inputs.to(device), attention_mask=mask.to(device), use_cache=False
        ).logits
    finally:
        hook.remove()
    # a model may project by itself and not call its head
    return logits if logits.dim() == 2 else logits[:, :-1][before]


def batches(rows: Sequence[LabelledRow], most: int = BATCH_TOKENS) -> list[list[int]]:
    """Return indices in batches of like length, each of at most so many padded tokens, or of one row."""
    groups: list[list[int]] = []
    for index in sorted(range(len(rows)), key=lambda i: len(rows[i].input_ids)):
        length = len(rows[index].input_ids)
        if not groups or (len(groups[-1]) + 1) * length > most:
            groups.append([])
        groups[-1].append(index)
    return groups


def pad(rows: Sequence[LabelledRow], pad_id: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return ids, mask and labels of shape [batch, longest], padded on the right."""
    longest = max(len(row.input_ids) for row in rows)
    gaps = [longest - len(row.input_ids) for row in rows]
    pairs = list(zip(rows, gaps, strict=True))
    inputs = torch.tensor([[*row.input_ids, *[pad_id] * gap] for row, gap in pairs])
    mask = torch.tensor([[1] * len(row.input_ids) + [0] * gap for row, gap in pairs])
    labels = torch.tensor([[*row.labels, *[IGNORED] * gap] for row, gap in pairs])
    return inputs, mask, labels
