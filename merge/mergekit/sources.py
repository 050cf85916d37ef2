"""The models that a recipe for mergekit names, found on this disk: full models, and adapters on their base.

Configurations and headers only, no torch. Not here: whether they fit each other (`merge.mergekit.check`), and the merging
of an adapter into its base (`merge.mergekit.adapter_cache`).
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from adapt.errors import AdaptError, ModelError
from adapt.registry.artifacts import Artifact, sha256_file
from adapt.registry.bases.find import Base, find_base, fingerprint
from adapt.registry.bases.hub import fetch
from adapt.registry.model_files import INDEX, read_object
from adapt.registry.registry import Registry
from adapt.workspace.folder import Workspace
from merge.recipes.parameters import Faults
from merge.recipes.yaml_lines import Location
from merge.weights.adapters import WEIGHTS, Adapter, open_adapter
from merge.weights.checkpoint import SINGLE, Checkpoint, open_checkpoint
from merge.weights.lora_config import CONFIG
from merge.weights.plan import plan_merge
from merge.weights.safetensors_file import TensorRecord


@dataclass(frozen=True)
class ModelName:
    """How a recipe names a model: `model`, perhaps with `+adapter`, or an adapter on the base of its card."""

    model: str | None = None
    adapter: str | None = None

    @property
    def text(self) -> str:
        """Return the name as people read it."""
        return self.model or self.adapter or ""


@dataclass(frozen=True)
class FoundModel:
    """A model of the recipe: its base's folder, and the adapter that is first merged into it.

    Attributes:
        weights_sha256: over the weights' contents alone, so that two copies under other names are known as one.
    """

    name: str
    base: Base
    checkpoint: Checkpoint
    adapter: Adapter | None
    artifacts: tuple[Artifact, ...]
    weights_sha256: str

    @property
    def config(self) -> dict[str, object]:
        """Return the base's configuration."""
        return self.checkpoint.config

    @property
    def folder(self) -> Path:
        """Return the base's folder, where its tokenizer lies."""
        return self.base.path

    @property
    def architecture(self) -> str:
        """Return the class of the model, as its configuration names it."""
        listed = self.config.get("architectures")
        return str(listed[0]) if isinstance(listed, list) and listed else ""

    @cached_property
    def adapter_sha256(self) -> str:
        """Return a hash over the adapter's files as they were when first asked for; empty without an adapter."""
        return hash_adapter(self.adapter) if self.adapter is not None else ""

    @property
    def content(self) -> str:
        """Return the identity of the model's weights: the same for two copies of one model."""
        return f"{self.weights_sha256}+{self.adapter_sha256}"

    @cached_property
    def tensors(self) -> dict[str, TensorRecord]:
        """Return the header of every tensor."""
        return {n: r for file in self.checkpoint.files for n, r in file.tensors.items()}


def hash_adapter(adapter: Adapter) -> str:
    """Return one hash over an adapter's weights and configuration, from their bytes as they are now."""
    folder = adapter.file.path.parent
    return hashlib.sha256(
        (sha256_file(folder / WEIGHTS) + sha256_file(folder / CONFIG)).encode()
    ).hexdigest()


@contextmanager
def noting(faults: Faults, location: Location) -> Iterator[None]:
    """Collect what goes wrong inside at a place of the recipe, so that the rest is checked as well."""
    try:
        yield
    except AdaptError as error:
        faults += [(location, line) for line in str(error).splitlines()]


