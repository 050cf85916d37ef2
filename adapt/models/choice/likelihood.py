"""How likely a model finds each candidate as the beginning of its answer: the prompt once, then all in a batch."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import PreTrainedModel

FIRST = 12  # tokens of a candidate that are weighed; what they leave open is rarely decided later
HELD = 32_000  # tokens of keys and values that are held at once: prompts times candidates


@dataclass(frozen=True)
class Likelihoods:
    """Two figures in nats for each candidate, and the token that the model would begin with by itself.

    `chosen` is log P(candidate) where only candidates are allowed: at each token, those that go on with none are left out,
    as decoding restricted to the candidates has it. `free` is the log-likelihood of its first tokens, nothing left out.
    """

    chosen: tuple[float, ...]
    free: tuple[float, ...]
    begins: int


def likelihoods(
    model: PreTrainedModel | Any, prompt: Sequence[int], candidates: Sequence[Sequence[int]]
) -> Likelihoods:
    """Return them for the first tokens of each candidate after a prompt, both as token ids."""
    starts = [list(candidate[:FIRST]) for candidate in candidates]
    device = model.device
    with torch.inference_mode():
        given = torch.tensor([list(prompt)], device=device)
        read = model(input_ids=given, use_cache=True, logits_to_keep=1)
        first = read.logits[0, -1].float().log_softmax(-1).cpu()
        rest = _after(model, read, len(prompt), starts)
    allowed: dict[tuple[int, ...], set[int]] = {}
    for start in starts:
        for length, token in enumerate(start):
            allowed.setdefault(tuple(start[:length]), set()).add(token)
    chosen, free = [], []
    for row, start in enumerate(starts):
        log_chosen = log_free = 0.0
        for length, token in enumerate(start):
            scores = first if length == 0 else rest[row, length - 1]
            log_free += float(scores[token])
            others = sorted(allowed[tuple(start[:length])])
            if len(others) > 1:
                log_chosen += float(scores[token] - scores[others].logsumexp(0))
        chosen.append(log_chosen)
        free.append(log_free)
    return Likelihoods(tuple(chosen), tuple(free), int(first.argmax()))


def _after(model: Any, read: Any, length: int, starts: Sequence[Sequence[int]]) -> torch.Tensor:
    """Return the log-probabilities after each token of each candidate but its last, shape [n, longest - 1, vocabulary]."""
    longest = max(map(len, starts)) - 1
    if longest < 1:
        return torch.zeros(len(starts), 0, 0)
    name = (
        "cache" if "cache" in read else "past_key_values"
    )  # as transformers called it before 5.23
    cache = read[name]
    rows = max(1, HELD // (length + longest))
    parts = []
    for start in range(0, len(starts), rows):
        part = [list(tokens[:longest]) for tokens in starts[start : start + rows]]
        ids = [[*tokens, *[0] * (longest - len(tokens))] for tokens in part]
        seen = [[1] * (length + len(tokens)) + [0] * (longest - len(tokens)) for tokens in part]
        # the cache grows with what it is used for, so that each part takes one of its own
        own_cache = cache if start + rows >= len(starts) else copy.deepcopy(cache)
        own_cache.batch_repeat_interleave(len(part))
        scores = model(
            input_ids=torch.tensor(ids, device=model.device),
            attention_mask=torch.tensor(seen, device=model.device),
            use_cache=True,
            **{name: own_cache},
        ).logits
        parts.append(scores.float().log_softmax(-1).cpu())
    return torch.cat(parts)
