"""The training loop over the batch stream within a budget of minutes or tokens, with checkpoints and exports."""

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import LlamaForCausalLM

from adapt.starter.recipe.attention.guides import COPY, HEADS, guide_losses
from adapt.starter.recipe.training.batches import Batch, Stream
from adapt.starter.recipe.training.copying import CopyProbe
from adapt.starter.recipe.training.files import (
    RunProgress,
    export_model,
    load_checkpoint,
    save_checkpoint,
)
from adapt.starter.recipe.training.forward import Passed, forward
from adapt.starter.recipe.training.optimise import Optimisers, schedule

NAMED = 512  # tokens of a batch, about
BEGINNING = RunProgress(step=0, pool=0, index=0, tokens=0, seconds=0.0)


@dataclass(frozen=True)
class TrainSettings:
    """Knobs of the loop. `tokens` set: the schedule follows tokens and a run repeats exactly; else it follows time."""

    minutes: float
    tokens: int | None = None
    matrix_rate: float = 1e-3
    other_rate: float = 2e-3
    weight_decay: float = 0.01
    choice_weight: float = 1.0
    guide_weight: float = 0.5
    begin_weight: float = 1.0
    naming_weight: float = 0.3
    warmup_steps: int = 60
    decay_share: float = 0.4
    export_minutes: float = 4.0
    probe_minutes: float = 5.0
    bf16: bool = True
    compiled: bool = True


def train(
    model: LlamaForCausalLM,
    stream: Stream,
    settings: TrainSettings,
    *,
    probe: CopyProbe | None,
    out: Path,
    begin: RunProgress | None = BEGINNING,
) -> RunProgress:
    """Train until the budget is spent; write checkpoint, model folder and `log.jsonl` into `out`.

    Args:
        begin: where in the data to begin; None goes on from the checkpoint in `out`.
    """
    optimisers = Optimisers(
        model,
        matrix_rate=settings.matrix_rate,
        other_rate=settings.other_rate,
        decay=settings.weight_decay,
    )
    progress = begin or load_checkpoint(model, optimisers, out)
    run = _compile(settings.compiled)
    begun = time.monotonic() - progress.seconds
    exported = probed = progress.seconds
    window: list[dict[str, float]] = []
    model.train()
    for pool, index, batch in stream.batches(pool=progress.pool, skip=progress.index):
        share = _share(progress, settings)
        if share >= 1:
            break
        window.append(_backward(model, run, batch, settings))
        factor = schedule(
            progress.step,
            share,
            warmup_steps=settings.warmup_steps,
            decay_share=settings.decay_share,
        )
        optimisers.step(factor)
        progress = RunProgress(
            step=progress.step + 1,
            pool=pool,
            index=index + 1,
            tokens=progress.tokens + int((batch.ids > 0).sum()),
            seconds=time.monotonic() - begun,
        )
        if len(window) == 50:
            _log(out, progress, {**_means(window), "rate": factor})
            window.clear()
        if probe and (progress.seconds - probed > 60 * settings.probe_minutes):
            _log(out, progress, probe.measure(model))
            probed = time.monotonic() - begun
        if progress.seconds - exported > 60 * settings.export_minutes:
            exported = progress.seconds
            save_checkpoint(model, optimisers, progress, out)
            export_model(model, stream.tokenizer, out / "model")
    if probe:
        _log(out, progress, probe.measure(model))
    save_checkpoint(model, optimisers, progress, out)
    export_model(model, stream.tokenizer, out / "model")
    return progress


def _compile(compiled: bool) -> Any:
    """Return the forward pass, compiled once for each length of the batches."""
    if not compiled:
        return forward
    return torch.compile(forward, dynamic=False)


def _share(progress: RunProgress, settings: TrainSettings) -> float:
    if settings.tokens is not None:
        return progress.tokens / settings.tokens
    return progress.seconds / (60 * settings.minutes)


