"""A tokenizer as llama.cpp keeps it: tokens, their kinds, merges or scores, how text is cut, and the chat template.

What is written is what transformers does with the folder, asked of the loaded tokenizer. Two kinds are known: byte-level BPE
cut as by GPT-2, SmolLM, Llama 3, Qwen 2 or Mistral's Tekken, and BPE of a SentencePiece model (Llama 2, Mistral, Gemma).
Others are refused by name. Source: llama.cpp's `src/llama-vocab.cpp`.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transformers import GenerationConfig, PreTrainedTokenizerBase

from adapt.errors import ModelError
from adapt.models.loading import load_tokenizer
from merge.export.gguf.spm_scores import merge_scores

if TYPE_CHECKING:
    from gguf import GGUFWriter

LINE_END = "Ċ"  # how a byte-level vocabulary writes it
SPACE = "▁"  # how SentencePiece does
CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"
AFTER_NUMBERS = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
# the pattern of a tokenizer.json, and llama.cpp's name for it; True where whole words are looked up before any merge
PATTERNS = {
    CONTRACTIONS + r"\p{N}{1,3}" + AFTER_NUMBERS: ("llama-bpe", True),
    CONTRACTIONS + r"\p{N}" + AFTER_NUMBERS: ("qwen2", False),
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|"
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|"
    r"\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+": ("tekken", True),
}


@dataclass(frozen=True)
class Vocabulary:
    """What of a tokenizer llama.cpp wants to know.

    Attributes:
        model: "gpt2" for byte-level BPE, "llama" for one of SentencePiece.
        cut: llama.cpp's name for how text is cut before its merges.
        merges: of byte-level BPE, in order, a space between the two.
        scores: of SentencePiece: which token is merged first; higher is earlier.
        prefix: of SentencePiece: whether a space is put before text.
        eots: tokens beside the end-of-sequence token that end an answer.
    """

    tokenizer: PreTrainedTokenizerBase
    content: Mapping[str, Any]
    model: str
    cut: str
    merges: Sequence[str] = ()
    scores: Mapping[str, float] = field(default_factory=dict)
    prefix: bool = False
    eots: Sequence[int] = ()

    @property
    def template(self) -> object:
        """Return the chat template, Adapt's own where the folder has none."""
        return self.tokenizer.chat_template


def read_vocabulary(folder: Path) -> Vocabulary:
    """Return the tokenizer of a model folder.

    Raises:
        ModelError: there is none, or llama.cpp would cut text otherwise than it does.
    """
    tokenizer = load_tokenizer(folder)
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise ModelError(f"{folder}: its tokenizer is no tokenizer.json; GGUF needs one")
    content = json.loads(backend.to_str())
    eots = other_ends(folder, tokenizer.eos_token_id)
    if content["model"].get("byte_fallback"):
        return _sentencepiece(tokenizer, content, folder, eots)
    merges = [
        merge if isinstance(merge, str) else " ".join(merge) for merge in content["model"]["merges"]
    ]
    cut = pre_tokenizer(content, folder)
    return Vocabulary(tokenizer, content, "gpt2", cut, merges=merges, eots=eots)


def other_ends(folder: Path, eos: int) -> list[int]:
    """Return the tokens beside `eos` that end an answer, as the folder's generation settings say."""
    if not (folder / "generation_config.json").is_file():
        return []
    stated = GenerationConfig.from_pretrained(folder, local_files_only=True).eos_token_id
    ends = stated if isinstance(stated, list) else [] if stated is None else [stated]
    return [end for end in ends if end != eos]


def pre_tokenizer(tokenizer: Mapping[str, Any], folder: Path) -> str:
    """Return llama.cpp's name for the way in which a byte-level tokenizer.json cuts text before its merges.

    Qwen's NFC is let pass, as llama.cpp's own converter does: text that is not in NFC is cut otherwise there.

    Raises:
        ModelError: it is none of those known here.
    """
    model = tokenizer.get("model") or {}
    before = tokenizer.get("pre_tokenizer") or {}
    steps = list(before.get("pretokenizers") or [before])
    last = steps.pop()
    if (
        model.get("type") == "BPE"
        and last.get("type") == "ByteLevel"
        and not last.get("add_prefix_space")
    ):
        normalizer = (tokenizer.get("normalizer") or {}).get("type")
        cut, looks_up = (
            _cut_as_gpt2(steps, model["vocab"], normalizer)
            if last.get("use_regex")
            else _cut_by_pattern(steps, normalizer)
        )
        if cut and looks_up == bool(model.get("ignore_merges")):
            return cut
    raise ModelError(_unknown(folder))


def _unknown(folder: Path) -> str:
    return (
        f"{folder}: its tokenizer is none of those that GGUF is written for so far (byte-level BPE cut as by GPT-2, "
        "SmolLM, Llama 3, Qwen 2 or Tekken; BPE of a SentencePiece model); export it with --to hf and use "
        "llama.cpp's convert_hf_to_gguf.py"
    )


def _cut_as_gpt2(
    steps: list[dict[str, Any]], vocabulary: Mapping[str, int], normalizer: str | None
) -> tuple[str, bool]:
    if steps and _isolates_lines(steps[0]) and _lines_stand_alone(vocabulary):
        steps = steps[1:]
    digits = [step.get("type") == "Digits" and step.get("individual_digits") for step in steps]
    if normalizer is None and digits in ([], [True]):
        return ("smollm" if digits else "gpt-2"), False
    return "", False


