"""The loss of answers, row by row, so that two models can be compared on the same rows."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from finetune.encoding import IGNORED, EncodedRow

BATCH_TOKENS = 4096


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
            for batch in _batches(rows):
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


def _batches(rows: Sequence[EncodedRow]) -> list[list[int]]:
    """Return indices in batches of like length, each below a number of padded tokens."""
    batches: list[list[int]] = []
    for index in sorted(range(len(rows)), key=lambda i: len(rows[i].input_ids)):
        length = len(rows[index].input_ids)
        if not batches or (len(batches[-1]) + 1) * length > BATCH_TOKENS:
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
