"""Weights as bytes and as numbers: the floats of safetensors to numpy and back, rounded once, to nearest even.

numpy has no bfloat16: it is the upper half of a float32. Nothing here imports torch, whose import alone takes longer
than merging a small model.
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]

# sizes from here on round to infinity
LIMITS = {
    "BF16": float.fromhex("0x1.ffp127"),
    "F16": 65520.0,
    "F32": float.fromhex("0x1.ffffffp127"),
    "F64": np.inf,
}
_PLAIN = {"F16": np.float16, "F32": np.float32, "F64": np.float64}


def decode(data: bytes | bytearray | memoryview, code: str) -> Array:
    """Return the numbers that bytes hold, exactly: in float64 for F64, else in float32; one dimension."""
    if code == "BF16":
        bits = np.frombuffer(data, np.uint16).astype(np.uint32)
        np.left_shift(bits, 16, out=bits)
        return bits.view(np.float32)
    values: Array = np.frombuffer(data, _PLAIN[code])
    return values.astype(np.float32) if code == "F16" else values


def encode(values: Array, code: str) -> memoryview:
    """Return the bytes of numbers, each rounded to nearest even; what is beyond `LIMITS` becomes infinity."""
    if code == "BF16":
        return _bfloat16(values).view(np.uint8).data
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(values, _PLAIN[code]).reshape(-1).view(np.uint8).data


def _bfloat16(values: Array) -> NDArray[np.uint16]:
    if values.dtype != np.float32:
        with np.errstate(over="ignore"):
            values = values.astype(np.float32)
    single = np.ascontiguousarray(values).reshape(-1)
    bits = single.view(np.uint32)
    rounded = bits >> 16
    rounded &= 1
    rounded += 0x7FFF
    rounded += bits
    rounded >>= 16
    halves = rounded.astype(np.uint16)
    if np.isnan(single.max(initial=0)):  # half the time of a test of each number
        halves[np.isnan(single)] = (
            0x7FC0  # adding to the bits of NaN could have made a number of it
        )
    return halves
