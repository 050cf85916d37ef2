"""Shows heads where to look: the targets of supervised attention, per sample and per batch, and their loss.

Answering from passages needs a chain of heads that small models did not find by themselves within 5M tokens. Each link is a place
to look at that is known from the text, so it is taught as one (as alignments were to translation models: Liu et al. 2016,
arXiv:1609.04186):

    layer 0 head 0        the token before
    layer 1 head 0        the beginning of the sentence that a passage's token stands in
    layer 1 head 1        the number of its passage
    layer 2 heads 0, 1    from a question's word to the same word in the sentence that answers
    layer 3 heads 0, 1    where an answer begins: those words of the question; the first token of all if nothing answers
    layer 4 heads 0, 1    where an answer quotes: the token to copy next, or the number to cite; the first token of all elsewhere
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

MATCH, GATHER, COPY = 2, 3, 4
HEADS = {
    0: 1,
    1: 2,
    MATCH: 2,
    GATHER: 2,
    COPY: 2,
}  # how many of a layer's first heads are shown where to look
KINDS = {
    "sentence": (1, 0),
    "number": (1, 1),
    "match": (MATCH, 0),
    "match too": (MATCH, 1),
    "gather": (GATHER, 0),
    "gather too": (GATHER, 1),
    "begin": (COPY, 0),
    "begin too": (COPY, 1),
    "copy": (COPY, 0),
    "copy too": (COPY, 1),
}


@dataclass
class Guide:
    """Targets in one sample: (token, token to look at)."""

    sentence: list[tuple[int, int]] = field(default_factory=list)
    number: list[tuple[int, int]] = field(default_factory=list)
    match: list[tuple[int, int]] = field(default_factory=list)
    gather: list[tuple[int, int]] = field(default_factory=list)
    begin: list[tuple[int, int]] = field(default_factory=list)
    copy: list[tuple[int, int]] = field(default_factory=list)


def collate_guides(guides: Sequence[Guide | None]) -> dict[str, Tensor]:
    """Return by kind the targets of a batch as [n, 3]: row, token, token to look at."""
    targets: dict[str, Tensor] = {}
    for kind in ("sentence", "number", "match", "gather", "begin", "copy"):
        rows = [
            (row, *target)
            for row, guide in enumerate(guides)
            if guide is not None
            for target in getattr(guide, kind)
        ]
        targets[kind] = torch.tensor(rows, dtype=torch.long).reshape(-1, 3)
    return targets


def guide_losses(looked: dict[int, Tensor], targets: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return by kind the mean of -log of the attention that falls on the target, from scores [rows, heads, length, length]."""
    losses: dict[str, Tensor] = {}
    scores = looked[0][:1, 0]  # one row of the batch says enough
    before = scores.float().log_softmax(-1).diagonal(offset=-1, dim1=-2, dim2=-1)
    losses["before"] = -before.mean()
    for kind, (layer, head) in KINDS.items():
        rows = targets[kind.split()[0]].to(scores.device)
        if len(rows):
            losses[kind] = -_attention(looked[layer][:, head], rows).mean()
    return losses


def _attention(scores: Tensor, rows: Tensor) -> Tensor:
    """Return the log of the attention on each target, [n]."""
    logs = scores[rows[:, 0], rows[:, 1]].float().log_softmax(-1)
    return logs.gather(1, rows[:, 2:3])[:, 0]