def _cut_by_pattern(steps: list[dict[str, Any]], normalizer: str | None) -> tuple[str, bool]:
    if len(steps) != 1 or steps[0].get("type") != "Split" or normalizer not in (None, "NFC"):
        return "", False
    step = steps[0]
    if step.get("behavior") != "Isolated" or step.get("invert"):
        return "", False
    return PATTERNS.get(step.get("pattern", {}).get("Regex", ""), ("", False))


def _isolates_lines(step: dict[str, Any]) -> bool:
    return (
        step.get("type") == "Split"
        and step.get("pattern") in ({"Regex": "\\n"}, {"String": "\n"})
        and step.get("behavior") == "Isolated"
        and not step.get("invert")
    )


def _lines_stand_alone(vocabulary: Mapping[str, int]) -> bool:
    """Return whether no token joins a line end with anything, so that cutting at line ends changes nothing."""
    return all(LINE_END not in token or token == LINE_END for token in vocabulary)


def _sentencepiece(
    tokenizer: PreTrainedTokenizerBase, content: Mapping[str, Any], folder: Path, eots: list[int]
) -> Vocabulary:
    """Return a BPE that replaces spaces by ▁ and falls back to bytes."""
    prefix = _space_before(content)
    if content["model"].get("type") != "BPE" or prefix is None:
        raise ModelError(_unknown(folder))
    scores = merge_scores(
        content["model"], apart={added["content"] for added in content["added_tokens"]}
    )
    if scores is None:
        raise ModelError(
            f"{folder}: its tokenizer's merges are not those of a SentencePiece model (each token by every pair that "
            "makes it, in one order), and llama.cpp would cut text otherwise; export it with --to hf"
        )
    return Vocabulary(
        tokenizer, content, "llama", "default", scores=scores, prefix=prefix, eots=eots
    )


def _space_before(content: Mapping[str, Any]) -> bool | None:
    """Return whether text gets a space in front, or None where its spaces are treated in a way unknown here.

    Metaspace's "first" is no space: a chat's text begins with a control token. Its "always" leaves text alone that begins
    with a space, where SentencePiece and llama.cpp put one more.
    """
    normalizer = content.get("normalizer") or {}
    steps = normalizer.get("normalizers") or ([normalizer] if normalizer else [])
    before = content.get("pre_tokenizer") or {}
    prepends = bool(steps) and steps[0] == {"type": "Prepend", "prepend": SPACE}
    replaces = {"type": "Replace", "pattern": {"String": " "}, "content": SPACE}
    if steps[prepends:] == [replaces] and before.get("type") in (None, "Split"):
        # splitting at a space that was replaced before does nothing
        does_nothing = not before or before.get("pattern") == {"String": " "}
        return prepends if does_nothing else None
    if steps or before.get("type") != "Metaspace" or before.get("replacement") != SPACE:
        return None
    return None if before.get("split") else before.get("prepend_scheme") == "always"


def add_vocabulary(writer: "GGUFWriter", vocabulary: Vocabulary, rows: int) -> None:
    """Write a tokenizer into a GGUF file; `rows` of the embedding without a token become unused ones."""
    tokenizer = vocabulary.tokenizer
    tokens, types = _tokens(vocabulary, rows)
    writer.add_tokenizer_model(vocabulary.model)
    writer.add_tokenizer_pre(vocabulary.cut)
    writer.add_token_list(tokens)
    if vocabulary.model == "llama":
        lowest = -float(len(vocabulary.scores)) - 1
        writer.add_token_scores([vocabulary.scores.get(token, lowest) for token in tokens])
        writer.add_add_space_prefix(vocabulary.prefix)
    else:
        writer.add_token_merges(vocabulary.merges)
    writer.add_token_types(types)
    for index, add in (
        (tokenizer.bos_token_id, writer.add_bos_token_id),
        (tokenizer.eos_token_id, writer.add_eos_token_id),
        (tokenizer.unk_token_id, writer.add_unk_token_id),
        (tokenizer.pad_token_id, writer.add_pad_token_id),
        (vocabulary.eots[0] if vocabulary.eots else None, writer.add_eot_token_id),
    ):
        if index is not None:
            add(index)
    ids = tokenizer("a").input_ids  # written out, since llama.cpp would choose by the model's kind
    writer.add_add_bos_token(bool(ids) and ids[0] == tokenizer.bos_token_id)
    writer.add_add_eos_token(bool(ids) and ids[-1] == tokenizer.eos_token_id)
    if isinstance(vocabulary.template, str):
        writer.add_chat_template(vocabulary.template)


def _tokens(vocabulary: Vocabulary, rows: int) -> tuple[list[str], list[int]]:
    import gguf

    kind = gguf.TokenType
    tokens = [f"[PAD{index}]" for index in range(rows)]
    types = [int(kind.UNUSED)] * rows
    spaced = vocabulary.model == "llama"
    for token, index in vocabulary.content["model"]["vocab"].items():
        is_byte = spaced and len(token) == 6 and token.startswith("<0x")
        tokens[index], types[index] = token, int(kind.BYTE if is_byte else kind.NORMAL)
    for added in vocabulary.content.get("added_tokens", []):
        text, index = added["content"], added["id"]
        if added["special"]:
            tokens[index], types[index] = text, int(kind.CONTROL)
        else:  # looked for in the text as it is, before its spaces are replaced
            tokens[index] = text.replace(SPACE, " ") if spaced else text
            types[index] = int(kind.USER_DEFINED)
    unknown = vocabulary.tokenizer.unk_token_id
    if spaced and unknown is not None:
        types[unknown] = int(kind.UNKNOWN)
    return tokens, types
