"""The file that multilingual-e5-small comes in: numbers, a tokenizer, and tensors in blocks of four bits (Q4_0 of ggml).

Written from the layout that the package's own reader documents; none of its code is run. Not here: what is computed of it
(`adapt.embedding.encoders.e5`).
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from adapt.errors import ModelError

MAGIC = b"E5S1"
BLOCK = 32  # weights that share a scale
ZERO = 8  # of four bits
PACKED = np.dtype([("scale", "<f2"), ("codes", "u1", BLOCK // 2)])
NUMBERS = "<7ifi"  # width, layers, heads, inner width, vocabulary, positions, kinds; epsilon; weights of a block
# of the tensors, by what the file calls them
PARTS = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "fi": "intermediate.dense",
    "fo": "output.dense",
}
NORMS = {"aln": "attention.output.LayerNorm", "oln": "output.LayerNorm"}

Floats = npt.NDArray[np.float32]
Blocks = npt.NDArray[np.void]


@dataclass(frozen=True)
class E5File:
    """What a file holds.

    `pieces` are the tokenizer's with the logarithm of how likely each is; `normal` what single characters become before;
    `start`, `end`, `unknown` places of pieces. `table` has the tokens' rows, packed, shape [vocabulary, blocks];
    `positions` what is added to them, [positions, width]; `weights` the rest, by the names that transformers gives them.
    """

    pieces: list[tuple[str, float]]
    normal: dict[int, str]
    start: int
    end: int
    unknown: int
    table: Blocks
    positions: Floats
    weights: Mapping[str, Floats]


class _Cursor:
    """Reads a file from front to back."""

    def __init__(self, raw: bytes, place: int) -> None:
        self.raw = raw
        self.place = place

    def numbers(self, form: str) -> tuple[int, ...]:
        values = struct.unpack_from(form, self.raw, self.place)
        self.place += struct.calcsize(form)
        return values

    def array(self, kind: str, count: int) -> npt.NDArray[np.generic]:
        array = np.frombuffer(self.raw, kind, count, self.place)
        self.place += array.nbytes
        return array

    def text(self, length: int) -> bytes:
        self.place += length
        return self.raw[self.place - length : self.place]


def read_e5(path: Path) -> E5File:
    """Return what a file holds; its SHA-256 is checked before.

    Raises:
        ModelError: it is no such file.
    """
    raw = path.read_bytes()
    if not raw.startswith(MAGIC):
        raise ModelError(f"{path}: not a file of multilingual-e5-small; reinstall its package")
    cursor = _Cursor(raw, len(MAGIC) + 4)  # a version, which has been 1
    width, layers, _, inner, *_ = cursor.numbers(NUMBERS)
    count, start, end, _, unknown = cursor.numbers("<5i")
    (size,) = cursor.numbers("<Q")
    ends, scores = cursor.array("<u4", count + 1), cursor.array("<f4", count)
    letters = cursor.text(size)
    pieces = [
        (letters[ends[place] : ends[place + 1]].decode(errors="replace"), float(scores[place]))
        for place in range(count)
    ]
    normal = _normal(cursor)
    tensors = _Tensors(cursor)
    return E5File(
        pieces, normal, start, end, unknown,
        tensors.packed("emb.word", width),
        tensors.floats("emb.pos").reshape(-1, width) + tensors.floats("emb.type")[:width],
        _weights(tensors, layers, width, inner),
    )  # fmt: skip


def unpacked(blocks: Blocks) -> Floats:
    """Return the numbers of packed rows, [..., blocks] to [..., 32 · blocks]: (code - 8) · scale."""
    codes = blocks["codes"]
    both = np.concatenate([codes & 0x0F, codes >> 4], axis=-1).astype(np.float32) - ZERO
    scaled: Floats = both * blocks["scale"].astype(np.float32)[..., None]
    return scaled.reshape(*blocks.shape[:-1], -1)


def _normal(cursor: _Cursor) -> dict[int, str]:
    count, _ = cursor.numbers("<iI")
    letters = {}
    for _ in range(count):
        letter, length = cursor.numbers("<IB")
        letters[letter] = "".join(map(chr, cursor.numbers(f"<{length}I")))
    return letters


class _Tensors:
    """The tensors of a file by name."""

    def __init__(self, cursor: _Cursor) -> None:
        self._parts: dict[str, bytes] = {}
        (count,) = cursor.numbers("<i")
        for _ in range(count):
            (length,) = cursor.numbers("<H")
            name = cursor.text(length).decode()
            _, _, start, size = cursor.numbers("<BIQQ")
            self._parts[name] = cursor.raw[start : start + size]

    def floats(self, name: str) -> Floats:
        return np.frombuffer(self._parts[name], "<f4").copy()

    def packed(self, name: str, width: int) -> Blocks:
        blocks: Blocks = np.frombuffer(self._parts[name], PACKED).reshape(-1, width // BLOCK)
        return blocks


def _weights(tensors: _Tensors, layers: int, width: int, inner: int) -> dict[str, Floats]:
    weights = {
        "embeddings.LayerNorm.weight": tensors.floats("emb.ln.w"),
        "embeddings.LayerNorm.bias": tensors.floats("emb.ln.b"),
    }
    for layer in range(layers):
        for short, name in PARTS.items():
            packed = tensors.packed(f"l{layer}.{short}.w", inner if short == "fo" else width)
            weights[f"encoder.layer.{layer}.{name}.weight"] = unpacked(packed)
            weights[f"encoder.layer.{layer}.{name}.bias"] = tensors.floats(f"l{layer}.{short}.b")
        for short, name in NORMS.items():
            for end, whole in (("w", "weight"), ("b", "bias")):
                weights[f"encoder.layer.{layer}.{name}.{whole}"] = tensors.floats(
                    f"l{layer}.{short}.{end}"
                )
    return weights