def _backward(
    model: LlamaForCausalLM, run: Any, batch: Batch, settings: TrainSettings
) -> dict[str, float]:
    """Add the gradients of one batch and return its losses; logits are computed only where a token weighs."""
    device = model.device
    ids = batch.ids.to(device)
    places = (batch.weights[:, 1:] > 0).to(device)
    weights = batch.weights[:, 1:].to(device)[places]
    with torch.autocast(device.type, dtype=torch.bfloat16, enabled=settings.bf16):
        passed = run(model, ids, HEADS, COPY)
        logits = model.lm_head(passed.hidden[:, :-1][places])
        naming = naming_loss(model, passed, ids) if settings.naming_weight else logits.new_zeros(())
    losses = cross_entropy(logits.float(), ids[:, 1:][places], reduction="none")
    total = (losses * weights).sum() / weights.sum()
    parts = {"loss": float(total.detach()), "naming": float(naming.detach())}
    total = total + settings.naming_weight * naming
    if len(batch.places):
        choice = _choice_loss(model, passed.hidden, batch)
        parts["choice"] = float(choice.detach())
        total = total + settings.choice_weight * choice
    for kind, loss in guide_losses(passed.looked, batch.targets).items():
        parts[f"look_{kind}"] = float(loss.detach())
        weight = settings.begin_weight if kind.startswith("begin") else settings.guide_weight
        total = total + weight * loss
    torch.autograd.backward(total)
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    return parts


def naming_loss(model: LlamaForCausalLM, passed: Passed, ids: Tensor) -> Tensor:
    """Return the mean cross-entropy of naming a token by what the copying heads would write of it, on some of the tokens.

    A head that looks at the right token still says a similar one where the vectors are alike (of 759 such places 8 % at 11M
    tokens); a token is seldom quoted, but stands in many passages.
    """
    rows, columns = (ids > 0).nonzero(as_tuple=True)
    stride = max(1, len(rows) // NAMED)
    some = slice(int(ids.sum()) % stride, None, stride)
    rows, columns = rows[some], columns[some]
    states = passed.copied[rows, columns] / passed.size.detach().mean()
    logits = model.lm_head(model.model.norm.weight * states)
    return cross_entropy(logits.float(), ids[rows, columns])


def _choice_loss(model: LlamaForCausalLM, hidden: Tensor, batch: Batch) -> Tensor:
    """Return the mean cross-entropy of choosing a sentence, among the tokens with which one of those shown goes on.

    It is the loss of decoding that is held to the passages; without it, what answers commonly begin with drowns out
    which one is asked for.
    """
    allowed = batch.allowed.to(hidden.device)
    before = hidden[batch.places[:, 0], batch.places[:, 1] - 1].float()
    rows = model.lm_head.weight[allowed.clamp_min(0)]
    scores: Tensor = (rows * before[:, None]).sum(-1).masked_fill(allowed < 0, float("-inf"))
    return -scores.log_softmax(-1)[:, 0].mean()


def _means(rows: list[dict[str, float]]) -> dict[str, float]:
    """Return the mean of each loss over the batches that had it."""
    names = {name for row in rows for name in row}
    values = {name: [row[name] for row in rows if name in row] for name in sorted(names)}
    return {name: sum(losses) / len(losses) for name, losses in values.items()}


def read_probes(out: Path) -> list[dict[str, float]]:
    """Return the probes that a run logged, in their order."""
    log = out / "log.jsonl"
    lines = log.read_text(encoding="utf-8").splitlines() if log.is_file() else []
    return [row for row in map(json.loads, lines) if "loss" not in row]


def _log(out: Path, progress: RunProgress, row: dict[str, float]) -> None:
    head = {
        "minutes": round(progress.seconds / 60, 2),
        "step": progress.step,
        "tokens": progress.tokens,
    }
    with (out / "log.jsonl").open("a", encoding="utf-8") as log:
        log.write(json.dumps({**head, **{k: round(v, 5) for k, v in row.items()}}) + "\n")
