"""Builds the untrained starter model with its copying circuit in place.

Small models did not find the circuits that copy in our pilots (0 of 40 answers exact after 5M tokens). They are
known, so they are set by hand in the weights of a plain Llama, and training goes on from there:

    layer 0   previous token · token before it · whose turn this is · mean of the last dozen tokens
    layer 1   the question's words, gathered at the answer · the context in which my sentence began · my passage's number
    layer 2   where do the question's words stand? → the context of that sentence, the number of that passage
    layer 3   two heads begin with the first token of that sentence; two go on with the token that followed this one
              (same token, same token before, in that sentence)

The residual stream is cut into named blocks; embeddings are random in `CONTENT` and hold features in a few others.
Matches use rotary pairs that turn slowly (hence the large theta), distances use those that turn fast.
Reference: Olsson et al. 2022, In-context Learning and Induction Heads, arXiv:2209.11895; the construction is ours.
"""

import torch
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.models.llama.modeling_llama import LlamaAttention

from adapt.starter.recipe.embeddings import Vocabulary, copied_row, embedding_rows
from adapt.starter.recipe.heads import (
    BEFORE,
    BOUNDARY,
    BRACKET,
    CODE,
    CONST,
    CONTENT,
    CONTEXT,
    HEAD,
    HEADS,
    HIDDEN,
    LAYERS,
    MARKER,
    NEIGHBOURHOOD,
    NUMBER,
    NUMBERED,
    PREVIOUS,
    QUESTION,
    RARITY,
    ROLE,
    SENTENCE,
    STARTS,
    TARGET,
    THETA,
    WORD,
    Head,
)
from adapt.starter.recipe.tokenizer import END, PAD


def configuration(vocabulary_size: int, *, pad: int, end: int) -> LlamaConfig:
    """Return the starter model's architecture: a plain Llama without biases."""
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
        tie_word_embeddings=False,  # the circuit needs embeddings at rest, the output must learn fast
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
    embedding.copy_(embedding_rows(vocabulary, seed=seed))
    model.lm_head.weight.zero_()
    model.lm_head.weight[:, CONTENT.start :] = embedding[:, CONTENT.start :]
    digits = torch.stack(
        [copied_row(vocabulary, embedding, str(number)) for number in range(1, 10)]
    )
    attention = [layer.self_attn for layer in model.model.layers]
    _see_neighbours(attention[0])
    _gather(attention[1], digits)
    _find(attention[2], digits)
    _copy(attention[3])
    return model


def _energy(dims: int) -> float:
    return dims / len(CONTENT)


def _see_neighbours(attention: LlamaAttention) -> None:
    for head, (back, block) in enumerate(((1, PREVIOUS), (2, BEFORE))):
        neighbour = Head(attention, head, scale=14)
        for pair in range(4):
            neighbour.distance(pair, strength=14, peak=back)
        neighbour.write(CODE[: len(block)], block)
        if back == 1:
            neighbour.write(BOUNDARY, STARTS, first=40)
            neighbour.write(BRACKET, NUMBERED, first=41)
    role = Head(attention, 2, scale=14)
    for index, strength in enumerate((12, 24, 36)):
        role.pull(
            CONST,
            MARKER[index : index + 1],
            slot=30 + 2 * index,
            strength=strength,
            size=(0.5, 0.5),
        )
    role.write(MARKER, ROLE)
    recent = Head(attention, 3, scale=14)
    recent.distance(7, strength=40, peak=0)
    recent.distance(9, strength=20, peak=0)
    recent.pull(CONST, RARITY, slot=30, strength=2, size=(0.5, 0.3))
    recent.write(NEIGHBOURHOOD, CONTEXT, gain=2)


def _gather(attention: LlamaAttention, digits: Tensor) -> None:
    sink, half = MARKER[0:1], (0.5, 0.5)
    question = Head(attention, 0, scale=12)
    question.pull(ROLE[2:3], ROLE[1:2], slot=30, strength=25, size=half)
    question.pull(CONST, RARITY, slot=32, strength=3, size=(0.5, 0.3))
    question.pull(CONST, sink, slot=34, strength=12, size=half)
    question.write(WORD, QUESTION, gain=2)
    sentence = Head(attention, 1, scale=12)
    sentence.pull(CONST, STARTS, slot=30, strength=70, size=half)
    sentence.distance(8, strength=60)
    sentence.distance(10, strength=90)
    for role in (1, 2):
        sentence.pull(ROLE[role : role + 1], sink, slot=32, strength=200, size=half)
    sentence.write(CONTEXT, SENTENCE, gain=1.5)
    passage = Head(attention, 2, scale=12)
    passage.pull(CONST, NUMBERED, slot=30, strength=80, size=half)
    passage.distance(10, strength=60)
    passage.read_map(torch.linalg.pinv(digits).T, NUMBER, first=0, gain=0.5)


def _find(attention: LlamaAttention, digits: Tensor) -> None:
    sink, half = MARKER[0:1], (0.5, 0.5)
    for head in (0, 1):
        find = Head(attention, head, scale=11)
        find.match(QUESTION, WORD, slots=range(36), strength=40, energy=_energy(36))
        find.pull(ROLE[2:3], ROLE[0:1], slot=36, strength=40, size=half)
        find.pull(CONST, RARITY, slot=37, strength=3, size=(0.5, 0.3))
        for role in (0, 1):
            find.pull(ROLE[role : role + 1], sink, slot=38, strength=60, size=half)
        if head == 0:
            find.write(SENTENCE, TARGET, gain=3)
            continue
        find.pull(CONST, sink, slot=39, strength=60, size=half)
        find.pull(BRACKET, sink, slot=39, strength=-60, size=half)
        find.write_map(NUMBER, digits, first=0, gain=20)


def _copy(attention: LlamaAttention) -> None:
    sink, half = MARKER[0:1], (0.5, 0.5)
    for head in range(HEADS):
        copy = Head(attention, head, scale=10)
        if (
            head < 2
        ):  # go on: the token that followed this one, after the same token, in that sentence
            copy.match(CODE[:16], PREVIOUS[:16], slots=range(16), strength=14, energy=_energy(16))
            copy.match(
                PREVIOUS[:8], BEFORE[:8], slots=range(16, 24), strength=12, energy=_energy(8)
            )
            copy.match(TARGET[:12], SENTENCE[:12], slots=range(24, 36), strength=3, energy=0.1)
            copy.pull(CONST, sink, slot=38, strength=10, size=half)
        else:  # begin: the first token of that sentence, at the start of an answer only
            copy.match(TARGET, SENTENCE, slots=range(20), strength=24, energy=0.15)
            copy.pull(BOUNDARY, STARTS, slot=36, strength=25, size=half)
            copy.pull(BOUNDARY, ROLE[0:1], slot=37, strength=10, size=half)
            copy.pull(CONST, sink, slot=38, strength=28, size=half)
        block = CONTENT[64 * (head % 2) : 64 * (head % 2 + 1)]
        copy.write(block, block, gain=3)
