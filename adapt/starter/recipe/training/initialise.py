"""Builds the untrained starter model: a plain Llama whose weights begin near what small models take long to find.

Tokens begin with vectors in which those that occur in like company are alike (`embeddings.py`), and so are
those that differ only in case or in the space before them. Queries and keys begin alike in the rotary pairs that turn slowly, so
that a token first attends to similar ones, wherever they stand (mimetic initialisation: Trockman and Kolter 2023,
arXiv:2305.09828); values and outputs of the upper layers begin as each other's transpose, so that what is looked at is copied.
"""

import math

import torch
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.models.llama.modeling_llama import LlamaAttention

from adapt.starter.recipe.attention.guides import COPY, GATHER, HEADS, MATCH

THETA = 1e8  # pairs from SLOW on turn less than a radian in 1,000 tokens
HEAD = 64
SLOW = 12
ALWAYS = 0
BEFORE, LATELY = range(1, 25), range(25, 45)  # the token before; what was read lately
SENTENCE, NUMBER = (
    range(45, 65),
    range(65, 77),
)  # of this token's passage: how its sentence begins, its number
FOUND, FOUND_NUMBER = (
    range(77, 97),
    range(97, 109),
)  # the same of what a question's word was found in
TOKEN_FROM = 109


def configuration(
    vocabulary_size: int,
    *,
    pad: int,
    end: int,
    hidden: int = 256,
    layers: int = 6,
    intermediate: int | None = None,
) -> LlamaConfig:
    """Return the starter model's architecture: a plain Llama without biases; the MLPs 2.75 times as wide unless given."""
    return LlamaConfig(
        vocab_size=vocabulary_size,
        hidden_size=hidden,
        intermediate_size=intermediate or hidden * 11 // 4,
        num_hidden_layers=layers,
        num_attention_heads=hidden // HEAD,
        num_key_value_heads=hidden // HEAD,
        head_dim=HEAD,
        max_position_embeddings=1024,
        rope_parameters={"rope_type": "default", "rope_theta": THETA},
        tie_word_embeddings=False,
        attention_bias=False,
        mlp_bias=False,
        bos_token_id=None,
        eos_token_id=end,
        pad_token_id=pad,
    )


def standard_model(config: LlamaConfig, *, seed: int) -> LlamaForCausalLM:
    """Return the architecture as transformers initialises it, for comparison."""
    torch.manual_seed(seed)
    return LlamaForCausalLM(config)


@torch.no_grad()
def starting_model(config: LlamaConfig, embedding: Tensor, *, seed: int) -> LlamaForCausalLM:
    """Return the model with its head start.

    The residual stream is cut into blocks: one dim that all tokens share, blocks that heads write to, and the token itself (of length 4
    before the norm); gains are meant to make what heads write about as long.

    Args:
        embedding: token vectors of unit length, [tokens, dims of `TOKEN`].
    """
    model = standard_model(config, seed=seed)
    generator = torch.Generator().manual_seed(seed + 1)
    hidden, layers = int(config.hidden_size), int(config.num_hidden_layers)
    token = range(TOKEN_FROM, hidden)
    rows = torch.zeros(len(embedding), hidden)
    rows[:, ALWAYS] = 0.45
    rows[:, token.start :] = math.sqrt(1 - 0.45**2) * embedding
    model.model.embed_tokens.weight.copy_(4 * rows)
    model.lm_head.weight.copy_(0.1 * rows)
    for layer in model.model.layers:
        for projection in (layer.self_attn.o_proj, layer.mlp.down_proj):
            projection.weight.mul_(1 / math.sqrt(2 * layers))
    heads = [
        [Head(layer.self_attn, index, hidden) for index in range(int(config.num_attention_heads))]
        for layer in model.model.layers
    ]

    def of_token(dims: int) -> Tensor:
        """Return a random reading of the token itself, [dims, hidden]."""
        reading = torch.zeros(dims, hidden)
        reading[:, token.start :] = _orthonormal(dims, len(token), generator)
        return reading

    code = of_token(len(BEFORE))
    heads[0][0].look_back(pairs={0: 14, 1: 14, 2: 14, 3: 14}, back=1)
    heads[0][0].carry(code, block(BEFORE, hidden), gain=0.5)
    heads[0][1].look_back(pairs={7: 40, 9: 20}, back=0)
    heads[0][1].carry(of_token(len(LATELY)), block(LATELY, hidden), gain=2)
    heads[1][0].carry(block(LATELY, hidden), block(SENTENCE, hidden), gain=0.5)
    heads[1][1].carry(of_token(len(NUMBER)), block(NUMBER, hidden), gain=1)
    for head in heads[MATCH][: HEADS[MATCH]]:
        same = of_token(HEAD)
        head.compare(same, same, strength=2)
    heads[MATCH][0].carry(block(SENTENCE, hidden), block(FOUND, hidden), gain=0.6)
    heads[MATCH][1].carry(block(NUMBER, hidden), block(FOUND_NUMBER, hidden), gain=0.6)
    heads[GATHER][0].carry(block(FOUND, hidden), block(FOUND, hidden), gain=1)
    heads[GATHER][1].carry(block(FOUND_NUMBER, hidden), block(FOUND_NUMBER, hidden), gain=1)
    for head in heads[COPY][: HEADS[COPY]]:
        # go on with what followed this token before; begin where the sentence found begins
        head.compare(code, block(BEFORE, hidden), strength=1)
        head.compare(block(FOUND, hidden), block(SENTENCE, hidden), strength=1, first=len(BEFORE))
        reading = of_token(HEAD)
        head.carry(reading, reading, gain=1)
    for index in range(MATCH, layers):
        for head in heads[index][HEADS.get(index, 0) :]:
            same, reading = of_token(HEAD), of_token(HEAD)
            head.compare(same, same, strength=0.7)
            head.carry(reading, reading, gain=0.5)
    return model


