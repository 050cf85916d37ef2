"""What the sources of a recipe are: adapters of the registry or of folders, and which base they belong to.

Not here: whether they fit that base (`merge.check.resolve`).
"""

import filecmp
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from adapt.errors import ModelError, NotFoundError, RecipeError
from adapt.registry.artifacts import Artifact
from adapt.registry.bases.find import Base, find_base
from adapt.registry.licences import examine
from adapt.registry.model_files import read_object
from adapt.registry.origins import licences_of
from adapt.registry.registry import Registry
from adapt.workspace.folder import Workspace
from merge.check.findings import Findings
from merge.recipes.recipe import Recipe, Source
from merge.weights.adapters import Adapter, open_adapter
from merge.weights.lora_config import CONFIG


@dataclass(frozen=True)
class ResolvedSource:
    """An adapter of the recipe, found: its files, and its artifact where it is one of the registry."""

    source: Source
    adapter: Adapter
    artifact: Artifact | None


def find_sources(
    recipe: Recipe, workspace: Workspace, findings: Findings
) -> tuple[ResolvedSource, ...]:
    """Return the adapters that are there, in the order of the recipe's terms."""
    registry = Registry(workspace)
    sources = []
    for source in recipe.adapters:
        with findings.at(recipe.place(source)):
            sources.append(_find_adapter(source, source.adapter_part or "", registry))
    return tuple(sources)


def _find_adapter(source: Source, reference: str, registry: Registry) -> ResolvedSource:
    """Return an adapter of the registry, or of a folder."""
    folder = Path(reference).expanduser()
    path_like = folder.is_absolute() or reference.startswith((".", "~"))
    artifact = None if path_like else registry.find(reference)
    if artifact is not None:
        if artifact.card.kind != "adapter":
            raise ModelError(
                f"{artifact.reference} is a {artifact.card.kind}, not an adapter; name an adapter"
            )
        adapter = open_adapter(artifact.path, reference=artifact.reference)
        return ResolvedSource(source, adapter, artifact)
    if folder.is_dir():
        return ResolvedSource(source, open_adapter(folder, reference=reference), None)
    if path_like or "/" in reference:
        raise ModelError(f"adapter '{reference}': no such folder")
    name = reference.partition("@")[0]
    names = sorted({known.card.name for known in registry.list("adapter")})
    if name in names:
        registry.get(reference)  # raises with the versions that there are
    raise NotFoundError("adapter", reference, names)


def base_name(recipe: Recipe, sources: Sequence[ResolvedSource]) -> str:
    """Return the base that the recipe names, or that all of its adapters name.

    Raises:
        RecipeError: it names none, and its adapters name none or different ones.
    """
    if recipe.base_name is not None:
        return recipe.base_name
    cards = [entry.artifact.card for entry in sources if entry.artifact is not None]
    named = {source.base_part for source in recipe.models if source.base_part}
    named |= {card.base.id for card in cards if card.base is not None}
    if not named:
        raise RecipeError("base_model: is missing, and no adapter's card names a base; add it")
    if len(named) > 1:
        raise RecipeError(
            f"base_model: is missing, and the adapters name different ones: {', '.join(sorted(named))}; "
            "only adapters of one base can be merged"
        )
    return named.pop()


def check_bases(
    recipe: Recipe,
    sources: Sequence[ResolvedSource],
    base: Base,
    workspace: Workspace,
    findings: Findings,
) -> None:
    """Add a fault for each source that says itself that it belongs to another base."""
    for entry in sources:
        card = entry.artifact.card if entry.artifact is not None else None
        if card is not None and card.base is not None and card.base.sha256 != base.sha256:
            text = (
                f"adapter {entry.adapter.reference} was trained on {card.base.id} "
                f"({card.base.sha256[:12]}), not on {base.id} ({base.sha256[:12]}); "
                "name that base, or train the adapter on this one"
            )
            findings.add(recipe.place(entry.source), ModelError(text))
    for source in recipe.models:
        name = source.base_part
        if name is None or name in (recipe.base_name, base.id):
            continue
        with findings.at(recipe.place(source)):
            is_here = Path(name).expanduser().is_dir() or Registry(workspace).find(name) is not None
            if not is_here or find_base(name, workspace).sha256 != base.sha256:
                raise RecipeError(
                    f"model '{source.model}': '{name}' is not the base {base.id}; only adapters of the base are "
                    "merged, not other full models"
                )


def note_bases(
    recipe: Recipe, sources: Sequence[ResolvedSource], base: Base, findings: Findings
) -> None:
    """Note a folder whose configuration names another base; folders move, so the name alone proves nothing."""
    names = {Path(name).name for name in (base.id, str(base.path), recipe.base_name or base.id)}
    for entry in sources:
        if entry.artifact is not None:
            continue
        trained_on = read_object(entry.adapter.file.path.parent / CONFIG).get(
            "base_model_name_or_path"
        )
        if isinstance(trained_on, str) and trained_on and Path(trained_on).name not in names:
            findings.note(
                f"adapter {entry.adapter.reference} says that it was trained on '{Path(trained_on).name}', "
                f"and the base here is '{Path(base.id).name}'"
            )


def note_twins(sources: Sequence[ResolvedSource], findings: Findings) -> None:
    """Note adapters that are the same twice: a sum counts them twice, and signs are outvoted by them."""
    for first, second in combinations(sources, 2):
        paths = (first.adapter.file.path, second.adapter.file.path)
        if filecmp.cmp(*paths, shallow=False):
            findings.note(
                f"adapters {first.adapter.reference} and {second.adapter.reference} hold the same weights, "
                "which then count twice"
            )


def note_licences(
    sources: Sequence[ResolvedSource], base: Base, workspace: Workspace, findings: Findings
) -> None:
    """Note licences that cannot be kept together: such a merge can be made and used here, and not be given away."""
    artifacts = [entry.artifact for entry in sources if entry.artifact is not None]
    for conflict in examine(licences_of(workspace, artifacts, base=base.id)).conflicts:
        findings.note(f"{conflict}; `adapt export` will refuse the merged model")
