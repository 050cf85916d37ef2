"""The loss of answers, row by row, so that two models can be compared on the same rows."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from finetune.tokens.examples import IGNORED, EncodedRow

BATCH_TOKENS = 4096
# Logits of a pass, in fp32 twice or thrice at once: 4,096 tokens of Qwen's 151,936 would take 2.5 GB each time.
BATCH_LOGITS = 2**27


def answer_losses(model: nn.Module, rows: Sequence[EncodedRow], *, pad_id: int) -> list[float]:
    """Return the mean negative log-likelihood per learned token of each row, in nats.

    The model's mode is left as it was.
    """
    device = next(model.parameters()).device
    training = model.training
    model.eval()
    losses = [0.0] * len(rows)
    try:
        with torch.no_grad():
            for batch in _batches(rows, _most_tokens(model)):
                inputs, mask, labels = _pad([rows[i] for i in batch], pad_id)
                logits = model(
                    input_ids=inputs.to(device), attention_mask=mask.to(device), use_cache=False
                ).logits
                # the logits at a place predict the token at the next
                loss = nn.functional.cross_entropy(
                    logits[:, :-1].float().transpose(1, 2),
                    labels[:, 1:].to(device),
                    ignore_index=IGNORED,
                    reduction="none",
                )
                counts = (labels[:, 1:] != IGNORED).sum(1).clamp(min=1).to(device)
                for index, value in zip(batch, (loss.sum(1) / counts).tolist(), strict=True):
                    losses[index] = value
    finally:
        model.train(training)
    return losses


def _most_tokens(model: nn.Module) -> int:
    """Return how many tokens a pass may have, by the size of the vocabulary."""
    config: Any = model.config
    return min(BATCH_TOKENS, BATCH_LOGITS // int(config.get_text_config().vocab_size))


def _batches(rows: Sequence[EncodedRow], most: int) -> list[list[int]]:
    """Return indices in batches of like length, each of at most so many padded tokens, or of one row."""
    batches: list[list[int]] = []
    for index in sorted(range(len(rows)), key=lambda i: len(rows[i].input_ids)):
        length = len(rows[index].input_ids)
        if not batches or (len(batches[-1]) + 1) * length > most:
            batches.append([])
        batches[-1].append(index)
    return batches


def _pad(rows: Sequence[EncodedRow], pad_id: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return ids, mask and labels of shape [batch, longest], padded on the right."""
    longest = max(len(row.input_ids) for row in rows)
    gaps = [longest - len(row.input_ids) for row in rows]
    pairs = list(zip(rows, gaps, strict=True))
    inputs = torch.tensor([[*row.input_ids, *[pad_id] * gap] for row, gap in pairs])
    mask = torch.tensor([[1] * len(row.input_ids) + [0] * gap for row, gap in pairs])
    labels = torch.tensor([[*row.labels, *[IGNORED] * gap] for row, gap in pairs])
    return inputs, mask, labels
