"""How numbers are stored in a GGUF file: f32, f16, bf16 and q8_0 are written here, all others by llama.cpp itself.

q8_0 is 32 numbers as one f16 scale and 32 int8, the reference rounding of `gguf.quants`.
"""

import importlib.util
import logging
import math
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from adapt.errors import ModelError

BLOCK, BLOCK_BYTES = 32, 34  # of q8_0
# what is written here, and its name among gguf's file types
FILE_TYPES = {
    "f32": "ALL_F32",
    "f16": "MOSTLY_F16",
    "bf16": "MOSTLY_BF16",
    "q8_0": "MOSTLY_Q8_0",
}
# what llama.cpp's quantizer makes of such a file, with its names; the i-quants want a matrix of importance and are left out
QUANTIZED = (
    "q4_0", "q4_1", "q5_0", "q5_1", "q2_k", "q3_k_s", "q3_k_m", "q3_k_l", "q4_k_s", "q4_k_m", "q5_k_s", "q5_k_m", "q6_k",
)  # fmt: skip
KINDS = (*FILE_TYPES, *QUANTIZED)


@dataclass(frozen=True)
class Stored:
    """How one tensor lies in the file: gguf's type, the shape in numbers, and the size."""

    type: str
    shape: tuple[int, ...]
    bytes: int

    @property
    def stand_in(self) -> Any:
        """Return a numpy dtype for the writer, which asks for one even where numpy has none."""
        return np.dtype(np.float32 if self.type == "F32" else np.float16)


def stored_as(kind: str, shape: tuple[int, ...]) -> Stored:
    """Return how a tensor is stored: vectors in f32, as llama.cpp has them; what q8_0 cannot cut in blocks in f16."""
    count = math.prod(shape)
    if len(shape) == 1 or kind == "f32":
        return Stored("F32", shape, 4 * count)
    if kind == "q8_0" and shape[-1] % BLOCK == 0:
        return Stored("Q8_0", shape, count // BLOCK * BLOCK_BYTES)
    return Stored("BF16" if kind == "bf16" else "F16", shape, 2 * count)


def tensor_bytes(tensor: Tensor, stored: Stored, *, name: str) -> Any:
    """Return a tensor's bytes as the file holds them, a numpy array of uint8.

    Raises:
        ModelError: a weight is beyond what f16 holds, or no number.
    """
    if stored.type == "Q8_0":
        from gguf import GGMLQuantizationType, quants

        raw: Any = quants.quantize(tensor.float().numpy(), GGMLQuantizationType.Q8_0)
    else:
        dtype = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}[stored.type]
        tensor = tensor.to(dtype)
        raw = tensor.contiguous().reshape(-1).view(torch.uint8).numpy()
    if not torch.isfinite(tensor).all():
        raise ModelError(f"'{name}' has a weight that {stored.type} cannot hold; use --type bf16")
    return raw


def check_kind(kind: str) -> None:
    """Find out whether a type can be written here.

    Raises:
        ModelError: it is unknown, or llama.cpp, which makes it, is not here.
    """
    if kind not in KINDS:
        raise ModelError(f"--type {kind} is not known; there are {', '.join(KINDS)}")
    if kind in QUANTIZED and not _quantizer():
        raise ModelError(
            f"--type {kind} is made by llama.cpp, which is not installed: put llama-quantize on the PATH or "
            f"pip install llama-cpp-python; without it there are {', '.join(FILE_TYPES)}"
        )


def _quantizer() -> str:
    """Return what makes k-quants here: the path of llama-quantize, "llama_cpp", or ""."""
    path = shutil.which("llama-quantize")
    return path or ("llama_cpp" if importlib.util.find_spec("llama_cpp") else "")


def quantize(source: Path, target: Path, kind: str) -> None:
    """Have llama.cpp write a file of one of the types `QUANTIZED` from one in f32, f16 or bf16.

    Raises:
        ModelError: it failed; its last line is in the text.
    """
    quantizer = _quantizer()
    if quantizer == "llama_cpp":
        _quantize_by_package(source, target, kind)
        return
    done = subprocess.run(  # noqa: S603  a list, and files of ours
        [quantizer, str(source), str(target), kind.upper()],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode or not target.is_file():
        lines = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise ModelError(
            f"llama-quantize gave up on {kind}: {lines[-1] if lines else 'no message'}"
        )


def _quantize_by_package(source: Path, target: Path, kind: str) -> None:
    import ctypes

    import llama_cpp

    logging.getLogger("llama-cpp-python").setLevel(logging.ERROR)  # else a line per tensor
    settings = llama_cpp.llama_model_quantize_default_params()
    settings.ftype = getattr(llama_cpp, f"LLAMA_FTYPE_MOSTLY_{kind.upper()}")
    failed = llama_cpp.llama_model_quantize(
        str(source).encode(), str(target).encode(), ctypes.byref(settings)
    )
    if failed or not target.is_file():
        raise ModelError(f"llama.cpp gave up on {kind} (code {failed})")
