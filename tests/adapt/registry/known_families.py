"""Tiny random models of the architectures of the list of bases, each with what is peculiar about the real one.

The chat templates are ours, in the form of the family's: same marks, same order, same treatment of the system message and of
thoughts. The hub's own cannot be fetched here.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from tokenizers import AddedToken, Tokenizer
from transformers import (
    AutoModelForCausalLM,
    Gemma3TextConfig,
    GraniteConfig,
    LlamaConfig,
    PretrainedConfig,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen3Config,
    SmolLM3Config,
)

from tests.merge.families import byte_level, sentencepiece

CHATML = (
    "{{% if messages[0]['role'] != 'system' %}}{own}{{% endif %}}"
    "{{% for m in messages %}}<|im_start|>{{{{ m['role'] }}}}\n"
    "{{% if m['role'] == 'assistant' and loop.last %}}{thoughts}{{% endif %}}"
    "{{{{ m['content'] }}}}<|im_end|>\n{{% endfor %}}"
    "{{% if add_generation_prompt %}}<|im_start|>assistant\n{begin}{{% endif %}}"
)
NO_THOUGHTS = "<think>\n\n</think>\n\n"
UNLESS_TOLD = (
    f"{{% if enable_thinking is defined and enable_thinking is false %}}{NO_THOUGHTS}{{% endif %}}"
)
GEMMA = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{% set first = messages[0]['content'] + '\n\n' %}"
    "{% set rest = messages[1:] %}{% else %}{% set first = '' %}{% set rest = messages %}{% endif %}"
    "{% for m in rest %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('roles must alternate user/assistant') }}{% endif %}"
    "<start_of_turn>{{ 'model' if m['role'] == 'assistant' else m['role'] }}\n"
    "{{ first if loop.first else '' }}{{ m['content'] | trim }}<end_of_turn>\n{% endfor %}"
    "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
LLAMA3 = (
    "{{ bos_token }}{% for m in messages %}<|start_header_id|>{{ m['role'] }}<|end_header_id|>\n\n"
    "{{ m['content'] | trim }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
GRANITE = (
    "{% if messages[0]['role'] != 'system' %}<|start_of_role|>system<|end_of_role|>You are Granite.<|end_of_text|>\n"
    "{% endif %}{% for m in messages %}<|start_of_role|>{{ m['role'] }}<|end_of_role|>{{ m['content'] }}<|end_of_text|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|start_of_role|>assistant<|end_of_role|>{% endif %}"
)


def chatml(*, own: str = "", thoughts: str = "", begin: str = "") -> str:
    """Return a template in the form of ChatML."""
    return CHATML.format(own=own, thoughts=thoughts, begin=begin)


@dataclass(frozen=True)
class Shape:
    """What is peculiar about a base, at the smallest size at which it still is.

    Attributes:
        cut: how text is cut into tokens: "spm" as SentencePiece, else a name of llama.cpp's for a byte-level BPE.
        stops: control tokens that end an answer, the tokenizer's own first.
        starts: begins every text, as its template says.
        pads: fills short rows; "" where the family names none, and a stop is taken.
        head_twice: stores the tied head a second time.
        shards: number of weight files, with an index.
    """

    config: type[PretrainedConfig]
    template: str
    cut: str
    stops: tuple[str, ...]
    marks: tuple[str, ...]
    starts: str = ""
    pads: str = ""
    changes: dict[str, object] = field(default_factory=dict)
    head_twice: bool = False
    shards: int = 1


IM = ("<|im_start|>", "<|im_end|>")
SHAPES = {
    "Qwen/Qwen2.5-0.5B-Instruct": Shape(
        Qwen2Config,
        chatml(own="<|im_start|>system\nYou are Qwen.<|im_end|>\n"),
        "qwen2",
        ("<|im_end|>", "<|endoftext|>"),
        IM,
        changes={
            "num_attention_heads": 7,
            "num_key_value_heads": 1,
            "hidden_size": 56,
            "head_dim": None,
        },
    ),
    "Qwen/Qwen3-0.6B": Shape(
        Qwen3Config,
        chatml(thoughts=NO_THOUGHTS, begin=UNLESS_TOLD),
        "qwen2",
        ("<|im_end|>", "<|endoftext|>"),
        (*IM, "<think>", "</think>"),
        changes={"head_dim": 32},  # wider together than the model, as there
        head_twice=True,
    ),
    "google/gemma-3-1b-it": Shape(
        Gemma3TextConfig,
        GEMMA,
        "spm",
        ("<eos>", "<end_of_turn>"),
        ("<start_of_turn>", "<end_of_turn>"),
        starts="<bos>",
        changes={
            "num_hidden_layers": 6,
            "num_key_value_heads": 1,
            "query_pre_attn_scalar": 16,
            "sliding_window": 8,
        },
    ),
    "meta-llama/Llama-3.2-1B-Instruct": Shape(
        LlamaConfig,
        LLAMA3,
        "llama-bpe",
        ("<|eot_id|>", "<|end_of_text|>", "<|eom_id|>"),
        ("<|start_header_id|>", "<|end_header_id|>"),
        starts="<|begin_of_text|>",
        changes={
            "max_position_embeddings": 131_072,
            "rope_parameters": {
                "rope_type": "llama3",
                "rope_theta": 500_000.0,
                "factor": 32.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 8192,
            },
        },
    ),
    "BSC-LT/salamandra-2b-instruct": Shape(
        LlamaConfig,
        chatml(),
        "spm",
        ("<|im_end|>", "</s>"),
        IM,
        changes={"num_key_value_heads": 4, "tie_word_embeddings": False},
    ),
    "ibm-granite/granite-3.3-2b-instruct": Shape(
        GraniteConfig,
        GRANITE,
        "smollm",
        ("<|end_of_text|>",),
        ("<|start_of_role|>", "<|end_of_role|>"),
        changes={
            "embedding_multiplier": 12.0,
            "attention_multiplier": 0.0625,
            "residual_multiplier": 0.22,
            "logits_scaling": 8.0,
            "head_dim": None,
        },
        shards=2,
    ),
    "HuggingFaceTB/SmolLM3-3B": Shape(
        SmolLM3Config,
        chatml(own="<|im_start|>system\nReasoning Mode: /no_think<|im_end|>\n", begin=UNLESS_TOLD),
        "llama-bpe",
        ("<|im_end|>",),
        (*IM, "<think>", "</think>"),
        pads="<|finetune_right_pad_id|>",
        changes={"num_hidden_layers": 4, "no_rope_layer_interval": 4, "head_dim": None},
        shards=2,
    ),
    "Qwen/Qwen3-4B-Instruct-2507": Shape(
        Qwen3Config,
        chatml(),
        "qwen2",
        ("<|im_end|>", "<|endoftext|>"),
        IM,
        changes={"max_position_embeddings": 262_144, "head_dim": 32},
        shards=3,
    ),
}


def tokenizer_of(shape: Shape) -> PreTrainedTokenizerFast:
    """Return a tokenizer of the family's kind, with its control tokens and its chat template."""
    core: Tokenizer = sentencepiece(prefix=False) if shape.cut == "spm" else byte_level(shape.cut)
    control = dict.fromkeys([*shape.stops, *shape.marks, *filter(None, [shape.starts, shape.pads])])
    thoughts = {"<think>", "</think>"}  # plain added tokens, which an answer may show
    core.add_special_tokens(
        [AddedToken(token, special=True) for token in control if token not in thoughts]
    )
    core.add_tokens([AddedToken(token, special=False) for token in control if token in thoughts])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core,
        unk_token=None,
        bos_token=shape.starts or None,
        eos_token=shape.stops[0],
        pad_token=shape.pads or None,
    )
    tokenizer.chat_template = shape.template
    return tokenizer


