"""`Adapter`: what a peft folder holds, known from its configuration and header alone, no weight read.

peft names its tensors `base_model.model.<module>.lora_A.weight`; here they become one `Part` per weight of the base.
Every tensor of the file belongs to a part, or the adapter is refused: nothing is left out in silence.
Not here: the arithmetic (`merge.weights.delta_tensors`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from adapt.errors import ModelError
from merge.weights.lora_config import LoraConfig, read_lora_config
from merge.weights.safetensors_file import TensorFile, read_tensor_file

WEIGHTS = "adapter_model.safetensors"
PREFIX = "base_model.model."
# the ends of peft's names, and which tensor of a part each is
ENDINGS = {
    ".lora_A.weight": "a",
    ".lora_B.weight": "b",
    ".lora_embedding_A": "a",
    ".lora_embedding_B": "b",
    ".lora_magnitude_vector.weight": "magnitude",
    ".lora_magnitude_vector": "magnitude",
}


@dataclass(frozen=True)
class Part:
    """All that an adapter does to one weight of the base; the fields are names of tensors in its file.

    Attributes:
        module: the module's name in the loaded model.
        target: the name of the changed tensor in the loaded model.
        a: A, of shape (rank, in).
        b: B, of shape (out, rank).
        magnitude: DoRA's m, of shape (out,).
        full: a whole new tensor (`modules_to_save`).
        offset: the bias of B (`lora_bias`), added with the same scaling.
        transposed: the base keeps this weight as (in, out): embeddings, and Conv1D of GPT-2.
    """

    module: str
    target: str
    a: str = ""
    b: str = ""
    magnitude: str = ""
    full: str = ""
    offset: str = ""
    rank: int = 0
    scaling: float = 0.0
    transposed: bool = False
    embedding: bool = False

    @property
    def needs_base(self) -> bool:
        """Return whether ΔW depends on the base's weight: DoRA and whole tensors."""
        return bool(self.magnitude or self.full)


@dataclass(frozen=True)
class Adapter:
    """A LoRA adapter on this disk: how it was named, its configuration, and its parts by target."""

    reference: str
    config: LoraConfig
    file: TensorFile
    parts: tuple[Part, ...]

    @property
    def ranks(self) -> tuple[int, ...]:
        """Return the different ranks of its parts, ascending."""
        return tuple(sorted({part.rank for part in self.parts if part.rank}))

    @property
    def is_plain(self) -> bool:
        """Return whether all of it is B·A, so that it can be joined with others into one adapter."""
        return not any(part.needs_base or part.offset for part in self.parts)


def open_adapter(folder: Path, *, reference: str) -> Adapter:
    """Return an adapter from its folder.

    Raises:
        ModelError: the folder is no LoRA adapter in safetensors, is damaged, or does what cannot be merged.
    """
    config = read_lora_config(folder)
    if not (folder / WEIGHTS).is_file() and (folder / "adapter_model.bin").is_file():
        raise ModelError(
            f"{folder}: its weights are adapter_model.bin, a pickle, which can run code and is not read; "
            "save it again with peft's save_pretrained"
        )
    file = read_tensor_file(folder / WEIGHTS)
    if not file.tensors:
        raise ModelError(f"{file.path}: holds no tensors; train the adapter again")
    parts: dict[str, Part] = {}
    for name in file.tensors:
        _add(parts, name, file)
    finished = tuple(_finish(part, config, file) for part in parts.values())
    return Adapter(reference, config, file, finished)


def _add(parts: dict[str, Part], name: str, file: TensorFile) -> None:
    """Put one tensor of the file into the part that it belongs to."""
    if not name.startswith(PREFIX):
        raise ModelError(f"{file.path}: '{name}' is not a name that peft gives; save it with peft")
    inner = name.removeprefix(PREFIX)
    ending = next((end for end in ENDINGS if inner.endswith(end)), "")
    if ending:
        module = inner.removesuffix(ending)
        role, target = ENDINGS[ending], f"{module}.weight"
    elif inner.endswith(".lora_B.bias"):
        module = inner.removesuffix(".lora_B.bias")
        role, target = "offset", f"{module}.bias"
    elif "lora_" in inner or "token_adapter" in inner:
        raise ModelError(f"{file.path}: does not know what '{name}' does; it cannot be merged")
    else:
        target = inner.replace(".base_layer.", ".")
        module = target.rpartition(".")[0]
        role = "full"
    part = parts.get(target, Part(module, target, embedding="lora_embedding" in ending))
    if getattr(part, role):
        raise ModelError(f"{file.path}: '{target}' is given twice")
    if "lora_embedding" in ending:
        part = replace(part, embedding=True)
    parts[target] = replace(part, **{role: name})  # type: ignore[arg-type]  # a field's name


