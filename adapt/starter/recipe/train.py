"""The training loop: AdamW over the batch stream within a budget of minutes or tokens, with checkpoints and exports."""

import json
import math
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch.nn.functional import cross_entropy
from transformers import LlamaForCausalLM

from adapt.starter.recipe.batches import Batch, Stream
from adapt.starter.recipe.copying import CopyProbe
from adapt.starter.recipe.files import Progress, export_model, load_checkpoint, save_checkpoint
from adapt.starter.recipe.heads import CIRCUIT_LAYERS

PARTS = ("circuit", "early", "output", "rest")


@dataclass(frozen=True)
class TrainSettings:
    """Knobs of the loop. `tokens` set: the schedule follows tokens and a run repeats exactly; else it follows time."""

    minutes: float
    tokens: int | None = None
    learning_rate: float = 1e-3
    circuit_factor: float = 0.03  # at 1 and at 0.15 an earlier version soon cited [1] always
    released_share: float = 0.6  # of the budget; the rest has learned around the circuit by then
    released_factor: float = 0.25
    early_factor: float = 0.2  # what the first layers add beside the circuit is noise to it
    output_factor: float = 0.3
    warmup_steps: int = 100
    export_minutes: float = 6.0
    probe_minutes: float = 4.0
    bf16: bool = True


def train(
    model: LlamaForCausalLM,
    stream: Stream,
    settings: TrainSettings,
    *,
    probe: CopyProbe | None,
    out: Path,
    resume: bool = False,
) -> Progress:
    """Train until the budget is spent; write checkpoint, model folder and `log.jsonl` into `out`."""
    optimiser = torch.optim.AdamW(_groups(model), betas=(0.9, 0.95), weight_decay=0.0, fused=True)
    progress = Progress(step=0, pool=0, index=0, tokens=0, seconds=0.0)
    if resume:
        progress = load_checkpoint(model, optimiser, out)
    begun = time.monotonic() - progress.seconds
    exported = probed = progress.seconds
    model.train()
    for pool, index, batch in stream.batches(pool=progress.pool, skip=progress.index):
        if _share(progress, settings) >= 1:
            break
        factor = schedule(progress.step, _share(progress, settings), settings.warmup_steps)
        rate = settings.learning_rate * factor
        for group in optimiser.param_groups:
            group["lr"] = rate * _peak(str(group["part"]), _share(progress, settings), settings)
        loss = _step(model, optimiser, batch, bf16=settings.bf16)
        progress = Progress(
            step=progress.step + 1,
            pool=pool,
            index=index + 1,
            tokens=progress.tokens + int((batch.weights > 0).sum()),
            seconds=time.monotonic() - begun,
        )
        if progress.step % 50 == 0:
            _log(
                out,
                {"step": progress.step, "tokens": progress.tokens, "loss": loss, "rate": rate},
                progress.seconds,
            )
        if probe and (
            progress.seconds - probed > 60 * settings.probe_minutes or progress.step == 1
        ):
            probed = progress.seconds
            _log(
                out,
                {"step": progress.step, "tokens": progress.tokens, **probe.measure(model)},
                progress.seconds,
            )
        if progress.seconds - exported > 60 * settings.export_minutes:
            exported = progress.seconds
            save_checkpoint(model, optimiser, progress, out)
            export_model(model, stream.tokenizer, out / "model")
    save_checkpoint(model, optimiser, progress, out)
    export_model(model, stream.tokenizer, out / "model")
    return progress


def schedule(step: int, share: float, warmup_steps: int) -> float:
    """Return the factor on the learning rate: a linear warm-up, then a cosine down to a fiftieth."""
    cosine = 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(share, 1.0)))
    return min(1.0, (step + 1) / max(1, warmup_steps)) * cosine


def _groups(model: LlamaForCausalLM) -> list[dict[str, object]]:
    """Return the parameters by part, since the hand-set parts learn more slowly."""
    named: dict[str, list[torch.nn.Parameter]] = {part: [] for part in PARTS}
    circuit = tuple(f"model.layers.{layer}.self_attn." for layer in range(CIRCUIT_LAYERS))
    early = tuple(f"model.layers.{layer}." for layer in range(CIRCUIT_LAYERS - 1))
    for name, parameter in model.named_parameters():
        if name.startswith((*circuit, "model.embed_tokens.")):
            named["circuit"].append(parameter)
        elif name.startswith(early):
            named["early"].append(parameter)
        else:
            named["output" if name.startswith("lm_head.") else "rest"].append(parameter)
    return [
        {"params": parameters, "part": part, "lr": 0.0}
        for part, parameters in named.items()
        if parameters
    ]


def _peak(part: str, share: float, settings: TrainSettings) -> float:
    """Return the factor on the rate of one part of the model."""
    if part == "circuit" and share >= settings.released_share:
        return settings.released_factor
    return {
        "circuit": settings.circuit_factor,
        "early": settings.early_factor,
        "output": settings.output_factor,
    }.get(part, 1.0)


def _share(progress: Progress, settings: TrainSettings) -> float:
    if settings.tokens is not None:
        return progress.tokens / settings.tokens
    return progress.seconds / (60 * settings.minutes)


def _step(
    model: LlamaForCausalLM, optimiser: torch.optim.Optimizer, batch: Batch, *, bf16: bool
) -> float:
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
        logits = model(input_ids=batch.ids, use_cache=False).logits
    goals, weights = batch.ids[:, 1:], batch.weights[:, 1:]
    losses = cross_entropy(
        logits[:, :-1].reshape(-1, logits.shape[-1]).float(), goals.reshape(-1), reduction="none"
    )
    loss = (losses * weights.reshape(-1)).sum() / weights.sum()
    torch.autograd.backward(loss)
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimiser.step()
    optimiser.zero_grad(set_to_none=True)
    return float(loss.detach())


def _log(out: Path, row: dict[str, float], seconds: float) -> None:
    with (out / "log.jsonl").open("a", encoding="utf-8") as log:
        log.write(
            json.dumps(
                {"minutes": round(seconds / 60, 2), **{k: round(v, 6) for k, v in row.items()}}
            )
            + "\n"
        )