def make_known(folder: Path, name: str, *, seed: int = 0) -> Path:
    """Write a tiny random model in the shape of a base of the list, as its repository holds one, and return its folder."""
    torch.manual_seed(seed)
    shape = SHAPES[name]
    words = tokenizer_of(shape)
    ends = words.convert_tokens_to_ids(list(shape.stops))
    settings: dict[str, object] = {
        "vocab_size": len(words) + 3,  # rows of no token
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 16,
        "max_position_embeddings": 2048,
        "tie_word_embeddings": True,
        "eos_token_id": ends if len(ends) > 1 else ends[0],
        "bos_token_id": words.bos_token_id,
        "pad_token_id": words.pad_token_id,
        **shape.changes,
    }
    given = {key: value for key, value in settings.items() if value is not None}
    model = AutoModelForCausalLM.from_config(shape.config(**given)).to(torch.bfloat16)
    size = sum(parameter.numel() for parameter in model.parameters()) * 2
    model.save_pretrained(
        folder, max_shard_size=size if shape.shards == 1 else size // shape.shards
    )
    words.save_pretrained(folder)
    if shape.head_twice:
        _store_head(folder)
    (folder / "README.md").write_text("---\nlicense: apache-2.0\n---\n# A tiny random model\n")
    return folder


def _store_head(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    weights["lm_head.weight"] = weights["model.embed_tokens.weight"].clone()
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def index(folder: Path) -> dict[str, str]:
    """Return which file holds which tensor."""
    text = (folder / "model.safetensors.index.json").read_text()
    named: dict[str, str] = json.loads(text)["weight_map"]
    return named
