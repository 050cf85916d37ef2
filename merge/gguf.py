"""Writes a model folder as one GGUF file, with the tokenizer and the chat template in it; one tensor in memory at a time.

The format is https://github.com/ggml-org/ggml/blob/master/docs/gguf.md; tensor names come from the `gguf` package (extra
`gguf`), what llama.cpp expects in them from its convert_hf_to_gguf.py. So far Llama models with a byte-level BPE
that cuts text as GPT-2, SmolLM or the starter do; others are refused by name. Weights keep the dtype that they have, or
become fp32: of 120 answers of two merged starters llama.cpp gave 120 as transformers does in fp32, and 118 from bf16 files.
"""

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from adapt.errors import AdaptError, ModelError
from merge.checkpoint import Checkpoint, open_checkpoint, read_object

if TYPE_CHECKING:
    from gguf import GGUFWriter

SMALL = 100_000_000  # parameters; up to here exactness is worth a file of twice the size
DTYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
LINE_END = "Ċ"  # how a byte-level vocabulary writes it
_TRAINING_MARK = re.compile(r"\{%(-?)\s*(end)?generation\s*(-?)%\}")


def write_gguf(folder: Path, target: Path, *, name: str, fp32: bool | None = None) -> Path:
    """Write the model of a Hugging Face folder to a new GGUF file; it is there complete or not at all.

    Args:
        fp32: whether all weights become fp32, twice as large as bf16; unless given, those of a model of at most `SMALL`.

    Raises:
        ModelError: the model or its tokenizer is of a kind that cannot be written yet, or the extra is missing.
        AdaptError: the target exists.
    """
    try:
        import gguf
    except ImportError as error:
        raise ModelError("GGUF needs the extra: pip install 'adapt-llm[gguf]'") from error
    if target.exists():
        raise AdaptError(f"{target}: exists; name another file with --out")
    checkpoint = open_checkpoint(folder)
    tokenizer = read_object(folder / "tokenizer.json")
    _check_model(checkpoint)
    cut = pre_tokenizer(tokenizer, folder)
    if fp32 is None:
        fp32 = _parameters(checkpoint) <= SMALL
    with _whole(target) as staged:
        writer = gguf.GGUFWriter(staged, "llama")
        try:
            _add_model(writer, checkpoint, name, fp32=fp32)
            _add_tokenizer(writer, folder, tokenizer, cut, _rows(checkpoint))
            _add_weights(writer, checkpoint, fp32=fp32)
        finally:
            writer.close()
    return target


@contextmanager
def _whole(target: Path) -> Iterator[Path]:
    """Yield a path beside the target, renamed to it at the end and removed after a failure."""
    target.parent.mkdir(parents=True, exist_ok=True)
    staged = target.with_name(f".{target.name}.partial")
    try:
        yield staged
        staged.replace(target)
    finally:
        staged.unlink(missing_ok=True)


def _check_model(checkpoint: Checkpoint) -> None:
    config, folder = checkpoint.config, checkpoint.folder
    if config.get("model_type") != "llama":
        raise ModelError(
            f"{folder}: GGUF is written for Llama models so far, and this is '{config.get('model_type')}'; "
            "export it with --to hf and use llama.cpp's convert_hf_to_gguf.py"
        )
    kind = _rope(config).get("rope_type", "default")
    if kind != "default":
        raise ModelError(f"{folder}: GGUF with '{kind}' rotary scaling is not written yet")
    for name in checkpoint.home:
        dtype = checkpoint.record(name).dtype
        if dtype not in DTYPES:
            raise ModelError(f"{folder}: '{name}' is {dtype}; GGUF takes {', '.join(DTYPES)}")


def _rope(config: dict[str, Any]) -> dict[str, Any]:
    """Return the rotary embedding's parameters, as transformers 5 writes them or as 4 did."""
    found = config.get("rope_parameters") or config.get("rope_scaling") or {}
    return {"rope_theta": config.get("rope_theta", 10_000.0), **found}


def pre_tokenizer(tokenizer: dict[str, Any], folder: Path) -> str:
    """Return llama.cpp's name for the way in which a tokenizer.json cuts text before its merges.

    Raises:
        ModelError: it is none of those known here.
    """
    model = tokenizer.get("model") or {}
    before = tokenizer.get("pre_tokenizer") or {}
    steps = list(before.get("pretokenizers") or [before])
    plain = (
        model.get("type") == "BPE"
        and not model.get("byte_fallback")
        and not model.get("ignore_merges")
        and tokenizer.get("normalizer") is None
    )
    last = steps.pop()
    if plain and last.get("type") == "ByteLevel" and last.get("use_regex") is True:
        if steps and _isolates_lines(steps[0]) and _lines_stand_alone(model["vocab"]):
            steps.pop(0)
        digits = [one.get("type") == "Digits" and one.get("individual_digits") for one in steps]
        if not last.get("add_prefix_space") and digits in ([], [True]):
            return "smollm" if digits else "gpt-2"
    raise ModelError(
        f"{folder}: its tokenizer is none of those that GGUF is written for so far (byte-level BPE cut as by "
        "GPT-2 or SmolLM); export it with --to hf and use llama.cpp's convert_hf_to_gguf.py"
    )


def _isolates_lines(step: dict[str, Any]) -> bool:
    return (
        step.get("type") == "Split"
        and step.get("pattern") in ({"Regex": "\\n"}, {"String": "\n"})
        and step.get("behavior") == "Isolated"
        and not step.get("invert")
    )


def _lines_stand_alone(vocabulary: dict[str, int]) -> bool:
    """Return whether no token joins a line end with anything, so that cutting at line ends changes nothing."""
    return all(LINE_END not in token or token == LINE_END for token in vocabulary)


