"""Distillation: the merged weights that answer rows of each adapter's domain as that adapter alone does, by gradient.

It begins with what `merge.fit.regmean` found and takes steps of AdamW on every weight that an adapter changes, down

    Σ wᵢ·KL(pᵢ ‖ p) / Σ wᵢ

over the tokens of the answers to a few rows of each domain, where pᵢ are the probabilities under base and adapter i, and p
those of the merged model. Of pᵢ the `KEPT` likeliest tokens are kept, and the others as one. Answers are read, not learned:
where an adapter is wrong, so is the merge.

References: Hinton et al. 2015, Distilling the knowledge in a neural network, arXiv:1503.02531; Xu et al. 2025, ProDistill,
arXiv:2502.12706, which distils into a merged model layer by layer; Yang et al. 2022, arXiv:2203.03466, table 8: Adam's
steps on hidden matrices in inverse proportion to the width.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from adapt.errors import ModelError
from adapt.evaluation.likelihood import AnswerRow, answer_logits, batches, encode_answers
from adapt.protocols import Progress, no_progress
from adapt.records import ProgressEvent
from merge.check.resolve import Resolved
from merge.fit.domains import Domain
from merge.fit.swapped_model import SwappedModel, merger_of
from merge.methods.terms import Terms, TermsOf
from merge.methods.trial import one_adapter
from merge.weights.delta_tensors import DTYPES

KEPT = 64  # of an adapter's probabilities for a token
ROWS = 8  # of each domain in a step
MOST_TOKENS = 1 << 17  # of a domain: more rows are not read
WIDTH = 256  # of the model that `learning_rate` is for
WARMUP = 0.05  # share of the steps
BETAS = (0.9, 0.99)
LONGEST_GRADIENT = 1.0
LEAST = 1e-6  # probability of all tokens that are not kept, so that its logarithm is finite


@dataclass(frozen=True)
class Taught:
    """Rows of a domain, and what its adapter predicts for each token of their answers, as far as it was asked.

    Attributes:
        likely: by the place of a row the log-probabilities of the likeliest tokens, of shape [tokens of the answer, kept],
            and which those are.
    """

    rows: Sequence[AnswerRow]
    likely: dict[int, tuple[Tensor, Tensor]] = field(default_factory=dict)


class Distiller:
    """Distils a recipe's adapters into a base in memory; no adapter is asked about a row twice."""

    def __init__(
        self, resolved: Resolved, swapped: SwappedModel, domains: Sequence[Domain]
    ) -> None:
        """Take the rows of each adapter's domain as tokens; each has some (`merge.fit.regmean` refuses others)."""
        self._resolved = resolved
        self._swapped = swapped
        self._pad = int(swapped.runtime.tokenizer.pad_token_id)
        self._taught = [Taught(self._encoded(i, domains)) for i in range(len(resolved.adapters))]

    def weights(
        self, start: Mapping[str, Tensor], terms: TermsOf, *, progress: Progress = no_progress
    ) -> dict[str, Tensor]:
        """Return the merged weights by name, rounded to the output's dtype.

        The same start, rows and terms give the same on one machine with as many threads.

        Args:
            start: weights by name, to begin with.

        Raises:
            ModelError: the steps were too large, and no number came out.
        """
        names = [tensor.record.name for tensor in self._swapped.changed]
        chosen = terms(names[0])  # of all: none of them varies over tensors
        if not any(chosen.weights):
            return dict(start)
        steps, seed = int(chosen.number("steps")), int(chosen.number("seed"))
        counted = [i for i, weight in enumerate(chosen.weights) if weight]
        drawn = {i: _drawn(len(self._taught[i].rows), steps, seed=seed + i) for i in counted}
        for done, place in enumerate(counted):
            progress(ProgressEvent("distill", done, len(counted), "what the adapters say"))
            self._ask(place, {row for step in drawn[place] for row in step})
        masters = {name: start[name].float().clone() for name in names}
        with self._swapped.holding(start), self._learning(names) as learned:
            self._descend(masters, learned, drawn, chosen, progress)
        dtypes = {t.record.name: DTYPES[t.record.dtype] for t in self._swapped.changed}
        return {name: weight.to(dtypes[name]) for name, weight in masters.items()}

    def _descend(
        self,
        masters: Mapping[str, Tensor],
        learned: Sequence[nn.Parameter],
        drawn: Mapping[int, Sequence[Sequence[int]]],
        terms: Terms,
        progress: Progress,
    ) -> None:
        """Change the masters, which are kept in float32, step by step; the model's own weights follow them."""
        steps = int(terms.number("steps"))
        shares = {i: terms.weights[i] / sum(terms.weights) for i in drawn}
        width = int(self._swapped.model.config.get_text_config().hidden_size)
        highest = terms.number("learning_rate") * WIDTH / width
        optimizer = torch.optim.AdamW(masters.values(), lr=highest, betas=BETAS, weight_decay=0.0)
        for step in range(steps):
            apart = sum(
                share * self._step(self._taught[i], drawn[i][step], share)
                for i, share in shares.items()
            )
            if not math.isfinite(apart):
                raise ModelError(
                    f"distill: no number came out at step {step + 1} of {steps}; use a smaller learning_rate"
                )
            for master, parameter in zip(masters.values(), learned, strict=True):
                master.grad = parameter.grad.to(master) if parameter.grad is not None else None
                parameter.grad = None
            nn.utils.clip_grad_norm_(masters.values(), LONGEST_GRADIENT)
            for group in optimizer.param_groups:
                group["lr"] = highest * pace(step, steps)
            optimizer.step()
            with torch.no_grad():
                for master, parameter in zip(masters.values(), learned, strict=True):
                    parameter.copy_(master)
            progress(ProgressEvent("distill", step + 1, steps, f"{apart:.3f} nats apart"))

    def _step(self, taught: Taught, drawn: Sequence[int], share: float) -> float:
        """Add a domain's share of the gradient, and return how far it is from its adapter, in nats per token."""
        total = sum(len(taught.rows[i].answer) for i in drawn)
        apart = 0.0
        rows = [taught.rows[i] for i in drawn]
        for part in batches(rows):
            places = [drawn[i] for i in part]
            logits = answer_logits(self._swapped.model, [rows[i] for i in part], pad_id=self._pad)
            likely, tokens = (
                torch.cat([taught.likely[i][of] for i in places]).to(logits.device) for of in (0, 1)
            )
            loss = divergence(logits, likely, tokens).sum() / total
            torch.autograd.backward(share * loss)
            apart += float(loss.detach())
        return apart

    def _encoded(self, place: int, domains: Sequence[Domain]) -> list[AnswerRow]:
        """Return the rows of an adapter, as many as are read."""
        runtime = self._swapped.runtime
        rows: list[AnswerRow] = []
        read = 0
        every = [e for d in domains if d.adapter == place for e in d.task.examples]
        for row in encode_answers(runtime.tokenizer, every, context_length=runtime.context_length):
            if rows and read + row.length > MOST_TOKENS:
                break
            rows.append(row)
            read += row.length
        return rows

    def _ask(self, place: int, wanted: Iterable[int]) -> None:
        """Keep what an adapter alone predicts for the wanted rows of its domain."""
        taught = self._taught[place]
        missing = sorted(set(wanted) - taught.likely.keys())
        rows = [taught.rows[i] for i in missing]
        alone = one_adapter(place, of=len(self._resolved.adapters))
        merger = merger_of(self._resolved, alone)
        with self._swapped.merged(merger), torch.no_grad():
            for part in batches(rows):
                logits = answer_logits(
                    self._swapped.model, [rows[i] for i in part], pad_id=self._pad
                )
                log_probs = logits.float().log_softmax(-1)
                top = log_probs.topk(min(KEPT, log_probs.shape[-1]), dim=-1)
                sizes = [len(rows[i].answer) for i in part]
                pairs = zip(
                    torch.split(top.values.cpu(), sizes),
                    torch.split(top.indices.cpu(), sizes),
                    strict=True,
                )
                taught.likely.update(zip((missing[i] for i in part), pairs, strict=True))

    @contextmanager
    def _learning(self, names: Sequence[str]) -> Iterator[list[nn.Parameter]]:
        """Yield the parameters of these names, which alone collect gradients meanwhile."""
        every = list(self._swapped.model.parameters())
        before = [parameter.requires_grad for parameter in every]
        learned = [self._swapped.parameter(name) for name in names]
        try:
            for parameter in every:
                parameter.requires_grad_(False)
            for parameter in learned:
                parameter.requires_grad_(True)
            yield learned
        finally:
            for parameter, needed in zip(every, before, strict=True):
                parameter.grad = None
                parameter.requires_grad_(needed)


