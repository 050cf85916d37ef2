"""ΔW of an adapter by blocks of rows: exact, lazy, and never more than one block of it in memory.

LoRA (arXiv:2106.09685): ΔW = s·B·A with s = alpha/rank, or alpha/√rank with rank stabilisation (arXiv:2312.03732).
DoRA (arXiv:2402.09353): ΔW = m·(W + s·B·A)/‖W + s·B·A‖ - W, the norm taken over each output's row.
Whole tensors (`modules_to_save`): ΔW = saved - W.
Not here: what becomes of several of them (`merge.methods.entrywise`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod

import numpy as np
from numpy.typing import DTypeLike, NDArray

from adapt.errors import ModelError
from merge.weights.adapters import Adapter, Part
from merge.weights.dtypes import FLOATS
from merge.weights.floats import Array, decode
from merge.weights.safetensors_file import ITEM_BYTES, TensorFile, TensorRecord

# entries computed at once, a megabyte of float32: the caches like half of it better, but Python takes 60 µs per block, and
# products of few long rows are slower
BLOCK = 1 << 18

Places = tuple[NDArray[np.intp], NDArray[np.intp]]  # rows and columns of single entries


@dataclass(frozen=True)
class Grid:
    """A tensor as rows and columns, cut into blocks of whole rows.

    A vector is one row; of more than two dimensions, all but the first are columns. The cut depends on the shape alone, so
    that the same block always comes out of the same products, bit for bit.
    """

    rows: int
    columns: int

    @classmethod
    def of(cls, shape: tuple[int, ...]) -> "Grid":
        """Return the grid of a shape."""
        if len(shape) < 2:
            return cls(1, prod(shape))
        return cls(shape[0], prod(shape[1:]))

    @property
    def size(self) -> int:
        """Return the number of entries."""
        return self.rows * self.columns

    def __len__(self) -> int:
        return -(-self.rows // self._step) if self.size else 0

    def __iter__(self) -> Iterator[slice]:
        return (self.span(block) for block in range(len(self)))

    def span(self, block: int) -> slice:
        """Return the rows of a block."""
        return slice(block * self._step, min(self.rows, (block + 1) * self._step))

    @cached_property
    def _step(self) -> int:
        return max(1, BLOCK // max(1, self.columns))


class StoredRows:
    """A tensor of a safetensors file, read some rows at a time."""

    def __init__(self, file: TensorFile, name: str) -> None:
        """Raise a ModelError if its dtype is not a plain float."""
        self._file = file
        self.record = _float_record(file, name)
        self.grid = Grid.of(self.record.shape)
        self._row_bytes = self.grid.columns * ITEM_BYTES[self.record.dtype]

    def block(self, rows: slice) -> Array:
        """Return some rows, exactly: in float64 where the file has it, else in float32."""
        data = self._file.part(
            self.record.name, rows.start * self._row_bytes, rows.stop * self._row_bytes
        )
        return decode(data, self.record.dtype).reshape(-1, self.grid.columns)


@dataclass(frozen=True, eq=False)
class Product:
    """A product of two factors, by rows of the left one: s·B·A of a part, or several of them side by side.

    Attributes:
        left: of shape (rows, rank).
        right: of shape (rank, columns), all multipliers folded in.
        sizes: bounds of the sum of the sizes of an entry's `rank` products, one per row, of shape (rows, 1).
        dtype: to multiply in.
    """

    left: Array
    right: NDArray[np.float64]
    sizes: NDArray[np.float64]
    dtype: DTypeLike

    @classmethod
    def of(cls, adapter: Adapter, part: Part, *, dtype: DTypeLike) -> "Product":
        """Read both factors; `dtype` is that of the products."""
        a, b = read_exact(adapter, part.a), read_exact(adapter, part.b)
        left, right = (a.T, b.T) if part.transposed else (b, a)
        scaled = right.astype(np.float64) * part.scaling
        longest = np.sqrt(np.square(scaled).sum(axis=0).max(initial=0))
        lengths = np.sqrt(np.einsum("ir,ir->i", left, left, dtype=np.float64))
        sizes = (lengths * longest)[:, None]  # by Cauchy and Schwarz
        return cls(left, scaled, sizes, dtype)

    @classmethod
    def weighted(cls, products: Sequence["Product"], factors: Sequence[float]) -> "Product":
        """Return Σ cᵢ·Bᵢ·Aᵢ as one product, [B₁ B₂ …] times [c₁A₁; c₂A₂; …].

        Three products of rank 16 with a pass each to multiply and to add take 1.6 times as long (1.6 and 1.0 ns an entry).
        """
        pairs = list(zip(products, factors, strict=True))
        return cls(
            np.concatenate([product.left for product in products], axis=1),
            np.concatenate([product.right * factor for product, factor in pairs]),
            np.asarray(sum(product.sizes * abs(factor) for product, factor in pairs)),
            products[0].dtype,
        )

    def block(self, rows: slice, base: Array | None = None) -> Array:
        """Return some rows of the product."""
        del base
        product: Array = np.ascontiguousarray(self.left[rows], self.dtype) @ self._narrow
        return product

    def exact(self, rows: slice, base: Array, at: Places) -> NDArray[np.float64]:
        """Return single entries of a block of rows in float64."""
        del base
        left = self.left[rows][at[0]].astype(np.float64)
        entries: NDArray[np.float64] = np.einsum("nr,nr->n", left, self._columns[at[1]])
        return entries

    def error(self, rows: slice, base: Array, *, additions: int) -> NDArray[np.float64]:
        """Return how far each row's entries may be from exact after `additions` more roundings, of shape (rows, 1)."""
        del base
        roundings = self.right.shape[0] + 2 + additions
        return np.asarray(self.sizes[rows] * (roundings * np.finfo(self._narrow.dtype).eps / 2))

    @cached_property
    def _narrow(self) -> Array:
        """The right factor in the dtype to multiply in."""
        return np.ascontiguousarray(self.right, self.dtype)

    @cached_property
    def _columns(self) -> NDArray[np.float64]:
        """The right factor by columns, so that the numbers of one lie together."""
        return np.ascontiguousarray(self.right.T)


