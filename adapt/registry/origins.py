"""Of what artifacts are made in the end, and under whose licences.

Not here: which licences go together (`adapt.registry.licences`).
"""

import re
from collections.abc import Sequence
from pathlib import Path

from adapt.registry.artifacts import Artifact
from adapt.registry.bases.find import STARTER
from adapt.registry.cards import shown
from adapt.registry.licences import folder_licence
from adapt.registry.registry import Registry
from adapt.workspace.folder import Workspace

CARD = "README.md"


def licences_of(
    workspace: Workspace, artifacts: Sequence[Artifact], *, base: str = ""
) -> dict[str, str]:
    """Return the parts of which artifacts are made in the end, bases and what has no parents, each with its licence.

    What was merged of others has the licences of those; it is looked at itself only where a parent was removed.

    Args:
        base: one more base, by name, for artifacts that name none.
    """
    registry = Registry(workspace)
    parts: dict[str, str] = {}
    known = registry.find(base) if base else None
    bases = [base] if base and known is None else []
    for artifact in ancestors(registry, [*artifacts, *([known] if known else [])]):
        parents = [registry.find(parent) for parent in artifact.card.parents]
        if not parents or None in parents:
            parts[artifact.reference] = artifact.card.licence
        if artifact.card.base is not None and registry.find(artifact.card.base.id) is None:
            bases.append(artifact.card.base.id)
    for name in bases:
        parts[f"base {shown(name)}"] = base_licence(name)
    return parts


def ancestors(registry: Registry, artifacts: Sequence[Artifact]) -> list[Artifact]:
    """Return artifacts, their parents and their bases in the registry, each once."""
    reached: dict[str, Artifact] = {}

    def walk(artifact: Artifact) -> None:
        if artifact.reference in reached:
            return
        reached[artifact.reference] = artifact
        base = [artifact.card.base.id] if artifact.card.base else []
        for name in [*artifact.card.parents, *base]:
            parent = registry.find(name)
            if parent is not None:
                walk(parent)

    for artifact in artifacts:
        walk(artifact)
    return list(reached.values())


def base_licence(base: str) -> str:
    """Return the licence that a base's card states: a folder's, or that of the hub's cache; "" where none is known."""
    folder = STARTER if base == "starter" else Path(base)
    if folder.is_dir():
        return folder_licence(folder)
    if not is_hub_id(base):
        return ""
    # imported here: a recipe is checked without a hub, and this takes a tenth of a second
    from huggingface_hub import try_to_load_from_cache

    cached = try_to_load_from_cache(base, CARD)
    return folder_licence(Path(cached).parent) if isinstance(cached, str) else ""


def is_hub_id(name: str) -> bool:
    """Return whether a base's name is that of a repository on the Hub: OWNER/NAME."""
    return bool(re.fullmatch(r"[\w.-]+/[\w.-]+", name)) and not Path(name).exists()
