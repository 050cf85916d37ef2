"""Writes a model folder as one GGUF file, with the tokenizer and the chat template in it; one tensor in memory at a time.

The format is https://github.com/ggml-org/ggml/blob/master/docs/gguf.md; tensor names come from the `gguf` package (extra
`gguf`). Which models (`merge.export.gguf.families`), which tokenizers (`merge.export.gguf.tokenizer`) and in which types of
number (`merge.export.gguf.types`) stand in their own files.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from adapt.errors import ModelError
from adapt.protocols import Progress, no_progress
from adapt.records import ProgressEvent
from adapt.workspace.staged import staged_file
from merge.export.gguf.families import (
    Config,
    Family,
    add_rope,
    context_length,
    family_of,
    head_size,
    rope_factors,
)
from merge.export.gguf.tokenizer import add_vocabulary, read_vocabulary
from merge.export.gguf.types import FILE_TYPES, Stored, stored_as, tensor_bytes
from merge.weights.checkpoint import Checkpoint, open_checkpoint

if TYPE_CHECKING:
    from gguf import GGUFWriter

SMALL = 100_000_000  # parameters; up to here exactness is worth a file of twice the size
DTYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}


@dataclass(frozen=True)
class Written:
    """One tensor of the file: its name there, how it is stored, and what gives its values."""

    name: str
    stored: Stored
    read: Callable[[], Tensor]


def write_gguf(
    folder: Path, target: Path, *, name: str, kind: str = "", progress: Progress = no_progress
) -> Path:
    """Write the model of a Hugging Face folder to a new GGUF file; it is there complete or not at all.

    Args:
        kind: how matrices are stored: f32, f16, bf16 or q8_0; vectors are always f32. Unless given, f32 for a model of at
            most `SMALL` parameters and else the dtype that they have: of 120 answers of two merged starters llama.cpp gave
            120 as transformers does in f32, and 118 from bf16 files.

    Raises:
        ModelError: the model or its tokenizer is of a kind that cannot be written, or the extra is missing.
        AdaptError: the target exists.
    """
    checkpoint = open_checkpoint(folder)
    kind = kind or default_kind(checkpoint)
    family = _checked(checkpoint)
    vocabulary = read_vocabulary(folder)
    tensors = list(_tensors(checkpoint, family, kind))
    with staged_file(target) as staged:
        writer = _gguf().GGUFWriter(staged, _gguf().MODEL_ARCH_NAMES[_arch(family)])
        try:
            _add_model(writer, checkpoint, family, name, kind)
            add_vocabulary(writer, vocabulary, _rows(checkpoint))
            _write_tensors(writer, tensors, progress)
        finally:
            writer.close()
    return target


def default_kind(checkpoint: Checkpoint) -> str:
    """Return how the matrices of a model are stored by default: f32 for a small one, else as they are."""
    if sum(math.prod(checkpoint.record(name).shape) for name in checkpoint.home) <= SMALL:
        return "f32"
    return checkpoint.record(_embedding(checkpoint)).dtype.lower()


def _gguf() -> Any:
    try:
        import gguf
    except ImportError as error:
        raise ModelError("GGUF needs the extra: pip install 'adapt-llm[gguf]'") from error
    return gguf


def _checked(checkpoint: Checkpoint) -> Family:
    _gguf()
    for name in checkpoint.home:
        dtype = checkpoint.record(name).dtype
        if dtype not in DTYPES:
            raise ModelError(
                f"{checkpoint.folder}: '{name}' is {dtype}; GGUF takes {', '.join(DTYPES)}"
            )
    return family_of(checkpoint)


def _arch(family: Family) -> Any:
    return _gguf().MODEL_ARCH[family.arch]


def _embedding(checkpoint: Checkpoint) -> str:
    name = checkpoint.embedding
    if name is None:
        raise ModelError(f"{checkpoint.folder}: its input embedding is not found")
    return name


def _rows(checkpoint: Checkpoint) -> int:
    return checkpoint.record(_embedding(checkpoint)).shape[0]


def _add_model(
    writer: "GGUFWriter", checkpoint: Checkpoint, family: Family, name: str, kind: str
) -> None:
    config: Config = checkpoint.config
    heads = int(config["num_attention_heads"])
    writer.add_type(_gguf().GGUFType.MODEL)
    writer.add_name(name)
    writer.add_context_length(context_length(config))
    writer.add_embedding_length(int(config["hidden_size"]))
    writer.add_block_count(int(config["num_hidden_layers"]))
    writer.add_feed_forward_length(int(config["intermediate_size"]))
    writer.add_head_count(heads)
    writer.add_head_count_kv(int(config.get("num_key_value_heads") or heads))
    writer.add_key_length(head_size(config))
    writer.add_value_length(head_size(config))
    writer.add_layer_norm_rms_eps(float(config.get("rms_norm_eps", 1e-6)))
    writer.add_vocab_size(_rows(checkpoint))
    add_rope(writer, config)
    family.add(writer, config)
    writer.add_file_type(_gguf().LlamaFileType[FILE_TYPES[kind]])


def _tensors(checkpoint: Checkpoint, family: Family, kind: str) -> Iterator[Written]:
    config: Config = checkpoint.config
    heads = int(config["num_attention_heads"])
    turned = {"q_proj": heads, "k_proj": int(config.get("num_key_value_heads") or heads)}
    names = _gguf().get_tensor_name_map(_arch(family), int(config["num_hidden_layers"]))
    for name in checkpoint.home:
        theirs = names.get_name(name, try_suffixes=(".weight", ".bias"))
        if theirs is None:
            raise ModelError(f"{checkpoint.folder}: GGUF has no place for '{name}'")
        if theirs.startswith("output.") and checkpoint.is_tied:
            continue
        part = name.split(".")[-2]

        def read(
            name: str = name,
            heads: int = turned.get(part, 0) if family.turned else 0,
            shift: float = family.norm_shift if part.endswith("norm") else 0.0,
        ) -> Tensor:
            tensor = _read(checkpoint, name)
            if shift:
                tensor = tensor.float() + shift
            return rotate_halves(tensor, heads) if heads else tensor

        yield Written(theirs, stored_as(kind, checkpoint.record(name).shape), read)
    factors = rope_factors(config)
    if factors is not None:
        yield Written("rope_freqs.weight", stored_as("f32", tuple(factors.shape)), lambda: factors)


def _read(checkpoint: Checkpoint, name: str) -> Tensor:
    record = checkpoint.record(name)
    data = torch.frombuffer(checkpoint.home[name].read(name), dtype=DTYPES[record.dtype])
    return data.reshape(record.shape)


def _write_tensors(writer: "GGUFWriter", tensors: list[Written], progress: Progress) -> None:
    for tensor in tensors:
        writer.add_tensor_info(
            tensor.name,
            tensor.stored.shape,
            tensor.stored.stand_in,
            tensor.stored.bytes,
            raw_dtype=_gguf().GGMLQuantizationType[tensor.stored.type],
        )
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    whole, done = sum(tensor.stored.bytes for tensor in tensors), 0
    for tensor in tensors:
        progress(ProgressEvent("write", done, whole, tensor.name))
        writer.write_tensor_data(tensor_bytes(tensor.read(), tensor.stored, name=tensor.name))
        done += tensor.stored.bytes
    progress(ProgressEvent("write", whole, whole, "written"))


def rotate_halves(weight: Tensor, heads: int) -> Tensor:
    """Return rows of q or k, [heads · size, …], as llama.cpp wants them: it turns neighbours, transformers turns halves."""
    size = weight.shape[0] // heads
    return (
        weight.reshape(heads, 2, size // 2, *weight.shape[1:]).transpose(1, 2).reshape(weight.shape)
    )
