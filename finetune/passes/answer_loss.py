"""The loss of the answers in a pass, from the logits of those places alone that predict a token to learn.

trl's loss takes the logits of every place and sets those of the prompt aside; over a vocabulary of thousands that is a good
part of a step on a small base.
"""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from accelerate.utils import extract_model_from_parallel
from peft import PeftModel
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, pad
from transformers import PreTrainedModel

from finetune.tokens.examples import IGNORED

# a matrix product of fewer rows rounds otherwise than the same rows within a larger one (seen up to 11 rows on a CPU)
LEAST_ROWS = 16


@dataclass(frozen=True)
class Learned:
    """The places of a pass whose next token is learned in some row, [n], and those tokens, [rows, n], others `IGNORED`."""

    places: Tensor
    targets: Tensor

    @classmethod
    def of(cls, labels: Tensor) -> "Learned":
        """Find them from labels of shape [rows, length]; a few more are taken where there are less than `LEAST_ROWS`."""
        following = pad(labels[:, 1:], (0, 1), value=IGNORED)
        wanted = (following != IGNORED).any(dim=0)
        missing = min(LEAST_ROWS, labels.shape[1]) - int(wanted.sum())
        if missing > 0:
            others = (~wanted).nonzero().flatten()[:missing]
            wanted[others] = True
        places = wanted.nonzero().flatten()
        return cls(places, following[:, places])

    def loss(self, logits: Tensor, items: Tensor | int | None) -> Tensor:
        """Return the sum of the tokens' losses over `items`, unless given their number; a scalar, in nats.

        Args:
            logits: at the places, of shape [rows, n, vocabulary].
            items: how many tokens are learned in the whole step.
        """
        total = cross_entropy(
            logits.flatten(0, 1).float(),
            self.targets.flatten(),
            ignore_index=IGNORED,
            reduction="sum",
        )
        count = (self.targets != IGNORED).sum() if items is None else items
        return total / torch.as_tensor(count).clamp(min=1)


def answers_loss(
    model: nn.Module, inputs: Mapping[str, Tensor], items: Tensor | int | None
) -> Tensor:
    """Return the loss of a pass on its answers, from its inputs with `labels`; see `Learned.loss`."""
    learned = Learned.of(inputs["labels"])
    given = {name: tensor for name, tensor in inputs.items() if name != "labels"}
    return learned.loss(logits_at(model, learned.places, given), items)


def logits_at(model: nn.Module, places: Tensor, inputs: Mapping[str, Tensor]) -> Tensor:
    """Return the logits at some places of every row, shape [rows, n, vocabulary].

    Args:
        model: a causal language model, perhaps with an adapter.
        inputs: what its forward pass takes, without labels.
    """
    if "logits_to_keep" in inspect.signature(_innermost(model).forward).parameters:
        picked: Tensor = model(**inputs, use_cache=False, logits_to_keep=places).logits
        return picked
    logits: Tensor = model(**inputs, use_cache=False).logits
    return logits[:, places]


def _innermost(model: nn.Module) -> type[nn.Module]:
    """Return the class of the language model itself, below wrappers for adapters and devices."""
    known = isinstance(model, PeftModel | PreTrainedModel)  # asking takes 2 ms under a profiler
    whole: Any = model if known else extract_model_from_parallel(model)
    return type(whole.get_base_model() if isinstance(whole, PeftModel) else whole)
