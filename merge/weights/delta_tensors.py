"""ΔW of an adapter, exact and lazy: one weight at a time, from the tensors of its safetensors file.

LoRA (arXiv:2106.09685): ΔW = s·B·A with s = alpha/rank, or alpha/√rank with rank stabilisation (arXiv:2312.03732).
DoRA (arXiv:2402.09353): ΔW = m·(W + s·B·A)/‖W + s·B·A‖ - W, the norm taken over each output's row.
Whole tensors (`modules_to_save`): ΔW = saved - W.
"""

import torch
from torch import Tensor

from adapt.errors import ModelError
from merge.weights.adapters import Adapter, Part
from merge.weights.safetensors_file import TensorFile, TensorRecord

DTYPES = {
    "BF16": torch.bfloat16,
    "F16": torch.float16,
    "F32": torch.float32,
    "F64": torch.float64,
}


def read_tensor(file: TensorFile, name: str) -> Tensor:
    """Return a tensor of a safetensors file in its own dtype and in memory of its own.

    Raises:
        ModelError: its dtype is not a plain float.
    """
    record = file.tensors[name]
    if record.dtype not in DTYPES:
        raise ModelError(
            f"{file.path}: '{name}' is {record.dtype}; only bf16, fp16, fp32 and fp64 can be merged"
        )
    return tensor_of(file.read(name), record)


def tensor_of(data: bytearray, record: TensorRecord) -> Tensor:
    """Return the tensor that these bytes of a safetensors file are; it shares their memory."""
    dtype = DTYPES[record.dtype]
    if not data:
        return torch.zeros(record.shape, dtype=dtype)
    return torch.frombuffer(data, dtype=dtype).reshape(record.shape)


def delta(adapter: Adapter, part: Part, base: Tensor) -> Tensor:
    """Return ΔW of one part, with the shape and dtype of the base's weight.

    Args:
        base: the base's weight in the dtype to compute in; needed by DoRA and whole tensors, not changed.

    Raises:
        ModelError: the adapter holds NaN or infinity.
    """
    if part.offset:
        return read_finite(adapter, part.offset, base.dtype) * part.scaling
    start = read_finite(adapter, part.full, base.dtype) if part.full else base
    if not part.a:
        return start - base
    b, a = factors(adapter, part, dtype=base.dtype)
    if not part.needs_base:
        return (b @ a).mul_(part.scaling)
    weight = start + (b @ a).mul_(part.scaling)
    if part.magnitude:
        axis = 0 if part.transposed else 1
        magnitude = read_finite(adapter, part.magnitude, base.dtype)
        factor = magnitude / torch.linalg.vector_norm(weight, dim=axis)
        weight.mul_(factor.unsqueeze(axis))
    return weight.sub_(base)


def factors(adapter: Adapter, part: Part, *, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Return (left, right) whose product has the base weight's shape: B and A, or Aᵀ and Bᵀ where it is (in, out)."""
    a = read_finite(adapter, part.a, dtype)
    b = read_finite(adapter, part.b, dtype)
    return (a.T, b.T) if part.transposed else (b, a)


def read_finite(adapter: Adapter, name: str, dtype: torch.dtype) -> Tensor:
    """Return a tensor of an adapter in `dtype`.

    Raises:
        ModelError: it holds NaN or infinity.
    """
    tensor = read_tensor(adapter.file, name).to(dtype)
    if not torch.isfinite(tensor).all():
        raise ModelError(
            f"{adapter.file.path}: '{name}' holds NaN or infinity; its training went wrong, train it again"
        )
    return tensor
