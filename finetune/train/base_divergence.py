"""Rows to keep: text on which the adapted model has to predict what its base predicts.

An adapter that has seen its own task alone does it to every input: it spoils what the base can, and two such adapters undo
each other when they are merged. So a part of each step is other text, the other domains' rows for instance, and the loss
there is the divergence from the base, which is the same model with its adapter switched off. What the rows answer is only
read, never learned.

References: Li and Hoiem 2016, Learning without Forgetting, arXiv:1606.09282; Hinton et al. 2015, arXiv:1503.02531.
"""

import random
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from accelerate.utils import extract_model_from_parallel
from torch import Tensor, nn
from torch.nn.functional import kl_div

from finetune.settings import SftSettings
from finetune.tokens.examples import IGNORED, EncodedRow

LAST = 10  # steps over which the drift at the end is averaged


def sample_rows(
    rows: Sequence[EncodedRow], learned: int, settings: SftSettings
) -> list[EncodedRow]:
    """Return rows to keep for an epoch with so many rows to learn; drawn by the seed, repeated where they are too few."""
    wanted = max(round(learned * settings.keep_share / (1 - settings.keep_share)), 1)
    order = list(rows)
    random.Random(settings.seed).shuffle(order)  # noqa: S311  a seeded draw
    return [order[place % len(order)].to_keep() for place in range(wanted)]


def kept_rows(labels: Tensor) -> Tensor:
    """Return which rows of a batch hold nothing to learn, shape [batch], from labels of shape [batch, length]."""
    return labels.eq(IGNORED).all(dim=1)


def pick(inputs: Mapping[str, Tensor], rows: Tensor) -> dict[str, Tensor]:
    """Return some rows of a batch; `rows` are flags of shape [batch]."""
    return {name: tensor[rows] for name, tensor in inputs.items()}


def drift_from_base(model: nn.Module, inputs: Mapping[str, Tensor]) -> Tensor:
    """Return KL(base ‖ adapted) of the next token, in nats, averaged over all tokens of a batch; a scalar.

    Args:
        model: a peft model, perhaps wrapped for several devices; its base is itself with the adapter off.
    """
    batch = {"input_ids": inputs["input_ids"], "attention_mask": inputs["attention_mask"]}
    peft: Any = extract_model_from_parallel(model)
    with torch.no_grad(), peft.disable_adapter():
        base = model(**batch, use_cache=False).logits.float().log_softmax(-1)
    adapted = model(**batch, use_cache=False).logits.float().log_softmax(-1)
    divergence = kl_div(adapted, base, log_target=True, reduction="none").sum(-1)
    mask = batch["attention_mask"].to(divergence.dtype)
    return (divergence * mask).sum() / mask.sum()


def last_drift(history: Sequence[Mapping[str, float]]) -> float | None:
    """Return the mean drift over the last steps of a trainer's history, None where there were no rows to keep."""
    drifts = [entry["drift"] for entry in history if "drift" in entry][-LAST:]
    return sum(drifts) / len(drifts) if drifts else None