def find_model(name: ModelName, *, default_base: str | None, workspace: Workspace) -> FoundModel:
    """Return a model by its name.

    Args:
        default_base: the base of an adapter that does not name its own.

    Raises:
        AdaptError: nothing of that name is here, or it is no model or adapter in safetensors.
    """
    base_part, _, adapter_part = (name.model or "").partition("+")
    adapter_part = name.adapter or adapter_part
    adapter, artifact = None, None
    if adapter_part:
        adapter, artifact = find_adapter(adapter_part, workspace)
    if not base_part and adapter is not None:
        base_part = _base_of(adapter, artifact, default_base)
    base = find_base(base_part, workspace)
    if not (base.path / SINGLE).is_file() and not (base.path / INDEX).is_file():
        raise ModelError(
            f"{base.path}: has neither {SINGLE} nor {INDEX}, which mergekit looks for; save the model again"
        )
    checkpoint = open_checkpoint(base.path)
    if adapter is not None:
        plan_merge(checkpoint, [adapter], output_dtype=None)  # refuses an adapter of another base
        card = artifact.card if artifact is not None else None
        if card is not None and card.base is not None and card.base.sha256 != base.sha256:
            raise ModelError(
                f"adapter {adapter.reference} was trained on {card.base.id}, not on {base.id}; name that base"
            )
    known = (Registry(workspace).find(base.id), artifact)
    files = [file.path for file in checkpoint.files]
    return FoundModel(
        name=name.text,
        base=base,
        checkpoint=checkpoint,
        adapter=adapter,
        artifacts=tuple(a for a in known if a is not None),
        weights_sha256=fingerprint(files, workspace),
    )


def find_adapter(reference: str, workspace: Workspace) -> tuple[Adapter, Artifact | None]:
    """Return an adapter of the registry, of a folder, or of the hub.

    Raises:
        AdaptError: there is none of that name, or it is something else.
    """
    folder = Path(reference).expanduser()
    path_like = folder.is_absolute() or reference.startswith((".", "~"))
    registry = Registry(workspace)
    artifact = None if path_like or "/" in reference else registry.find(reference)
    if artifact is not None:
        if artifact.card.kind != "adapter":
            raise ModelError(
                f"{artifact.reference} is a {artifact.card.kind}, not an adapter; write it as 'model'"
            )
        return open_adapter(artifact.path, reference=artifact.reference), artifact
    if folder.is_dir():
        return open_adapter(folder, reference=reference), None
    if path_like:
        raise ModelError(f"adapter '{reference}': no such folder")
    if "/" in reference:
        hint = "check the id and the network, or name a local folder or a registered adapter"
        fetched = fetch(reference, [CONFIG, WEIGHTS], what="adapter", hint=hint)
        return open_adapter(fetched, reference=reference), None
    registry.get(reference)  # raises, and offers the near name
    raise ModelError(f"adapter '{reference}': no such folder or registered adapter")


def _base_of(adapter: Adapter, artifact: Artifact | None, default_base: str | None) -> str:
    """Return the base that an adapter's card names, else the recipe's, else the one of its configuration."""
    if artifact is not None and artifact.card.base is not None:
        return artifact.card.base.id
    if default_base is not None and "+" not in default_base:
        return default_base
    stated = read_object(adapter.file.path.parent / CONFIG).get("base_model_name_or_path")
    if isinstance(stated, str) and stated:
        return stated
    raise ModelError(
        f"adapter {adapter.reference} names no base; write it as 'model: base+adapter'"
    )


def vocabulary(folder: Path) -> dict[str, int] | None:
    """Return each token and its number from a model's `tokenizer.json`, or None where there is none to compare.

    Raises:
        ModelError: the file is not a tokenizer.
    """
    path = folder / "tokenizer.json"
    if not path.is_file():
        return None
    inner = read_object(path)
    core, added = inner.get("model"), inner.get("added_tokens")
    listed = core.get("vocab") if isinstance(core, dict) else None
    if isinstance(listed, list):  # unigram: [token, score] by number
        tokens = {str(entry[0]): i for i, entry in enumerate(listed)}
    elif isinstance(listed, dict):
        tokens = {str(token): int(number) for token, number in listed.items()}
    else:
        raise ModelError(f"{path}: has no vocabulary; save the tokenizer again")
    for token in added if isinstance(added, list) else []:
        tokens[str(token["content"])] = int(token["id"])
    return tokens


def same_file(first: Path, second: Path) -> bool:
    """Return whether two files hold the same bytes; two that are both missing do."""
    if not first.is_file() or not second.is_file():
        return first.is_file() == second.is_file()
    return first.stat().st_size == second.stat().st_size and sha256_file(first) == sha256_file(
        second
    )


def content_key(*parts: object) -> str:
    """Return a name for a folder that depends on these values and on nothing else."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]
