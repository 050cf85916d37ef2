"""How the rows of a pass lie one after another, and attention that reads each row by itself.

transformers masks a packed pass as one square of all its tokens, whose cost grows with the square of their sum. Here each
row is a causal attention of its own, in the shape that it has in any pass, so its result does not depend on its company.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from peft import PeftModel
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

NAME = "adapt_rows"  # of the attention in transformers' table


@dataclass(frozen=True, eq=False)
class Pass:
    """The rows of one domain in a pass, one after another, shape [1, length], and how many tokens its step learns."""

    model: PeftModel
    inputs: Mapping[str, Tensor]
    items: Tensor | int | None

    @property
    def tokens(self) -> int:
        """Return how many tokens it holds."""
        return self.inputs["input_ids"].shape[1]

    @cached_property
    def lengths(self) -> list[int]:
        """Return how many tokens each row has; each begins at position 0."""
        starts = (self.inputs["position_ids"][0] == 0).nonzero().flatten().tolist()
        return [b - a for a, b in zip(starts, [*starts[1:], self.tokens], strict=True)]

    def rows(self) -> list["Pass"]:
        """Return a pass for each row."""
        names = ("input_ids", "position_ids", "labels")
        parts = {name: torch.split(self.inputs[name], self.lengths, 1) for name in names}
        return [
            Pass(self.model, {name: given[place] for name, given in parts.items()}, self.items)
            for place in range(len(self.lengths))
        ]


class Layout:
    """The passes that are under way together, and which tokens are whose."""

    def __init__(self, passes: Sequence[Pass] = ()) -> None:
        self.passes = passes
        self.lengths = [length for pass_ in passes for length in pass_.lengths]  # of each row


_under_way = [
    Layout()
]  # attention and layers are called by transformers, which hands nothing through


@contextmanager
def under_way(passes: Sequence[Pass]) -> Iterator[None]:
    """Let attention and layers know which passes they read."""
    _under_way.append(Layout(passes))
    try:
        yield
    finally:
        _under_way.pop()


def layout() -> Layout:
    """Return the passes that are under way."""
    return _under_way[-1]


def _mask(**given: Any) -> list[Tensor | None]:
    """Return each row's mask, as transformers makes it for a pass of that row alone; None where it is causal, no more."""
    masks: list[Tensor | None] = []
    start = 0
    for length in layout().lengths:
        own = {
            **given,
            "q_length": length, "kv_length": length, "q_offset": start, "kv_offset": start,
            "allow_is_causal_skip": True,
        }  # fmt: skip
        masks.append(sdpa_mask(**own))
        start += length
    return masks


def _attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Sequence[Tensor | None],
    **given: Any,
) -> tuple[Tensor, None]:
    """Return the attention of each row's tokens to themselves; query, key, value of shape [1, heads, length, width].

    Row by row: batches of rows of like lengths cost as much, for what is copied to make them.
    """
    split = (torch.split(tensor, layout().lengths, 2) for tensor in (query, key, value))
    parts = zip(*split, attention_mask, strict=True)
    outputs = [sdpa_attention_forward(module, q, k, v, mask, **given)[0] for q, k, v, mask in parts]
    return torch.cat(outputs, 1), None


AttentionInterface.register(NAME, _attention)
AttentionMaskInterface.register(NAME, _mask)