def _finish(part: Part, config: LoraConfig, file: TensorFile) -> Part:
    """Check that a part is whole and give it its rank and scaling."""
    if part.offset and config.use_dora:
        raise ModelError(
            f"{file.path}: '{part.target}': lora_bias together with DoRA cannot be merged"
        )
    if part.offset or (part.full and not part.a and not part.b and not part.magnitude):
        return replace(part, scaling=config.scaling(part.module))
    if not part.a or not part.b:
        have, lack = ("A", "B") if part.a else ("B", "A")
        raise ModelError(f"{file.path}: '{part.module}' has {have} without {lack}; it is not whole")
    a, b = file.tensors[part.a].shape, file.tensors[part.b].shape
    rank = config.rank(part.module)
    if len(a) != 2 or len(b) != 2 or not a[0] == b[1] == rank:
        raise ModelError(
            f"{file.path}: '{part.module}' has A {a} and B {b}, which do not fit rank {rank} of adapter_config.json"
        )
    if config.use_dora != bool(part.magnitude):
        raise ModelError(
            f"{file.path}: '{part.module}': use_dora and the magnitude vector disagree"
        )
    if part.magnitude and part.embedding:
        raise ModelError(f"{file.path}: '{part.module}': DoRA on an embedding cannot be merged")
    return replace(part, rank=rank, scaling=config.scaling(part.module))


def orient(adapter: Adapter, part: Part, shape: tuple[int, ...]) -> Part:
    """Return a part that knows how it lies on a base tensor of this shape.

    Raises:
        ModelError: it does not fit; the adapter was trained on another base.
    """
    shapes = {role: adapter.file.tensors[name].shape for role, name in _tensors(part)}
    if "full" in shapes and shapes["full"] != shape:
        raise ModelError(_misfit(adapter, part, shapes["full"], shape))
    if "offset" in shapes and shapes["offset"] != shape:
        raise ModelError(_misfit(adapter, part, shapes["offset"], shape))
    if not part.a:
        return part
    straight = (shapes["b"][0], shapes["a"][1])
    flipped = straight[::-1]
    if part.embedding:
        transposed = True
    elif straight == flipped or shape not in (straight, flipped):
        transposed = adapter.config.fan_in_fan_out  # a square weight does not show it by its shape
    else:
        transposed = shape == flipped
    if shape != (flipped if transposed else straight):
        raise ModelError(_misfit(adapter, part, straight, shape))
    if "magnitude" in shapes and shapes["magnitude"] != straight[:1]:
        raise ModelError(_misfit(adapter, part, shapes["magnitude"], straight[:1]))
    return replace(part, transposed=transposed)


def refuse_ambiguous(adapter: Adapter, parts: Sequence[Part]) -> None:
    """Refuse an adapter whose square weights could lie either way, because others show that its configuration errs.

    peft keeps one `fan_in_fan_out` for the whole adapter, though a model may mix both layouts (GPT-2 and its head).

    Raises:
        ModelError: that is so.
    """
    stated = adapter.config.fan_in_fan_out
    products = [part for part in parts if part.a and not part.embedding]
    sizes = [
        (adapter.file.tensors[p.b].shape[0], adapter.file.tensors[p.a].shape[1]) for p in products
    ]
    square = [p for p, (rows, columns) in zip(products, sizes, strict=True) if rows == columns]
    if square and any(part.transposed != stated for part in products if part not in square):
        raise ModelError(
            f"adapter '{adapter.reference}': fan_in_fan_out is {stated}, which is wrong for some of its weights, and "
            f"the square {square[0].target} does not tell which way it lies; train Conv1D and linear modules separately"
        )


def _tensors(part: Part) -> list[tuple[str, str]]:
    roles = ("a", "b", "magnitude", "full", "offset")
    return [(role, getattr(part, role)) for role in roles if getattr(part, role)]


def _misfit(adapter: Adapter, part: Part, got: tuple[int, ...], want: tuple[int, ...]) -> str:
    return (
        f"adapter '{adapter.reference}' changes {part.target} as {got}, but the base has {want}; "
        "it was trained on another base"
    )
