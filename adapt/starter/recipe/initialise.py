"""Builds the untrained starter model with its copying circuit in place.

A small model trained for an hour does not find the circuits that copy (facts: 0 of 40 after 5M tokens). They are
known, so they are set by hand in the weights of a plain Llama, and training goes on from there:

    layer 0   previous token · token before it · whose turn this is · mean of the last dozen tokens
    layer 1   the question's words, gathered at the answer · the context in which my sentence began · my passage's number
    layer 2   where do the question's words stand? → the context of that sentence, the number of that passage
    layer 3   the token that followed (same token, same token before, in that sentence) → the next token

The residual stream is cut into named blocks; embeddings are random in `CONTENT` and hold features in a few others.
Matches use rotary pairs that turn slowly (hence the large theta), distances use those that turn fast.
Reference: Olsson et al. 2022, In-context Learning and Induction Heads, arXiv:2209.11895; the construction is ours.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.models.llama.modeling_llama import LlamaAttention

from adapt.starter.recipe.tokenizer import ASSISTANT, END, PAD, SYSTEM, USER

HIDDEN, HEAD, HEADS, PAIRS, LAYERS = 256, 64, 4, 32, 6
THETA = 1e8
SLOW = 12  # pairs from here on turn less than a radian in 1,000 tokens

CONST = range(0, 1)
PREVIOUS, BEFORE = range(1, 21), range(21, 37)  # codes of the token before, and of the one before that
STARTS, NUMBERED = range(37, 38), range(38, 39)  # the token before ended a sentence; was an opening bracket
ROLE = range(39, 42)
RARITY, BOUNDARY, BRACKET = range(42, 43), range(43, 44), range(44, 45)
MARKER = range(45, 48)  # is <|system|>, <|user|>, <|assistant|>
QUESTION = range(48, 84)
SENTENCE = range(48, 68)  # same block: passages never hold a question
CONTEXT, TARGET = range(84, 104), range(84, 104)
NUMBER = range(104, 113)
CONTENT = range(113, 256)

COPIED = CONTENT[:128]  # what two heads of 64 can carry
CODE, WORD = CONTENT[0:20], CONTENT[40:76]


@dataclass(frozen=True)
class Vocabulary:
    """What the construction must know of the tokens: their texts, and how often each occurs in the corpus."""

    texts: Sequence[str]
    counts: Sequence[int]


def configuration(vocabulary_size: int, *, pad: int, end: int) -> LlamaConfig:
    """Return the starter model's architecture: a plain Llama without biases, its embeddings tied."""
    return LlamaConfig(
        vocab_size=vocabulary_size,
        hidden_size=HIDDEN,
        intermediate_size=704,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        num_key_value_heads=HEADS,
        head_dim=HEAD,
        max_position_embeddings=1024,
        rope_parameters={"rope_type": "default", "rope_theta": THETA},
        tie_word_embeddings=True,
        attention_bias=False,
        mlp_bias=False,
        bos_token_id=None,
        eos_token_id=end,
        pad_token_id=pad,
    )


def standard_model(vocabulary: Vocabulary, *, seed: int) -> LlamaForCausalLM:
    """Return the same architecture as transformers initialises it, for comparison."""
    torch.manual_seed(seed)
    texts = list(vocabulary.texts)
    return LlamaForCausalLM(configuration(len(texts), pad=texts.index(PAD), end=texts.index(END)))


@torch.no_grad()
def copying_model(vocabulary: Vocabulary, *, seed: int) -> LlamaForCausalLM:
    """Return the model with its copying circuit set by hand and everything else small and random."""
    model = standard_model(vocabulary, seed=seed)
    for layer in model.model.layers:
        layer.mlp.down_proj.weight.mul_(0.1)
        layer.self_attn.o_proj.weight.mul_(0.1)
    embedding = model.model.embed_tokens.weight
    embedding.copy_(_embedding(vocabulary, seed=seed))
    digits = torch.stack([_row(vocabulary, embedding, str(number)) for number in range(1, 10)])
    attention = [layer.self_attn for layer in model.model.layers]
    _see_neighbours(attention[0])
    _gather(attention[1], digits)
    _find(attention[2], digits)
    _copy(attention[3])
    return model


