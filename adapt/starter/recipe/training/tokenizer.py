"""Trains the starter model's tokenizer and writes it as Hugging Face files; owns the special tokens and the chat template."""

import json
from collections.abc import Iterable
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from adapt.models.decoding.tools import HEADING

PAD, SYSTEM, USER, ASSISTANT, END = "<|pad|>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>"
SPECIAL_TOKENS = [PAD, SYSTEM, USER, ASSISTANT, END]
VOCABULARY_SIZE = 8192

CHAT_TEMPLATE = """\
{%- set listing = '' -%}
{%- if tools -%}
{%- set listing = 'HEADING\\n' ~ (tools | map('tojson') | join('\\n')) -%}
{%- if not messages or messages[0]['role'] != 'system' -%}
{{- '<|system|>\\n' ~ listing ~ '<|end|>\\n' -}}
{%- endif -%}
{%- endif -%}
{%- for message in messages -%}
{%- if message['role'] not in ['system', 'user', 'assistant'] -%}
{{- raise_exception("unknown role '" ~ message['role'] ~ "'; known roles: system, user, assistant") -}}
{%- endif -%}
{{- '<|' ~ message['role'] ~ '|>\\n' -}}
{%- if message['role'] == 'assistant' -%}
{%- generation -%}{{- message['content'] ~ '<|end|>' -}}{%- endgeneration -%}
{%- else -%}
{{- message['content'] -}}
{%- if listing and loop.first and message['role'] == 'system' -%}
{{- '\\n\\n' ~ listing -}}
{%- endif -%}
{{- '<|end|>' -}}
{%- endif -%}
{{- '\\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}
{{- '<|assistant|>\\n' -}}
{%- endif -%}
""".replace("HEADING", HEADING)


def train_tokenizer(texts: Iterable[str], *, vocabulary_size: int = VOCABULARY_SIZE) -> Tokenizer:
    """Return a byte-level BPE that reads any text back exactly; digits and line ends always stand alone.

    Line ends stand alone so that a message has the same tokens by itself and inside a conversation; by its
    rules llama.cpp's `smollm` pre-tokenizer gives the same, since no merge joins a line end or a digit with anything.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex("\\n"), "isolated"),
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary_size,
        special_tokens=SPECIAL_TOKENS,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer=trainer)
    return tokenizer


def write_tokenizer(tokenizer: Tokenizer, folder: Path, *, max_length: int) -> None:
    """Write tokenizer.json, tokenizer_config.json and chat_template.jinja into the folder."""
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": END,
        "pad_token": PAD,
        "extra_special_tokens": [SYSTEM, USER, ASSISTANT],
        "model_max_length": max_length,
        "padding_side": "right",
        "clean_up_tokenization_spaces": False,
        "model_input_names": ["input_ids", "attention_mask"],
    }
    (folder / "tokenizer_config.json").write_text(
        json.dumps(config, indent=2) + "\n", encoding="utf-8"
    )
    (folder / "chat_template.jinja").write_text(CHAT_TEMPLATE, encoding="utf-8")
