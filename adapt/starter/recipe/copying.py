"""Measures copying by itself, on held-out exercises, as training goes on."""

import random

import torch
from tokenizers import Tokenizer
from transformers import LlamaForCausalLM

from adapt.starter.recipe.batches import Sample, encode_exercise
from adapt.starter.recipe.exercises import Source, make_exercise

KINDS = ("quote", "fact", "missing", "feedback")


class CopyProbe:
    """A fixed set of held-out exercises; an answer counts as exact where every one of its tokens is the likeliest.

    That is the same as greedy decoding giving exactly this answer, at the price of one forward pass.
    """

    def __init__(self, tokenizer: Tokenizer, source: Source, *, count: int, seed: int) -> None:
        rng = random.Random(f"probe:{seed}")
        self._samples: list[tuple[str, Sample, int]] = []
        for kind in KINDS:
            for _ in range(count):
                exercise = make_exercise(rng, source, kind)
                sample = encode_exercise(tokenizer, exercise)
                answer = len(tokenizer.encode(f"{exercise.answer}<|end|>").ids)
                self._samples.append((kind, sample, answer))

    @torch.no_grad()
    def measure(self, model: LlamaForCausalLM) -> dict[str, float]:
        """Return, by kind, the shares of answer tokens right, of first tokens right and of answers exact."""
        model.train(mode=False)
        hits: dict[str, list[list[bool]]] = {}
        for kind, sample, length in self._samples:
            ids = torch.tensor([sample.ids])
            with torch.autocast("cpu", dtype=torch.bfloat16):
                likeliest = model(input_ids=ids, use_cache=False).logits[0].argmax(dim=-1)
            end = len(sample.ids) - 1  # the line end after <|end|> is not part of the answer
            right = likeliest[end - length - 1 : end - 1] == ids[0, end - length : end]
            hits.setdefault(kind, []).append([bool(one) for one in right])
        model.train()
        figures: dict[str, float] = {}
        for kind, rows in hits.items():
            figures[f"{kind}_token"] = sum(map(sum, rows)) / sum(map(len, rows))
            figures[f"{kind}_first"] = sum(row[0] for row in rows) / len(rows)
            figures[f"{kind}_exact"] = sum(all(row) for row in rows) / len(rows)
        return figures
