"""Does an exported model say what the model says? Greedy tokens of twenty prompts, in the export's own engine.

The reference is transformers in fp32 on the CPU. Two engines add numbers in another order, so where the reference itself
holds two tokens for equal (their logits less than `TIE` apart) either is right.
Not here: how another engine is called (`merge.golden_engines`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch

from adapt.protocols import Progress, no_progress
from adapt.records import Message, ProgressEvent
from adapt.rendering import encode, render

LENGTH = 24  # tokens of each answer
TIE = 1e-3  # logits; fp32 sums of some thousand terms differ by less between two libraries
PROMPTS = (
    "When does the office open?",
    "¿A qué hora abre la oficina?",
    "Give the date as ISO: the second of May 2026.",
    "What is 12 × 7,5?",
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
        same: answers whose every token is the reference's.
        ties: those that part where the reference holds two tokens for equal.
        cut_alike: prompts that the engine cuts into the same tokens.
        why: why it was not opened, or what differs.
    """

    engine: str = ""
    prompts: int = 0
    same: int = 0
    ties: int = 0
    cut_alike: int = 0
    tokens: int = 0
    same_tokens: int = 0
    why: str = ""

    @property
    def verified(self) -> bool:
        """Return whether it was opened and all is as in the reference."""
        return bool(self.prompts) and self.same + self.ties == self.prompts == self.cut_alike

    def as_json(self) -> dict[str, object]:
        """Return it for a card or a script."""
        return {**vars(self), "verified": self.verified}

    def sentence(self) -> str:
        """Return it for a person."""
        if not self.prompts:
            return f"not verified: {self.why}"
        tied = f" ({self.ties} more part at a tie)" if self.ties else ""
        said = f"{self.same} of {self.prompts} answers are token for token those of transformers in fp32{tied}"
        start = "verified" if self.verified else "differs"
        return f"{start} in {self.engine}: {said}{f'; {self.why}' if self.why else ''}"


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
    found = model.generation_config.eos_token_id
    ends = frozenset(found if isinstance(found, list) else [] if found is None else [found])
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
    """Return how far an engine's answers are those of the reference."""
    same = ties = alike = tokens = same_tokens = 0
    for index, (prompt, ids, want) in enumerate(
        zip(reference.prompts, reference.ids, reference.answers, strict=True)
    ):
        progress(ProgressEvent("verify", index, len(reference.prompts)))
        alike += engine.tokenize(prompt) == list(ids)
        got = engine.answer(ids, length=LENGTH, ends=reference.ends)
        pairs = list(zip(want, got, strict=False))
        agree = next((i for i, (a, b) in enumerate(pairs) if a != b), len(pairs))
        tokens += len(want)
        same_tokens += agree
        if agree == len(want) == len(got):
            same += 1
        elif agree < len(pairs) and reference.gap([*ids, *want[:agree]], got[agree]) < TIE:
            ties += 1
    count = len(reference.prompts)
    progress(ProgressEvent("verify", count, count))
    why = "" if alike == count else f"{count - alike} of {count} prompts are cut into other tokens"
    return Verification(engine.name, count, same, ties, alike, tokens, same_tokens, why)
