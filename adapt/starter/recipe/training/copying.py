"""Measures the abilities on held-out exercises as training goes on, copying by itself among them."""

import random
from collections.abc import Sequence

import torch
from tokenizers import Tokenizer
from transformers import LlamaForCausalLM

from adapt.starter.recipe.exercises.exercise import Exercise, ExerciseSource
from adapt.starter.recipe.exercises.exercises import make_exercise
from adapt.starter.recipe.exercises.preferences import NOT_SAID
from adapt.starter.recipe.training.batches import encode_exercises

KINDS = ("real", "quote", "fact", "missing", "feedback", "preference", "date", "tool")


class CopyProbe:
    """A fixed set of held-out exercises, each measured in one forward pass.

    An answer is exact where every one of its tokens is the likeliest, which is what greedy decoding would give. It is chosen
    where each token is the likeliest among those with which a sentence of the passages, or saying that they do not say, could go on.
    """

    def __init__(
        self, tokenizer: Tokenizer, source: ExerciseSource, *, count: int, seed: int
    ) -> None:
        self._tokenizer = tokenizer
        self._rows: list[tuple[str, Exercise, list[int], list[int]]] = []
        for kind in KINDS:
            rng = random.Random(f"probe:{kind}:{seed}")
            for _ in range(count):
                exercise = probe_exercise(rng, source, kind)
                ids = encode_exercises(tokenizer, [exercise])[0].ids
                answer = tokenizer.encode(f"{exercise.answer}<|end|>").ids
                self._rows.append((kind, exercise, ids[:-1], answer))

    @torch.no_grad()
    def measure(self, model: LlamaForCausalLM) -> dict[str, float]:
        """Return, by kind, the shares of answers exact, chosen rightly, and of copied tokens right."""
        model.train(mode=False)
        shares: dict[str, list[float]] = {}
        for kind, exercise, ids, answer in self._rows:
            with torch.autocast("cpu", dtype=torch.bfloat16):
                logits = model(input_ids=torch.tensor([ids]), use_cache=False).logits[0]
            logits_of_answer = logits[len(ids) - len(answer) - 1 : len(ids) - 1].float()
            right = [
                int(row.argmax()) == token
                for row, token in zip(logits_of_answer, answer, strict=True)
            ]
            shares.setdefault(f"{kind}_exact", []).append(float(all(right)))
            if exercise.choices and kind in ("real", "quote", "fact", "missing"):
                shares.setdefault(f"{kind}_chosen", []).append(
                    float(self._chosen(exercise, logits_of_answer, answer))
                )
                shares.setdefault(f"{kind}_token", []).append(sum(right) / len(right))
        model.train()
        return {name: sum(values) / len(values) for name, values in shares.items()}

    def _chosen(self, exercise: Exercise, logits: torch.Tensor, answer: Sequence[int]) -> bool:
        allowed = [f"{choice} " for choice in exercise.choices] + [
            f"{refusal}<|end|>" for refusal in NOT_SAID.values()
        ]
        alive = [self._tokenizer.encode(text).ids for text in allowed]
        for place, (row, token) in enumerate(zip(logits, answer, strict=True)):
            following = sorted({ids[place] for ids in alive if place < len(ids)})
            if token not in following:
                return True  # past the sentence: only its citation is left
            if following[int(row[following].argmax())] != token:
                return False
            alive = [ids for ids in alive if place < len(ids) and ids[place] == token]
        return True


def probe_exercise(rng: random.Random, source: ExerciseSource, kind: str) -> Exercise:
    """Return a held-out exercise with one question of a kind; `missing` draws from all kinds of passages."""
    if kind == "missing":
        return make_exercise(
            rng, source, rng.choice(("real", "quote", "fact")), turns=1, absent=True
        )
    if kind in ("real", "quote", "fact", "preference"):
        return make_exercise(
            rng, source, kind, turns=1, absent=False, spanish=False if kind == "real" else None
        )
    return make_exercise(rng, source, kind)
