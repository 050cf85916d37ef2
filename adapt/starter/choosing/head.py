"""Learns `adapt.models.choice.match.MatchHead`: a map of tokens by which the right sentence matches its question best."""

import random
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from adapt.models.choice.match import MatchHead

Vectors = npt.NDArray[np.float32]
# a question's tokens, each candidate's, and which answers
Sample = tuple[Vectors, Sequence[Vectors], int]

WIDTH = 384
RANK = 48
DROPOUT = 0.2
WEIGHT_DECAY = 0.1
RATE = 1e-3
BATCH = 16
WARM_UP = 50  # steps


class _Head(nn.Module):
    """The trainable form of `MatchHead`."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = nn.Linear(WIDTH, RANK, bias=False)
        self.told = nn.Linear(WIDTH, RANK, bias=False)
        self.asked_whole = nn.Linear(WIDTH, RANK, bias=False)
        self.told_whole = nn.Linear(WIDTH, RANK, bias=False)
        for first, second in ((self.asked, self.told), (self.asked_whole, self.told_whole)):
            nn.init.normal_(first.weight, std=0.05)
            second.weight.data.copy_(first.weight.data)  # begins as a measure of likeness
        self.weight_asked = nn.Linear(WIDTH, 1)
        self.weight_told = nn.Linear(WIDTH, 1)
        for layer in (self.weight_asked, self.weight_told):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
        self.scales = nn.Parameter(torch.tensor([10.0, 3.0, 2.0]))
        self.drop = nn.Dropout(DROPOUT)

    def forward(self, question: Tensor, tokens: Tensor, segments: Tensor, count: int) -> Tensor:
        """Return a score for each candidate, shape [count]; tokens have length 1."""
        dropped = self.drop(tokens)
        near = question @ tokens.T + self.asked(self.drop(question)) @ self.told(dropped).T
        index = segments[None].expand(near.shape)
        best = torch.full((len(question), count), -1e4).scatter_reduce(1, index, near, "amax")
        counts = self.weight_asked(question).sigmoid()
        matched = (counts * best).sum(0) / counts.sum()
        weighted = self.weight_told(dropped).exp() * tokens
        whole = nn.functional.normalize(
            torch.zeros(count, WIDTH).index_add(0, segments, weighted), dim=-1
        )
        asked = nn.functional.normalize((counts * question).sum(0), dim=-1)
        mapped = self.told_whole(self.drop(whole)) @ self.asked_whole(self.drop(asked))
        result: Tensor = self.scales @ torch.stack([matched, whole @ asked, mapped])
        return result

    def frozen(self) -> MatchHead:
        """Return what it has learned."""

        def array(parameter: Tensor) -> Vectors:
            return np.asarray(parameter.detach().numpy(), np.float32)

        def joined(layer: nn.Linear) -> Vectors:
            return np.concatenate([array(layer.weight)[0], array(layer.bias)])

        return MatchHead(
            asked=array(self.asked.weight),
            told=array(self.told.weight),
            asked_whole=array(self.asked_whole.weight),
            told_whole=array(self.told_whole.weight),
            weight_asked=joined(self.weight_asked),
            weight_told=joined(self.weight_told),
            scales=array(self.scales),
        )


def learn(
    draw: Callable[[random.Random], Sequence[Callable[[], Sample | None]]],
    *,
    epochs: int,
    seed: int,
    report: Callable[[int, float], None] = lambda _epoch, _loss: None,
) -> MatchHead:
    """Return a head that was trained by the cross entropy of the right candidate among all of its question.

    Args:
        draw: gives the samples of an epoch, each made when it is called; one that is None is left out.
        report: gets each epoch's number and mean loss.
    """
    torch.manual_seed(seed)
    rng = random.Random(f"head:{seed}")
    head = _Head()
    optimiser = torch.optim.AdamW(head.parameters(), lr=RATE, weight_decay=WEIGHT_DECAY)
    step = 0
    for epoch in range(epochs):
        samples = list(draw(rng))
        rng.shuffle(samples)
        steps = epochs * len(samples) // BATCH
        losses = []
        for start in range(0, len(samples) - BATCH + 1, BATCH):
            drawn = [draw_sample() for draw_sample in samples[start : start + BATCH]]
            kept = [_loss(head, sample) for sample in drawn if sample is not None]
            if not kept:
                continue
            step += 1
            for group in optimiser.param_groups:
                group["lr"] = RATE * min(1.0, step / WARM_UP) * max(0.0, 1 - step / (steps + 1))
            loss = torch.stack(kept).mean()
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch's
            optimiser.step()
            losses.append(float(loss.detach()))
        report(epoch, float(np.mean(losses)))
    return head.eval().frozen()


def _loss(head: _Head, sample: Sample) -> Tensor:
    question, texts, right = sample
    counts = torch.tensor([len(states) for states in texts])
    segments = torch.repeat_interleave(torch.arange(len(texts)), counts)
    tokens = torch.from_numpy(np.concatenate(texts).astype(np.float32))
    scores = head(torch.from_numpy(question.astype(np.float32)), tokens, segments, len(texts))
    return nn.functional.cross_entropy(scores[None], torch.tensor([right]))