class Moved:
    """ΔW that depends on the base: DoRA and whole tensors; and a bias. Computed in float64."""

    def __init__(self, adapter: Adapter, part: Part, base: StoredRows) -> None:
        """Read the factors, and go over the base once where DoRA's norms are those of columns."""
        self._part = part
        self._product = Product.of(adapter, part, dtype=np.float64) if part.a else None
        name = part.full or part.offset
        self._stored = StoredRows(adapter.file, name) if name else None
        self._path = adapter.file.path
        self._factor: NDArray[np.float64] | None = None
        if part.magnitude and part.transposed:
            magnitude = read_exact(adapter, part.magnitude).astype(np.float64)
            squares = np.zeros(base.grid.columns)
            for rows in base.grid:
                squares += np.square(self._adapted(rows, base.block(rows))).sum(axis=0)
            self._factor = magnitude / np.sqrt(squares)
        elif part.magnitude:
            self._factor = read_exact(adapter, part.magnitude).astype(np.float64)

    def block(self, rows: slice, base: Array) -> NDArray[np.float64]:
        """Return some rows of ΔW; `base` are the base's."""
        part = self._part
        if part.offset:
            return self._read(rows) * part.scaling
        weight = self._adapted(rows, base)
        if self._factor is not None and part.transposed:
            weight *= self._factor
        elif self._factor is not None:
            lengths = np.sqrt(np.square(weight).sum(axis=1))
            weight *= (self._factor[rows] / lengths)[:, None]
        return weight - base

    def _adapted(self, rows: slice, base: Array) -> NDArray[np.float64]:
        """Return the new tensor before DoRA's rescaling."""
        start = self._read(rows) if self._part.full else base.astype(np.float64)
        return start if self._product is None else start + self._product.block(rows)

    def _read(self, rows: slice) -> NDArray[np.float64]:
        if self._stored is None:
            raise ValueError("this part has no tensor of its own")
        values = self._stored.block(rows).astype(np.float64)
        _check_finite(values, self._path, self._stored.record.name)
        return values


class DeltaRows:
    """ΔW of one part of an adapter by blocks of rows, in the dtype to compute in.

    Attributes:
        product: ΔW as a product of factors, where it is nothing else.
    """

    def __init__(self, adapter: Adapter, part: Part, base: StoredRows, *, dtype: DTypeLike) -> None:
        """Read what is small; raise a ModelError if the adapter holds NaN or infinity."""
        self._dtype = np.dtype(dtype)
        self._base = base
        is_product = bool(part.a) and not part.needs_base
        self.product = Product.of(adapter, part, dtype=dtype) if is_product else None
        self._moved = None if is_product else Moved(adapter, part, base)

    def block(self, rows: slice, base: Array | None = None) -> Array:
        """Return some rows in memory of their own; `base` are the base's, where they are available."""
        if self.product is not None:
            return self.product.block(rows)
        at_hand = self._base.block(rows) if base is None else base
        return self._whole(rows, at_hand).astype(self._dtype, copy=False)

    def exact(self, rows: slice, base: Array, at: Places) -> NDArray[np.float64]:
        """Return single entries of a block of rows in float64."""
        if self.product is not None:
            return self.product.exact(rows, base, at)
        entries: NDArray[np.float64] = self._whole(rows, base)[at]
        return entries

    def error(self, rows: slice, base: Array, *, additions: int) -> NDArray[np.float64]:
        """Return how far each row's entries may be from exact after `additions` more roundings, of shape (rows, 1)."""
        if self.product is not None:
            return self.product.error(rows, base, additions=additions)
        size = np.abs(self._whole(rows, base)).max(axis=1, keepdims=True, initial=0)
        return np.asarray(size * ((3 + additions) * np.finfo(self._dtype).eps / 2))

    def _whole(self, rows: slice, base: Array) -> NDArray[np.float64]:
        if self._moved is None:
            raise ValueError("a product does not depend on the base")
        return self._moved.block(rows, base)


def read_exact(adapter: Adapter, name: str) -> Array:
    """Return a tensor of an adapter, exactly: in float64 where the file has it, else in float32.

    Raises:
        ModelError: it holds NaN or infinity, or its dtype is not a plain float.
    """
    record = _float_record(adapter.file, name)
    values = decode(adapter.file.part(name, 0, record.bytes), record.dtype).reshape(record.shape)
    _check_finite(values, adapter.file.path, name)
    return values


def _float_record(file: TensorFile, name: str) -> TensorRecord:
    record = file.tensors[name]
    if record.dtype not in FLOATS:
        raise ModelError(
            f"{file.path}: '{name}' is {record.dtype}; only bf16, fp16, fp32 and fp64 can be merged"
        )
    return record


def _check_finite(values: Array, path: object, name: str) -> None:
    if not np.isfinite(values).all():
        raise ModelError(
            f"{path}: '{name}' holds NaN or infinity; its training went wrong, train it again"
        )