def divergence(logits: Tensor, likely: Tensor, tokens: Tensor) -> Tensor:
    """Return KL(pᵢ ‖ p) in nats for each token, of shape [tokens].

    Args:
        logits: of the model that learns, of shape [tokens, vocabulary].
        likely: log-probabilities of the kept tokens under its teacher, of shape [tokens, kept].
        tokens: which those are.
    """
    learned = logits.float().log_softmax(-1).gather(1, tokens)
    shares = likely.exp()
    rest = (1 - shares.sum(1)).clamp_min(LEAST)
    rest_learned = (1 - learned.exp().sum(1)).clamp_min(LEAST)
    return (shares * (likely - learned)).sum(1) + rest * (rest.log() - rest_learned.log())


def pace(step: int, steps: int) -> float:
    """Return the share of the learning rate at a step: up in a line, down by half a cosine."""
    warm = min(1.0, (step + 1) / max(1.0, WARMUP * steps))
    return warm * 0.5 * (1 + math.cos(math.pi * step / steps))


def _drawn(count: int, steps: int, *, seed: int) -> list[list[int]]:
    """Return places of rows, `ROWS` for each step or all that there are; each row once before any comes again."""
    draw = torch.Generator().manual_seed(seed)
    size = min(ROWS, count)
    places: list[int] = []
    while len(places) < steps * size:
        places += torch.randperm(count, generator=draw).tolist()
    return [places[start : start + size] for start in range(0, steps * size, size)]