def _embedding(vocabulary: Vocabulary, *, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    size = len(vocabulary.texts)
    rows = torch.zeros(size, HIDDEN)
    rows[:, CONTENT.start :] = torch.randn(size, len(CONTENT), generator=generator) / math.sqrt(len(CONTENT))
    rows[:, CONST.start] = 0.5
    total = sum(vocabulary.counts) + size
    for index, (text, count) in enumerate(zip(vocabulary.texts, vocabulary.counts, strict=True)):
        if text in (SYSTEM, USER, ASSISTANT):
            rows[index, MARKER[(SYSTEM, USER, ASSISTANT).index(text)]] = 0.5
        elif text not in (PAD, END):
            if text.strip():
                surprise = math.log(total / (count + 1))
                rows[index, RARITY.start] = 0.3 * min(max((surprise - 4) / 6, 0.0), 1.0)
            if "\n" in text or text.rstrip()[-1:] in (".", "!", "?"):
                rows[index, BOUNDARY.start] = 0.5
            if text.strip() == "[":
                rows[index, BRACKET.start] = 0.5
        if text == SYSTEM:  # every head that finds nothing looks at the first token: it must say nothing
            rows[index, COPIED.start : COPIED.stop] = 0
    # one length for all rows: the distance heads compare scores of tokens, whose sizes must not differ by chance
    content = rows[:, CONTENT.start :]
    features = rows[:, : CONTENT.start].square().sum(dim=1)
    content *= ((1.5 - features).sqrt() / content.norm(dim=1)).unsqueeze(1)
    return rows


def _row(vocabulary: Vocabulary, embedding: Tensor, text: str) -> Tensor:
    return embedding[list(vocabulary.texts).index(text)][COPIED.start : COPIED.stop].clone()


class _Head:
    """One attention head whose weights are written term by term; `scale` is about 1 / rms of the residual there."""

    def __init__(self, attention: LlamaAttention, head: int, *, scale: float) -> None:
        self._rows = slice(head * HEAD, (head + 1) * HEAD)
        self._start = head * HEAD
        self._attention = attention
        self._scale = scale
        for projection in (attention.q_proj, attention.k_proj, attention.v_proj):
            projection.weight[self._rows] = 0
        attention.o_proj.weight[:, self._rows] = 0

    def distance(self, pair: int, *, strength: float, peak: float | None = None) -> None:
        """Prefer the key `peak` tokens back; with None, prefer the nearer of any two keys."""
        frequency = THETA ** (-pair / PAIRS)
        phase = -math.pi / 2 if peak is None else peak * frequency
        weight = math.sqrt(strength * 8) / (self._scale * 0.5)
        self._attention.q_proj.weight[self._start + pair, CONST.start] += weight
        self._attention.k_proj.weight[self._start + pair, CONST.start] += weight * math.cos(phase)
        self._attention.k_proj.weight[self._start + PAIRS + pair, CONST.start] += weight * math.sin(phase)

    def match(self, query: Sequence[int], key: Sequence[int], *, slots: range, strength: float, energy: float) -> None:
        """Add `strength` to the score where both blocks hold the same vector of squared length `energy`."""
        weight = math.sqrt(strength * 8 / energy) / self._scale
        for slot, query_dim, key_dim in zip(slots, query, key, strict=True):
            row = self._start + _slot(slot)
            self._attention.q_proj.weight[row, query_dim] += weight
            self._attention.k_proj.weight[row, key_dim] += weight

    def pull(self, query: range, key: range, *, slot: int, strength: float, size: tuple[float, float]) -> None:
        """Add `strength` where the query has feature `query` and the key has `key`, of the given sizes."""
        weight = math.sqrt(abs(strength) * 8 / (size[0] * size[1])) / self._scale
        row = self._start + _slot(slot)
        self._attention.q_proj.weight[row, query.start] += math.copysign(weight, strength)
        self._attention.k_proj.weight[row, key.start] += weight

    def write(self, reads: Sequence[int], writes: Sequence[int], *, first: int = 0, gain: float = 1.0) -> None:
        """Carry a block of the residual from the key's position into a block here, through value dims from `first`."""
        for offset, (source, goal) in enumerate(zip(reads, writes, strict=True)):
            row = self._start + first + offset
            self._attention.v_proj.weight[row, source] = 1.0
            self._attention.o_proj.weight[goal, row] = gain / self._scale

    def read_map(self, matrix: Tensor, writes: Sequence[int], *, first: int, gain: float) -> None:
        """Carry `matrix` times the content block."""
        rows = slice(self._start + first, self._start + first + len(matrix))
        self._attention.v_proj.weight[rows, COPIED.start : COPIED.stop] = matrix
        for offset, goal in enumerate(writes):
            self._attention.o_proj.weight[goal, self._start + first + offset] = gain / self._scale

    def write_map(self, reads: Sequence[int], matrix: Tensor, *, first: int, gain: float) -> None:
        """Carry a block and write `matrix` transposed times it into the content block."""
        for offset, source in enumerate(reads):
            self._attention.v_proj.weight[self._start + first + offset, source] = 1.0
        columns = slice(self._start + first, self._start + first + len(matrix))
        self._attention.o_proj.weight[COPIED.start : COPIED.stop, columns] = matrix.T * gain / self._scale


def _slot(slot: int) -> int:
    """Return the head dim of a slowly turning slot: 0 to 39 are slow enough for codes, negatives a little faster."""
    pair, half = divmod(slot, 2)
    return SLOW + pair + half * PAIRS


def _energy(dims: int) -> float:
    return dims / len(CONTENT)


def _see_neighbours(attention: LlamaAttention) -> None:
    for head, (back, block) in enumerate(((1, PREVIOUS), (2, BEFORE))):
        neighbour = _Head(attention, head, scale=14)
        for pair in range(4):
            neighbour.distance(pair, strength=14, peak=back)
        neighbour.write(CODE[: len(block)], block)
        if back == 1:
            neighbour.write(BOUNDARY, STARTS, first=40)
            neighbour.write(BRACKET, NUMBERED, first=41)
    role = _Head(attention, 2, scale=14)
    for index, strength in enumerate((12, 24, 36)):
        role.pull(CONST, MARKER[index : index + 1], slot=30 + 2 * index, strength=strength, size=(0.5, 0.5))
    role.write(MARKER, ROLE)
    recent = _Head(attention, 3, scale=14)
    recent.distance(7, strength=40, peak=0)
    recent.distance(9, strength=20, peak=0)
    recent.pull(CONST, RARITY, slot=30, strength=2, size=(0.5, 0.3))
    recent.write(CONTENT[20:40], CONTEXT, gain=2)


def _gather(attention: LlamaAttention, digits: Tensor) -> None:
    sink, half = MARKER[0:1], (0.5, 0.5)
    question = _Head(attention, 0, scale=12)
    question.pull(ROLE[2:3], ROLE[1:2], slot=30, strength=25, size=half)
    question.pull(CONST, RARITY, slot=32, strength=3, size=(0.5, 0.3))
    question.pull(CONST, sink, slot=34, strength=12, size=half)
    question.write(WORD, QUESTION, gain=2)
    sentence = _Head(attention, 1, scale=12)
    sentence.pull(CONST, STARTS, slot=30, strength=70, size=half)
    sentence.distance(8, strength=60)
    sentence.distance(10, strength=90)
    for role in (1, 2):
        sentence.pull(ROLE[role : role + 1], sink, slot=32, strength=200, size=half)
    sentence.write(CONTEXT, SENTENCE)
    passage = _Head(attention, 2, scale=12)
    passage.pull(CONST, NUMBERED, slot=30, strength=80, size=half)
    passage.distance(10, strength=60)
    passage.read_map(torch.linalg.pinv(digits).T, NUMBER, first=0, gain=0.5)


def _find(attention: LlamaAttention, digits: Tensor) -> None:
    sink, half = MARKER[0:1], (0.5, 0.5)
    for head in (0, 1):
        find = _Head(attention, head, scale=11)
        find.match(QUESTION, WORD, slots=range(0, 36), strength=40, energy=_energy(36))
        find.pull(ROLE[2:3], ROLE[0:1], slot=36, strength=40, size=half)
        find.pull(CONST, RARITY, slot=37, strength=3, size=(0.5, 0.3))
        for role in (0, 1):
            find.pull(ROLE[role : role + 1], sink, slot=38, strength=60, size=half)
        if head == 0:
            find.write(SENTENCE, TARGET, gain=1.5)
            continue
        find.pull(CONST, sink, slot=39, strength=60, size=half)
        find.pull(BRACKET, sink, slot=39, strength=-60, size=half)
        find.write_map(NUMBER, digits, first=0, gain=12)


def _copy(attention: LlamaAttention) -> None:
    sink, half = MARKER[0:1], (0.5, 0.5)
    for head in (0, 1):
        copy = _Head(attention, head, scale=10)
        copy.match(CODE[:16], PREVIOUS[:16], slots=range(0, 16), strength=14, energy=_energy(16))
        copy.match(PREVIOUS[:8], BEFORE[:8], slots=range(16, 24), strength=7, energy=_energy(8))
        copy.match(TARGET[:12], SENTENCE[:12], slots=range(24, 36), strength=20, energy=0.1)
        copy.pull(BOUNDARY, STARTS, slot=36, strength=10, size=half)
        copy.pull(CONST, sink, slot=38, strength=10, size=half)
        block = CONTENT[64 * head : 64 * (head + 1)]
        copy.write(block, block, gain=3)
