"""A recipe held against what is here: base, adapters, shapes, disk; everything before any weight is read.

Reads configurations and headers only, and imports no torch. All faults are told at once.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from adapt.artifacts import Artifact
from adapt.bases import Base, find_base
from adapt.errors import AdaptError, ModelError, NotFoundError, RecipeError, WorkspaceError
from adapt.registry import Registry
from adapt.workspace import Workspace, check_name
from merge.adapters import Adapter, open_adapter
from merge.checkpoint import Checkpoint, open_checkpoint
from merge.plan import MergePlan, plan_merge
from merge.recipe import Recipe, Source
from merge.recipe_faults import all_faults

DEFAULT_NAME = "merged"


@dataclass(frozen=True)
class AdapterReport:
    """What one adapter of a recipe is: its reference or folder, its ranks, and the modules it changes."""

    reference: str
    weight: float
    density: float
    ranks: tuple[int, ...]
    targets: tuple[str, ...]
    tensors: int


@dataclass(frozen=True)
class CheckReport:
    """What a merge will do, told before it is done; sizes in bytes."""

    base: str
    method: str
    adapters: tuple[AdapterReport, ...]
    output_dtype: str
    bytes_to_write: int
    bytes_free: int
    unties: bool


@dataclass(frozen=True)
class ResolvedSource:
    """An adapter of the recipe, found: its files, and its artifact where it is one of the registry."""

    source: Source
    adapter: Adapter
    artifact: Artifact | None


@dataclass(frozen=True)
class Resolved:
    """A recipe that will work: everything that it names, found and fitting."""

    recipe: Recipe
    base: Base
    checkpoint: Checkpoint
    sources: tuple[ResolvedSource, ...]
    base_sources: tuple[Source, ...]
    plan: MergePlan
    bytes_free: int

    @property
    def adapters(self) -> tuple[Adapter, ...]:
        """Return the adapters in the recipe's order."""
        return tuple(found.adapter for found in self.sources)


def check(recipe: Recipe, *, workspace: Workspace) -> CheckReport:
    """Return what a merge of this recipe will do.

    Raises:
        AdaptError: the one thing that is wrong, as its own kind; or a RecipeError that lists all that is wrong.
    """
    resolved = resolve(recipe, workspace=workspace)
    adapters = tuple(
        AdapterReport(
            reference=found.adapter.reference,
            weight=recipe.weight(found.source),
            density=recipe.density(found.source),
            ranks=found.adapter.ranks,
            targets=tuple(sorted({p.module.rpartition(".")[2] for p in found.adapter.parts})),
            tensors=len(found.adapter.parts),
        )
        for found in resolved.sources
    )
    return CheckReport(
        base=resolved.base.id,
        method=recipe.merge_method,
        adapters=adapters,
        output_dtype=recipe.output_dtype or "as the base",
        bytes_to_write=resolved.plan.bytes,
        bytes_free=resolved.bytes_free,
        unties=resolved.plan.unties,
    )


def resolve(recipe: Recipe, *, workspace: Workspace) -> Resolved:
    """Return everything that a recipe names, found and fitting.

    Raises:
        AdaptError: as `check`.
    """
    faults: list[AdaptError] = []
    registry = Registry(workspace)
    sources: list[ResolvedSource] = []
    base, checkpoint, plan = None, None, None
    with _noting(faults):
        check_name("model", recipe.name or DEFAULT_NAME)
    for source in recipe.models:
        if source.adapter_part is not None:
            with _noting(faults):
                sources.append(_find_adapter(source, source.adapter_part, registry))
    with _noting(faults):
        base = find_base(_base_name(recipe, sources), workspace)
        checkpoint = open_checkpoint(base.path)
    if base is not None:
        faults += _foreign(recipe, sources, base, workspace)
    if checkpoint is not None:
        with _noting(faults):
            adapters = [found.adapter for found in sources]
            plan = plan_merge(checkpoint, adapters, output_dtype=recipe.output_dtype)
    free = shutil.disk_usage(workspace.artifacts).free
    if plan is not None and plan.bytes > free:
        faults.append(
            WorkspaceError(
                f"{workspace.artifacts}: the merged model needs {plan.bytes / 1e9:.1f} GB and {free / 1e9:.1f} GB "
                "are free; free some space"
            )
        )
    if faults or base is None or checkpoint is None or plan is None:
        raise _together(recipe, faults)
    base_sources = tuple(source for source in recipe.models if source.adapter_part is None)
    return Resolved(recipe, base, checkpoint, tuple(sources), base_sources, plan, free)


@contextmanager
def _noting(faults: list[AdaptError]) -> Iterator[None]:
    """Collect what goes wrong inside, so that the rest is checked as well; every fault is raised at the end."""
    try:
        yield
    except AdaptError as error:
        is_list = isinstance(error, ModelError)  # a plan tells one sentence per adapter
        faults += [ModelError(line) for line in str(error).splitlines()] if is_list else [error]


def _together(recipe: Recipe, faults: list[AdaptError]) -> AdaptError:
    """Return one fault as it is, several as one RecipeError that lists them."""
    sentences = list(dict.fromkeys(str(fault) for fault in faults))
    if len(sentences) == 1:
        return faults[0]
    return RecipeError(all_faults(recipe.name or "recipe", sentences))


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
    names = sorted({found.card.name for found in registry.list("adapter")})
    if name in names:
        registry.get(reference)  # raises with the versions that there are
    raise NotFoundError("adapter", reference, names)


def _base_name(recipe: Recipe, sources: list[ResolvedSource]) -> str:
    """Return the base that the recipe names, or that all of its adapters name."""
    if recipe.base_model is not None:
        return recipe.base_model
    cards = [found.artifact.card for found in sources if found.artifact is not None]
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


def _foreign(
    recipe: Recipe, sources: list[ResolvedSource], base: Base, workspace: Workspace
) -> list[AdaptError]:
    """Return a fault for each source that says itself that it belongs to another base."""
    faults: list[AdaptError] = []
    for found in sources:
        card = found.artifact.card if found.artifact is not None else None
        if card is not None and card.base is not None and card.base.sha256 != base.sha256:
            faults.append(
                ModelError(
                    f"adapter {found.adapter.reference} was trained on {card.base.id} "
                    f"({card.base.sha256[:12]}), not on {base.id} ({base.sha256[:12]}); "
                    "name that base, or train the adapter on this one"
                )
            )
    for source in recipe.models:
        name = source.base_part
        if name is None or name in (recipe.base_model, base.id):
            continue
        if Path(name).expanduser().is_dir() or Registry(workspace).find(name) is not None:
            try:
                if find_base(name, workspace).sha256 == base.sha256:
                    continue
            except AdaptError as error:
                faults.append(error)
                continue
        faults.append(
            RecipeError(
                f"model '{source.model}': '{name}' is not the base {base.id}; only adapters of the base are merged, "
                "not other full models"
            )
        )
    return faults
