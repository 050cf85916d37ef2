"""The dtypes that a merge can write: as recipes name them, and as safetensors does."""

from typing import Literal

DType = Literal["bfloat16", "float16", "float32"]
CODES: dict[DType, str] = {"bfloat16": "BF16", "float16": "F16", "float32": "F32"}
FLOATS = (*CODES.values(), "F64")
