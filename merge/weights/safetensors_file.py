"""A safetensors file, read one tensor at a time and written as a stream.

The format (https://github.com/huggingface/safetensors#format): 8 bytes little-endian length N, N bytes of JSON
`{"name": {"dtype", "shape", "data_offsets"}, "__metadata__": {…}}`, then the tensors' bytes without gaps.
Reading with plain `readinto` keeps memory at one tensor (a mapped file counts every page it touched), and the library
has no writer that streams. This file imports no torch.
"""

import json
import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeGuard

from adapt.errors import ModelError
from adapt.registry.model_files import check_plain

ITEM_BYTES = {
    "BOOL": 1, "U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1, "F8_E8M0": 1, "I16": 2, "U16": 2, "F16": 2,
    "BF16": 2, "I32": 4, "U32": 4, "F32": 4, "I64": 8, "U64": 8, "F64": 8, "C64": 8,
}  # fmt: skip
MAX_HEADER = 100_000_000  # the library's own limit
CHUNK = 1 << 22


@dataclass(frozen=True)
class TensorRecord:
    """Where one tensor lies: `start` and `end` are byte offsets from the beginning of the file."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    start: int = 0
    end: int = 0

    @property
    def bytes(self) -> int:
        """Return the size of the tensor's data."""
        return math.prod(self.shape) * ITEM_BYTES[self.dtype]


@dataclass(frozen=True)
class TensorFile:
    """The table of contents of one safetensors file."""

    path: Path
    tensors: dict[str, TensorRecord]

    def read(self, name: str) -> bytearray:
        """Return the bytes of one tensor, which may be written to.

        Raises:
            ModelError: the file ended early, because it was changed since its header was read.
        """
        record = self.tensors[name]
        data = bytearray(record.bytes)
        with self.path.open("rb", buffering=0) as file:
            file.seek(record.start)
            view = memoryview(data)
            while view:
                count = file.readinto(view)
                if not count:
                    raise ModelError(self._ended(name))
                view = view[count:]
        return data

    def part(self, name: str, start: int, stop: int) -> bytes:
        """Return the bytes of one tensor from `start` to before `stop`: small pieces in half the time of `read`.

        Raises:
            ModelError: as `read`.
        """
        descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            data = os.pread(descriptor, stop - start, self.tensors[name].start + start)
        finally:
            os.close(descriptor)
        if len(data) < stop - start:
            raise ModelError(self._ended(name))
        return data

    def chunks(self, name: str) -> Iterator[bytes]:
        """Yield the bytes of one tensor in small pieces, for copying."""
        record = self.tensors[name]
        left = record.bytes
        with self.path.open("rb", buffering=0) as file:
            file.seek(record.start)
            while left:
                piece = file.read(min(left, CHUNK))
                if not piece:
                    raise ModelError(self._ended(name))
                left -= len(piece)
                yield piece

    def _ended(self, name: str) -> str:
        return f"{self.path}: ended inside '{name}'; was it changed just now?"


def read_tensor_file(path: Path) -> TensorFile:
    """Return the contents of a safetensors file, its sizes checked against the file's length.

    Raises:
        ModelError: the file is missing, cut short or not safetensors.
    """
    check_plain(path)
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if size < 8 or not 2 <= length <= min(size - 8, MAX_HEADER):
                raise ModelError(_damaged(path, "its header is cut short"))
            header = json.loads(file.read(length))
        if not isinstance(header, dict):
            raise ModelError(_damaged(path, "its header is not a table"))
        header.pop("__metadata__", None)
        tensors = {name: _record(name, entry, 8 + length) for name, entry in header.items()}
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ModelError(_damaged(path, f"its header is not readable, {error}")) from error
    end = 8 + length
    for record in sorted(tensors.values(), key=lambda r: (r.start, r.end)):
        if record.start != end or record.end - record.start != record.bytes:
            raise ModelError(_damaged(path, f"the place of '{record.name}' is wrong"))
        end = record.end
    if end != size:
        raise ModelError(_damaged(path, f"it has {size} bytes where its header says {end}"))
    return TensorFile(path, tensors)


def _damaged(path: Path, why: str) -> str:
    return f"{path}: damaged safetensors file ({why}); copy or download it again"


def _record(name: str, entry: dict[str, object], data_start: int) -> TensorRecord:
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in ITEM_BYTES:
        raise ValueError(f"'{name}' has the unknown dtype {dtype}")
    if not _counts(shape) or not _counts(offsets) or len(offsets) != 2:
        raise ValueError(f"'{name}' has no valid shape and place")
    return TensorRecord(name, dtype, tuple(shape), data_start + offsets[0], data_start + offsets[1])


def _counts(value: object) -> TypeGuard[list[int]]:
    return isinstance(value, list) and all(type(n) is int and n >= 0 for n in value)


def write_header(file: BinaryIO, records: Sequence[TensorRecord]) -> int:
    """Write the header of a file that will hold these tensors in this order; return the bytes of data to follow."""
    file.write(header_bytes(records))
    return sum(record.bytes for record in records)


def header_bytes(records: Sequence[TensorRecord]) -> bytes:
    """Return the beginning of a file that will hold these tensors in this order."""
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    offset = 0
    for record in records:
        header[record.name] = {
            "dtype": record.dtype,
            "shape": list(record.shape),
            "data_offsets": [offset, offset + record.bytes],
        }
        offset += record.bytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # readers expect the data aligned to 8 bytes
    return len(text).to_bytes(8, "little") + text