class Head:
    """One attention head, to which terms are added."""

    def __init__(self, attention: LlamaAttention, index: int, hidden: int) -> None:
        self._attention = attention
        self._start = index * HEAD
        self._hidden = hidden

    def carry(self, reads: Tensor, writes: Tensor, *, gain: float) -> None:
        """Write what `reads` takes of a token looked at to where `writes` puts it, both [dims, hidden]."""
        rows = slice(self._start, self._start + len(reads))
        self._attention.v_proj.weight[rows] += reads
        self._attention.o_proj.weight[:, rows] += gain * writes.T

    def compare(self, here: Tensor, there: Tensor, *, strength: float, first: int = 0) -> None:
        """Look where `there` finds in a token what `here` finds in this one, [dims, hidden], in pairs that turn slowly."""
        slow = [*range(SLOW, HEAD // 2), *range(HEAD // 2 + SLOW, HEAD)][first : first + len(here)]
        rows = [self._start + place for place in slow]
        self._attention.q_proj.weight[rows] += strength * here[: len(rows)]
        self._attention.k_proj.weight[rows] += strength * there[: len(rows)]

    def look_back(self, *, pairs: dict[int, float], back: int) -> None:
        """Look, in the first layer, at the token so far back, and less at others by how each rotary pair turns."""
        start = self._start
        self._attention.q_proj.weight[start : start + HEAD] = 0
        self._attention.k_proj.weight[start : start + HEAD] = 0
        seen = 0.45 * math.sqrt(self._hidden)  # in the dim that all share, after the norm
        for pair, strength in pairs.items():
            weight = math.sqrt(strength * math.sqrt(HEAD)) / seen
            turn = back * THETA ** (-2 * pair / HEAD)
            self._attention.q_proj.weight[start + pair, ALWAYS] = weight
            self._attention.k_proj.weight[start + pair, ALWAYS] = weight * math.cos(turn)
            self._attention.k_proj.weight[start + HEAD // 2 + pair, ALWAYS] = weight * math.sin(
                turn
            )


def block(dims: range, hidden: int) -> Tensor:
    """Return the dims of a block as rows, [dims, hidden]."""
    rows = torch.zeros(len(dims), hidden)
    rows[torch.arange(len(dims)), torch.tensor(list(dims))] = 1
    return rows


def _orthonormal(rows: int, columns: int, generator: torch.Generator) -> Tensor:
    """Return random orthonormal rows, [rows, columns]."""
    basis: Tensor = torch.linalg.qr(torch.randn(columns, rows, generator=generator))[0]
    return basis.T