def _add_model(writer: "GGUFWriter", checkpoint: Checkpoint, name: str, *, fp32: bool) -> None:
    import gguf

    config: dict[str, Any] = checkpoint.config
    heads, width = int(config["num_attention_heads"]), int(config["hidden_size"])
    head_size = int(config.get("head_dim") or width // heads)
    writer.add_type(gguf.GGUFType.MODEL)
    writer.add_name(name)
    writer.add_context_length(int(config["max_position_embeddings"]))
    writer.add_embedding_length(width)
    writer.add_block_count(int(config["num_hidden_layers"]))
    writer.add_feed_forward_length(int(config["intermediate_size"]))
    writer.add_head_count(heads)
    writer.add_head_count_kv(int(config.get("num_key_value_heads") or heads))
    writer.add_key_length(head_size)
    writer.add_value_length(head_size)
    writer.add_rope_dimension_count(head_size)
    writer.add_rope_freq_base(float(_rope(config)["rope_theta"]))
    writer.add_layer_norm_rms_eps(float(config.get("rms_norm_eps", 1e-6)))
    writer.add_vocab_size(_rows(checkpoint))
    kinds = {
        "F32": gguf.LlamaFileType.ALL_F32,
        "F16": gguf.LlamaFileType.MOSTLY_F16,
        "BF16": gguf.LlamaFileType.MOSTLY_BF16,
    }
    writer.add_file_type(kinds["F32" if fp32 else checkpoint.record(_embedding(checkpoint)).dtype])


def _embedding(checkpoint: Checkpoint) -> str:
    name = checkpoint.embedding
    if name is None:
        raise ModelError(f"{checkpoint.folder}: its input embedding is not found")
    return name


def _parameters(checkpoint: Checkpoint) -> int:
    return sum(math.prod(checkpoint.record(name).shape) for name in checkpoint.home)


def _rows(checkpoint: Checkpoint) -> int:
    return checkpoint.record(_embedding(checkpoint)).shape[0]


def _add_tokenizer(
    writer: "GGUFWriter", folder: Path, tokenizer: dict[str, Any], cut: str, rows: int
) -> None:
    import gguf

    tokens = [f"[PAD{index}]" for index in range(rows)]
    types = [int(gguf.TokenType.UNUSED)] * rows
    for token, index in tokenizer["model"]["vocab"].items():
        tokens[index], types[index] = token, int(gguf.TokenType.NORMAL)
    for added in tokenizer.get("added_tokens", []):
        kind = gguf.TokenType.CONTROL if added["special"] else gguf.TokenType.USER_DEFINED
        tokens[added["id"]], types[added["id"]] = added["content"], int(kind)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(cut)
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    special = gguf.SpecialVocab(folder, load_merges=True, n_vocab=rows)
    special.add_special_token.setdefault("bos", False)  # llama.cpp would choose by the model's kind
    if isinstance(special.chat_template, str):
        special.chat_template = without_training_marks(special.chat_template)
    special.add_to_gguf(writer, quiet=True)


def without_training_marks(template: str) -> str:
    """Return a chat template without transformers' `{% generation %}`, which no other reader knows; it renders the same."""
    return _TRAINING_MARK.sub(
        lambda match: f"{{%{match[1]} {'endif' if match[2] else 'if true'} {match[3]}%}}", template
    )


def _add_weights(writer: "GGUFWriter", checkpoint: Checkpoint, *, fp32: bool) -> None:
    import gguf

    config: dict[str, Any] = checkpoint.config
    heads = int(config["num_attention_heads"])
    turned = {"q_proj": heads, "k_proj": int(config.get("num_key_value_heads") or heads)}
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, int(config["num_hidden_layers"]))
    chosen: dict[str, str] = {}
    for name in checkpoint.home:
        theirs = names.get_name(name, try_suffixes=(".weight", ".bias"))
        if theirs is None:
            raise ModelError(f"{checkpoint.folder}: GGUF has no place for '{name}'")
        if not (theirs.startswith("output.") and checkpoint.is_tied):
            chosen[name] = theirs
    for name, theirs in chosen.items():
        record = checkpoint.record(name)
        kind, item = _kind("F32" if fp32 else record.dtype, len(record.shape))
        size = record.bytes // DTYPES[record.dtype].itemsize * item
        writer.add_tensor_info(theirs, record.shape, _stand_in(item), size, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for name in chosen:
        record = checkpoint.record(name)
        data = torch.frombuffer(checkpoint.home[name].read(name), dtype=DTYPES[record.dtype])
        tensor = data.reshape(record.shape)
        if fp32 or len(record.shape) == 1:
            tensor = tensor.float()
        part = name.split(".")[-2]
        if part in turned:
            tensor = rotate_halves(tensor, turned[part])
        writer.write_tensor_data(tensor.contiguous().view(torch.uint8).numpy())


def _kind(dtype: str, dims: int) -> tuple[Any, int]:
    """Return GGUF's type and its bytes per number; vectors are always fp32, as llama.cpp computes them."""
    import gguf

    if dims == 1 or dtype == "F32":
        return gguf.GGMLQuantizationType.F32, 4
    return gguf.GGMLQuantizationType[dtype], 2


def _stand_in(item: int) -> Any:
    """Return a numpy dtype of that size: the writer asks for one, and numpy has no bf16."""
    import numpy as np

    return np.dtype(np.float32 if item == 4 else np.float16)


def rotate_halves(weight: Tensor, heads: int) -> Tensor:
    """Return rows of q or k, [heads · size, …], as llama.cpp wants them: it turns neighbours, transformers turns halves."""
    size = weight.shape[0] // heads
    return (
        weight.reshape(heads, 2, size // 2, *weight.shape[1:]).transpose(1, 2).reshape(weight.shape)
    )
