"""Tiny random models of every family that GGUF is written for, with tokenizers of every kind that llama.cpp cuts alike."""

from pathlib import Path

import torch
from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers as cuts,
    processors,
    trainers,
)
from transformers import (
    AutoModelForCausalLM,
    Gemma2Config,
    Gemma3TextConfig,
    GemmaConfig,
    LlamaConfig,
    MistralConfig,
    PretrainedConfig,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen3Config,
)

from merge.export.gguf.tokenizer import PATTERNS
from merge.export.verify import PROMPTS
from tests.tiny import TEMPLATE, TEXT

CONFIGS: dict[str, type[PretrainedConfig]] = {
    "llama": LlamaConfig,
    "mistral": MistralConfig,
    "qwen2": Qwen2Config,
    "qwen3": Qwen3Config,
    "gemma": GemmaConfig,
    "gemma2": Gemma2Config,
    "gemma3_text": Gemma3TextConfig,
}
SPECIAL = ["<unk>", "<s>", "<|end|>", "<pad>", "<|system|>", "<|user|>", "<|assistant|>"]
CORPUS = [*TEXT, *PROMPTS] * 3
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]


def byte_level(cut: str) -> Tokenizer:
    """Return a byte-level BPE that cuts text as llama.cpp's `cut` does."""
    pattern, looks_up = next(
        ((text, looks_up) for text, (name, looks_up) in PATTERNS.items() if name == cut),
        ("", False),
    )
    core = Tokenizer(models.BPE(ignore_merges=looks_up))
    steps: list[cuts.PreTokenizer] = []
    if pattern:
        steps.append(cuts.Split(Regex(pattern), "isolated"))
    if cut == "smollm":
        steps.append(cuts.Digits(individual_digits=True))
    steps.append(cuts.ByteLevel(add_prefix_space=False, use_regex=not pattern))
    core.pre_tokenizer = cuts.Sequence(steps)
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=640,
        special_tokens=SPECIAL,
        initial_alphabet=cuts.ByteLevel.alphabet(),
        show_progress=False,
    )
    core.train_from_iterator(CORPUS, trainer)
    return core


def sentencepiece(*, prefix: bool) -> Tokenizer:
    """Return a BPE with ▁ for spaces and bytes for what is unknown, its merges those that a SentencePiece model has."""
    learner = Tokenizer(models.BPE())
    learner.pre_tokenizer = cuts.Metaspace(prepend_scheme="always" if prefix else "never")
    learner.train_from_iterator(
        CORPUS, trainers.BpeTrainer(vocab_size=500, limit_alphabet=60, show_progress=False)
    )
    learnt = sorted(learner.get_vocab().items(), key=lambda item: item[1])
    vocabulary = {token: index for index, token in enumerate([*SPECIAL, *BYTES])}
    for token, _ in learnt:
        vocabulary.setdefault(token, len(vocabulary))
    merges = [
        (token[:cut], token[cut:])
        for token, _ in learnt
        for cut in range(1, len(token))
        if token[:cut] in vocabulary and token[cut:] in vocabulary
    ]
    core = Tokenizer(
        models.BPE(vocabulary, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True)
    )
    steps = [normalizers.Prepend("▁")] if prefix else []
    core.normalizer = normalizers.Sequence([*steps, normalizers.Replace(" ", "▁")])
    core.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    )
    core.add_special_tokens(
        [AddedToken(token, special=True, normalized=False) for token in SPECIAL]
    )
    return core


def tokenizer_of(kind: str, *, bos: bool = False) -> PreTrainedTokenizerFast:
    """Return a tokenizer: spm, spm-prefix, or one of llama.cpp's names for byte-level cuts."""
    core = (
        sentencepiece(prefix=kind == "spm-prefix") if kind.startswith("spm") else byte_level(kind)
    )
    if bos:
        core.post_processor = processors.TemplateProcessing(
            single="<s> $A", special_tokens=[("<s>", core.token_to_id("<s>"))]
        )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core,
        unk_token="<unk>",
        bos_token="<s>" if bos else None,
        eos_token="<|end|>",
        pad_token="<pad>",
        additional_special_tokens=SPECIAL[4:],
    )
    tokenizer.chat_template = ("{{ bos_token }}" if bos else "") + TEMPLATE
    return tokenizer


def make_family(
    folder: Path,
    family: str,
    *,
    tokenizer: str = "smollm",
    bos: bool = False,
    dtype: torch.dtype = torch.float32,
    seed: int = 0,
    **changes: object,
) -> Path:
    """Write a random model of a family whose norms and biases are no ones and zeros, and return its folder."""
    torch.manual_seed(seed)
    words = tokenizer_of(tokenizer, bos=bos)
    layers = 6 if family == "gemma3_text" else 2
    extra = (
        {"query_pre_attn_scalar": 16, "sliding_window": 8}
        if family in ("gemma2", "gemma3_text")
        else {}
    )
    settings = {
        "vocab_size": len(words) + 5,  # rows of no token
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_hidden_layers": layers,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 16,
        "max_position_embeddings": 512,
        "tie_word_embeddings": "gemma" in family,
        "eos_token_id": words.eos_token_id,
        "pad_token_id": words.pad_token_id,
        "bos_token_id": words.bos_token_id,
        **extra,
        **changes,
    }
    model = AutoModelForCausalLM.from_config(CONFIGS[family](**settings))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.15)
    model.to(dtype).save_pretrained(folder)
    words.save_pretrained(folder)
    return folder
