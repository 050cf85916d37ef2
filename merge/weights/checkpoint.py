"""`Checkpoint`: the weights of a base model's folder by name, without loading any of them.

Not here: which folder a base's name means (`adapt.registry.bases.find`).
"""

from dataclasses import dataclass
from pathlib import Path

from adapt.errors import ModelError
from adapt.registry.model_files import INDEX, indexed_files, read_object
from merge.weights.safetensors_file import TensorFile, TensorRecord, read_tensor_file

SINGLE = "model.safetensors"
HEAD = "lm_head.weight"
# the last parts of the input embedding's name, over the decoder families of transformers
EMBEDDINGS = ("embed_tokens.weight", "wte.weight", "embed_in.weight", "word_embeddings.weight")


@dataclass(frozen=True)
class Checkpoint:
    """A base model's folder: configuration, weight files in order, and where each tensor lies."""

    folder: Path
    config: dict[str, object]
    files: tuple[TensorFile, ...]
    home: dict[str, TensorFile]

    def record(self, name: str) -> TensorRecord:
        """Return dtype, shape and place of a tensor."""
        return self.home[name].tensors[name]

    @property
    def bytes(self) -> int:
        """Return the size of all weights."""
        return sum(r.bytes for file in self.files for r in file.tensors.values())

    @property
    def embedding(self) -> str | None:
        """Return the name of the input embedding, or None where it cannot be determined."""
        embeddings = [name for name in self.home if name.endswith(EMBEDDINGS)]
        return embeddings[0] if len(embeddings) == 1 else None

    @property
    def is_tied(self) -> bool:
        """Return whether the output head is the input embedding; without a head of its own it must be."""
        tied = self.config.get("tie_word_embeddings")
        return bool(tied) if HEAD in self.home and tied is not None else HEAD not in self.home

    def find(self, name: str) -> str | None:
        """Return this checkpoint's name for a weight of the loaded model, or None.

        A checkpoint may lack the first part of the name (GPT-2: `transformer.h.0…` is `h.0…`).
        """
        if name in self.home:
            return name
        short = name.partition(".")[2]
        return short if short in self.home else None


def open_checkpoint(folder: Path) -> Checkpoint:
    """Return a base model's weights by name.

    Raises:
        ModelError: the folder has no readable configuration or weights, a shard is missing or damaged, or the weights
            are quantised.
    """
    config = read_object(folder / "config.json")
    if config.get("quantization_config"):
        raise ModelError(
            f"{folder}: the weights are quantised, and adapters cannot be added to them exactly; "
            "name the base in bf16, fp16 or fp32"
        )
    files = tuple(read_tensor_file(folder / name) for name in _weight_files(folder))
    home: dict[str, TensorFile] = {}
    for file in files:
        for name in file.tensors:
            if name in home:
                raise ModelError(
                    f"{folder}: '{name}' is in {home[name].path.name} and in {file.path.name}; "
                    "the folder mixes two sets of weights"
                )
            home[name] = file
    return Checkpoint(folder, config, files, home)


def _weight_files(folder: Path) -> list[str]:
    """Return the files that transformers would load, and no others that lie beside them."""
    if (folder / INDEX).is_file():
        return sorted(indexed_files(folder))
    if (folder / SINGLE).is_file():
        return [SINGLE]
    files = sorted(p.name for p in folder.glob("*.safetensors"))
    if len(files) != 1:
        raise ModelError(f"{folder}: has neither {SINGLE} nor {INDEX}; is it a model folder?")
    return files
