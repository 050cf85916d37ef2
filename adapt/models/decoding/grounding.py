"""Grounded decoding: an answer's quotations can only go on as the passages do, whatever the model.

A grammar is made of the passages' sentences; `llguidance` turns it into the set of tokens that may come next, for any
tokenizer. So a small model chooses where to quote and cannot misquote, and a citation names the passage of the words.
Where the prompt lists tools, an answer may be a call as well, which then fits the JSON schema of its tool.

Three ways:
    sentences   the answer is sentences of the passages with their [n], a correction from feedback, a refusal, or a call
    quotes      free text, but what stands in quotation marks stands so in a passage; not with tools
    auto        `sentences`, unless the model, left free, would not begin with any of these: then nothing is held

Where the grounding says that the passages do not hold the answer (`absent`), that sentence takes the place of quotations and
refusals, and `auto` keeps to it from the first token: left free, a small model would make an answer up.
"""

import json
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from transformers import LogitsProcessor, PreTrainedTokenizerBase

from adapt.errors import ModelError
from adapt.models.decoding.candidates import find_candidates
from adapt.models.decoding.tools import call_schema
from adapt.records import Grounding

REFUSALS = ("Sorry, the passages do not say.", "Perdón, los pasajes no lo dicen.")


def grammar(grounding: Grounding, way: str) -> str:
    """Return the Lark grammar of the answers that a grounding allows in a way (`auto` as `sentences`).

    Raises:
        ValueError: there is nothing to quote or to call.
        ModelError: `quotes` with tools, whose calls are full of quotation marks.
    """
    if not (grounding.passages or grounding.uncited or grounding.tools or grounding.absent):
        raise ValueError("nothing to ground an answer in")
    if way == "quotes" and grounding.tools:
        raise ModelError("grounding = 'quotes' does not go with tools; set it to auto or sentences")
    return _quotes(grounding) if way == "quotes" else _sentences(grounding)


def _sentences(grounding: Grounding) -> str:
    rules: list[str] = []
    names: list[str] = []
    passages = () if grounding.absent else grounding.passages
    lines: dict[int, list[str]] = {number: [] for number, _ in passages}
    for candidate in find_candidates(grounding):
        if candidate.number in lines:
            lines[candidate.number].append(candidate.text)
    for index, (number, texts) in enumerate(lines.items()):
        if not texts:
            continue
        for place, text in enumerate(texts):
            goes_on = f'(" " s{index}_{place + 1})?' if place + 1 < len(texts) else ""
            rules.append(f"s{index}_{place}: {_literal(text)} {goes_on}")
        starts = " | ".join(f"s{index}_{place}" for place in range(len(texts)))
        rules.append(f'p{index}: ({starts}) " [{number}]"')
        names.append(f"p{index}")
    answers: list[str] = []
    if names:
        rules.append(f"cited: {' | '.join(names)}")
        answers.append('cited ((" " | "\\n") cited)*')
    answers += [_literal(text) for text in grounding.uncited]
    if grounding.absent:
        answers.append(_literal(grounding.absent))
    elif grounding.passages or grounding.uncited:
        answers += [_literal(refusal) for refusal in REFUSALS]
    for index, tool in enumerate(grounding.tools):
        rules.append(f"t{index}: %json {json.dumps(call_schema(tool))}")
        answers.append(f"t{index}")
    return "\n".join([f"start: {' | '.join(answers)}", *rules]) + "\n"


def _quotes(grounding: Grounding) -> str:
    texts = [" ".join(text.split()) for _, text in grounding.passages] + list(grounding.uncited)
    words = [_literal({"substring_words": text}) for text in texts]
    names = " | ".join(f"W{index}" for index in range(len(words)))
    rules = [
        "start: (FREE | MARK | quote)*",
        # The lexer never goes back. A quotation mark shares its first bytes with all characters from U+2000 to
        # U+2FFF, so those are a lexeme of their own.
        r'FREE: /[^"\u2000-\u2fff]+/',
        r"MARK: /[\u2000-\u201b\u201e-\u2fff]/",
        'quote: "“" words "”" | "\\"" words "\\""',
        f"words: {names}",
        *(f"W{index}: %regex {literal}" for index, literal in enumerate(words)),
    ]
    return "\n".join(rules) + "\n"


def _literal(value: str | dict[str, str]) -> str:
    """Return a value as JSON, as the grammar takes it: all of ASCII but the one control character that JSON leaves."""
    return json.dumps(value).replace("\x7f", "\\u007f")


class GroundedLogits(LogitsProcessor):
    """Leaves the tokens with which an allowed answer can go on, and forbids the others; for one sequence.

    Args:
        way: `auto`, `sentences` or `quotes`, as above.
        prompt_length: how many tokens of the sequence are the prompt.

    Raises:
        ModelError: the tokenizer is of a kind that llguidance cannot read, or the passages or tools make no grammar.
    """

    def __init__(
        self,
        grounding: Grounding,
        tokenizer: PreTrainedTokenizerBase,
        *,
        way: str,
        prompt_length: int,
    ) -> None:
        # imported here: only grounded answers need it; `llguidance.torch` would import torch's compiler, a second
        import llguidance.numpy
        from llguidance import LLMatcher

        self._masks: Any = llguidance.numpy
        known = _known_tokens(tokenizer)
        self._matcher = LLMatcher(known, LLMatcher.grammar_from_lark(grammar(grounding, way)))
        if self._matcher.is_error():
            raise ModelError(f"the passages or tools make no grammar: {self._matcher.get_error()}")
        self._mask = self._masks.allocate_token_bitmask(1, known.vocab_size)
        self._seen = prompt_length
        self._restricts: bool | None = None if way == "auto" and not grounding.absent else True

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
        """Return the scores, [1, tokens], with -inf where no allowed answer goes on."""
        if self._restricts is False:
            return scores
        new = input_ids[0, self._seen :].tolist()
        self._seen += len(new)
        if new and not self._matcher.consume_tokens(new):
            raise ModelError(f"grounded decoding lost its place: {self._matcher.get_error()}")
        self._masks.fill_next_token_bitmask(self._matcher, self._mask, 0)
        allowed = self._allowed(scores.shape[-1])
        if self._restricts is None:
            self._restricts = bool(allowed[int(scores[0].argmax())])
            if not self._restricts:
                return scores
        return scores.masked_fill(~allowed[None].to(scores.device), float("-inf"))  # type: ignore[return-value]

    def _allowed(self, size: int) -> torch.Tensor:
        """Return one flag per token, [tokens]."""
        bits = np.unpackbits(self._mask[0].astype("<i4").view(np.uint8), bitorder="little")[:size]
        # a model may have more rows than its tokenizer has tokens
        return torch.from_numpy(np.pad(bits, (0, size - len(bits))).astype(bool))


@lru_cache(maxsize=4)  # a tokenizer is looked up by its identity
def _known_tokens(tokenizer: PreTrainedTokenizerBase) -> Any:
    """Return what llguidance has to know of a tokenizer."""
    import llguidance.hf

    try:
        return llguidance.hf.from_tokenizer(tokenizer)  # type: ignore[arg-type]
    except (ValueError, TypeError, RuntimeError) as error:
        raise ModelError(f"grounded decoding cannot read this tokenizer: {error}") from error
