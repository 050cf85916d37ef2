"""Does an exported model answer as the model does? Greedy tokens of twenty prompts, in the export's own engine.

The reference is transformers in fp32 on the CPU. Two engines add numbers in another order, so where the reference itself
finds two tokens equally likely (their logits less than `TIE` apart) either is right.
Not here: how another engine is called (`merge.export.engines`).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from pydantic import JsonValue

from adapt.models.rendering import encode, render
from adapt.protocols import Progress, no_progress
from adapt.records import Message, ProgressEvent

LENGTH = 24  # tokens of each answer
TIE = 1e-4  # logits; sums in fp32 of some thousand terms differ by less between two libraries
PROMPTS = (
    "When does the office open?",
    "¿A qué hora abre la oficina?",
    "Give the date as ISO: the second of May 2026.",
    "What is 12 × 7,5?",  # noqa: RUF001  the sign is meant
    "Translate to Spanish: the invoice is overdue.",
    "List three colours.",
    "Say hello.",
    "Write a function in Python that adds two numbers.\n\n\tdef add(a, b):",
    "Who are you?",
    "Sort these: 9, 10, 2, 33.",
    '{"name": "Ana", "age": 31}',
    "Summarise: The committee met on Tuesday and put off the vote.",
    "I'm not sure they'll come, are you?",
    "SELECT name FROM users WHERE id = 7;",
    "Route this message: my card was charged twice!",
    "  spaces   in    the     middle ",
    "What does «señor» mean?",
    "Answer with one word: is water wet?",
    "https://example.org/a?b=1&c=2",
    "Thank you. 😀",
)


class Engine(Protocol):
    """What opens an exported model and answers with it."""

    name: str

    def tokenize(self, prompt: str) -> list[int]:
        """Return the ids of rendered text, none added."""
        ...

    def answer(self, ids: Sequence[int], *, length: int, ends: frozenset[int]) -> list[int]:
        """Return the greedy tokens after these, at most so many, up to and with one that ends."""
        ...


@dataclass(frozen=True)
class Verification:
    """What came of opening an export again.

    Attributes:
        engine: what opened it, with its version; "" where nothing did.
        verified: whether it was opened in its own engine and all is as in the reference.
        sentence: that, or why not.
        figures: what was counted.
    """

    engine: str
    verified: bool
    sentence: str
    figures: Mapping[str, int] = field(default_factory=dict)

    def as_json(self) -> dict[str, JsonValue]:
        """Return it for a card or a script."""
        return {
            "engine": self.engine,
            "verified": self.verified,
            "said": self.sentence,
            **self.figures,
        }


def unverified(why: str) -> Verification:
    """Return that an export was not opened, and why."""
    return Verification("", verified=False, sentence=f"not verified: {why}")


@dataclass(frozen=True)
class Reference:
    """A model in transformers and its answers to the golden prompts."""

    model: Any
    prompts: tuple[str, ...]
    ids: tuple[tuple[int, ...], ...]
    answers: tuple[tuple[int, ...], ...]
    ends: frozenset[int]

    def gap(self, before: Sequence[int], other: int) -> float:
        """Return by how much the best next token's logit is above another's."""
        with torch.inference_mode():
            logits = self.model(torch.tensor([list(before)])).logits[0, -1].float()
        return float(logits.max() - logits[other])


def refer(model: Any, tokenizer: Any, *, progress: Progress = no_progress) -> Reference:
    """Return the answers of a loaded model to the golden prompts, rendered by its chat template."""
    prompts = tuple(
        render(tokenizer, [Message("user", text)], add_generation_prompt=True) for text in PROMPTS
    )
    stated = model.generation_config.eos_token_id
    ends = frozenset(stated if isinstance(stated, list) else [] if stated is None else [stated])
    ends |= {tokenizer.eos_token_id}
    ids, answers = [], []
    for index, prompt in enumerate(prompts):
        progress(ProgressEvent("reference", index, len(prompts)))
        ids.append(tuple(encode(tokenizer, prompt)))
        answers.append(tuple(greedy(model, ids[-1], length=LENGTH, ends=ends)))
    progress(ProgressEvent("reference", len(prompts), len(prompts)))
    return Reference(model, prompts, tuple(ids), tuple(answers), ends)


def greedy(model: Any, ids: Sequence[int], *, length: int, ends: frozenset[int]) -> list[int]:
    """Return a transformers model's greedy tokens; without the penalties of its generation config, which engines lack."""
    answer: list[int] = []
    cache, step = None, torch.tensor([list(ids)])
    with torch.inference_mode():
        while len(answer) < length:
            out = model(step, past_key_values=cache, use_cache=True)
            cache = out.past_key_values
            answer.append(int(out.logits[0, -1].argmax()))
            if answer[-1] in ends:
                break
            step = torch.tensor([answer[-1:]])
    return answer


def compare(
    reference: Reference, engine: Engine, *, progress: Progress = no_progress
) -> Verification:
    """Return how far an engine's answers are those of the reference.

    Its figures: `prompts`; `cut_alike`, those cut into the same tokens; `same`, answers equal token for token; `ties`, those
    that part where the reference finds two tokens equally likely; `tokens` and, up to where they part, `same_tokens`.
    """
    counts: Counter[str] = Counter(prompts=len(reference.prompts))
    rows = zip(reference.prompts, reference.ids, reference.answers, strict=True)
    for index, (prompt, ids, want) in enumerate(rows):
        progress(ProgressEvent("verify", index, len(reference.prompts)))
        got = engine.answer(ids, length=LENGTH, ends=reference.ends)
        pairs = list(zip(want, got, strict=False))
        agree = next((i for i, (a, b) in enumerate(pairs) if a != b), len(pairs))
        same = agree == len(want) == len(got)
        parts = not same and agree < len(pairs)
        tie = parts and reference.gap([*ids, *want[:agree]], got[agree]) < TIE
        counts.update(
            cut_alike=engine.tokenize(prompt) == list(ids),
            same=same,
            ties=tie,
            tokens=len(want),
            same_tokens=agree,
        )
    count = counts["prompts"]
    progress(ProgressEvent("verify", count, count))
    whole = counts["same"] + counts["ties"] == count == counts["cut_alike"]
    return Verification(
        engine.name, whole, _sentence(engine.name, counts, whole=whole), dict(counts)
    )


def _sentence(engine: str, counts: Mapping[str, int], *, whole: bool) -> str:
    count, tied = counts["prompts"], counts["ties"]
    sentence = (
        f"{'verified' if whole else 'differs'} in {engine}: {counts['same']} of {count} answers are token for token "
        "those of transformers in fp32"
    )
    if tied:
        sentence += f", {tied} part where two tokens are equally likely"
    if counts["cut_alike"] < count:
        sentence += f"; {count - counts['cut_alike']} of {count} prompts are tokenised differently"
    return sentence
