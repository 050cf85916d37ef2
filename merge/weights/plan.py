"""What will be written: every tensor of the output, where it comes from, and which adapters change it.

Made from headers alone. Each part of each adapter lands in exactly one tensor, or the plan is refused.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from adapt.errors import ModelError
from merge.weights.adapters import Adapter, Part, orient, refuse_ambiguous
from merge.weights.checkpoint import HEAD, Checkpoint
from merge.weights.dtypes import CODES, FLOATS, DType
from merge.weights.safetensors_file import TensorRecord


@dataclass(frozen=True)
class Change:
    """One adapter's part of one tensor; `source` is the adapter's place in the list of adapters."""

    source: int
    part: Part


@dataclass(frozen=True)
class OutputTensor:
    """A tensor to write: its header, the base tensor it starts from, and what changes it."""

    record: TensorRecord
    origin: str
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class OutputFile:
    """A weight file to write, its tensors in the order of the base's own file."""

    name: str
    tensors: tuple[OutputTensor, ...]


@dataclass(frozen=True)
class MergePlan:
    """All files to write; `unties` says that head and embedding, one tensor in the base, become two."""

    files: tuple[OutputFile, ...]
    unties: bool

    @property
    def bytes(self) -> int:
        """Return the size of the weights to write."""
        return sum(t.record.bytes for file in self.files for t in file.tensors)


def plan_merge(
    checkpoint: Checkpoint, adapters: Sequence[Adapter], *, output_dtype: DType | None
) -> MergePlan:
    """Return what a merge of these adapters into this base writes.

    Raises:
        ModelError: an adapter does not fit the base; one sentence per adapter, for all that do not.
    """
    changes: dict[str, list[Change]] = {}
    faults = []
    for source, adapter in enumerate(adapters):
        try:
            placed = [_place(checkpoint, adapter, part) for part in adapter.parts]
            refuse_ambiguous(adapter, [part for _, part in placed])
            for target, part in placed:
                changes.setdefault(target, []).append(Change(source, part))
        except ModelError as error:
            faults.append(str(error))
    if faults:
        raise ModelError("\n".join(dict.fromkeys(faults)))
    unties = checkpoint.is_tied and any(name in changes for name in (HEAD, checkpoint.embedding))
    files = []
    for file in checkpoint.files:
        tensors = []
        for record in sorted(file.tensors.values(), key=lambda r: (r.start, r.end)):
            if unties and record.name == HEAD:
                continue  # written beside the embedding, which is what the base really uses
            tensors.append(_output(record, record.name, changes, output_dtype))
            if unties and record.name == checkpoint.embedding:
                head = TensorRecord(HEAD, record.dtype, record.shape)
                tensors.append(_output(head, record.name, changes, output_dtype))
        files.append(OutputFile(file.path.name, tuple(tensors)))
    return MergePlan(tuple(files), unties)


def _place(checkpoint: Checkpoint, adapter: Adapter, part: Part) -> tuple[str, Part]:
    """Return the output tensor that a part changes, and the part fitted to its shape."""
    if part.target == HEAD and checkpoint.is_tied and checkpoint.embedding:
        return HEAD, orient(adapter, part, checkpoint.record(checkpoint.embedding).shape)
    name = checkpoint.find(part.target)
    if name is None:
        raise ModelError(
            f"adapter '{adapter.reference}' changes {part.target}, which the base {checkpoint.folder.name} does not "
            "have; it was trained on another base"
        )
    record = checkpoint.record(name)
    if record.dtype not in FLOATS:
        raise ModelError(
            f"{checkpoint.folder}: {name} is {record.dtype}; name the base in bf16, fp16 or fp32"
        )
    return name, orient(adapter, part, record.shape)


def _output(
    record: TensorRecord,
    origin: str,
    changes: dict[str, list[Change]],
    output_dtype: DType | None,
) -> OutputTensor:
    casts = output_dtype is not None and record.dtype in FLOATS
    dtype = CODES[output_dtype] if output_dtype is not None and casts else record.dtype
    header = TensorRecord(record.name, dtype, record.shape)
    return OutputTensor(header, origin, tuple(changes.get(record.name, ())))
