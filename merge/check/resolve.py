"""A recipe compared with what is here: base, adapters, shapes, tokens, values, disk; everything before a weight is read.

Reads configurations and headers only, and imports no torch. All faults are reported at once, each with its field and line.
"""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from adapt.errors import ModelError, WorkspaceError
from adapt.registry.bases.find import Base, find_base
from adapt.workspace.folder import Workspace, check_name
from merge.check.calibration import check_rows
from merge.check.findings import Findings
from merge.check.sources import (
    ResolvedSource,
    base_name,
    check_bases,
    find_sources,
    note_bases,
    note_licences,
    note_twins,
)
from merge.check.tokens import check_tokens, has_tokenizer
from merge.check.values import check_values
from merge.methods.catalogue import SPECS
from merge.methods.terms import TermsOf
from merge.recipes.faults import cross_faults
from merge.recipes.parameters import layer_counts
from merge.recipes.recipe import Recipe, Source
from merge.weights.adapters import Adapter
from merge.weights.checkpoint import Checkpoint, open_checkpoint
from merge.weights.dtypes import FLOATS
from merge.weights.plan import MergePlan, plan_merge

DEFAULT_NAME = "merged"


@dataclass(frozen=True)
class AdapterReport:
    """What one adapter of a recipe is, and what the recipe does with it.

    Attributes:
        parameters: of the method for this adapter, as the recipe writes them, defaults filled in.
        targets: the last names of the modules that it changes.
    """

    reference: str
    parameters: Mapping[str, JsonValue]
    ranks: tuple[int, ...]
    targets: tuple[str, ...]
    tensors: int


@dataclass(frozen=True)
class CheckReport:
    """What a merge will do, reported before it runs; sizes in bytes.

    Attributes:
        parameters: of the whole merge, defaults filled in.
        gives_adapter: whether the result can be written as an adapter as well.
        notes: what works and may not be what was meant.
    """

    base: str
    architecture: str
    method: str
    parameters: Mapping[str, JsonValue]
    adapters: tuple[AdapterReport, ...]
    output_dtype: str
    bytes_to_write: int
    bytes_free: int
    unties: bool
    gives_adapter: bool
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Resolved:
    """A recipe that will work: everything that it names, found and fitting."""

    recipe: Recipe
    base: Base
    checkpoint: Checkpoint
    sources: tuple[ResolvedSource, ...]
    plan: MergePlan
    bytes_free: int
    notes: tuple[str, ...]

    @property
    def adapters(self) -> tuple[Adapter, ...]:
        """Return the adapters in the order of the recipe's terms."""
        return tuple(entry.adapter for entry in self.sources)

    @property
    def terms_of(self) -> TermsOf:
        """Return what gives every tensor the values of the method's parameters."""
        return self.recipe.terms_of(layer_counts(self.checkpoint.home))

    @property
    def gives_adapter(self) -> bool:
        """Return whether the result can be an adapter."""
        return self.recipe.spec.gives_adapter and all(a.is_plain for a in self.adapters)

    def parameters(self, source: Source | None = None) -> dict[str, JsonValue]:
        """Return the parameters of a source, or of the whole merge, as the recipe writes them, defaults filled in."""
        known = [p for p in self.recipe.spec.parameters if p.per_source == (source is not None)]
        return {p.name: self.recipe.setting(p.name, source) for p in known}


def check(recipe: Recipe, *, workspace: Workspace) -> CheckReport:
    """Return what a merge of this recipe will do.

    Raises:
        AdaptError: the one thing that is wrong, as its own kind; or a RecipeError that lists all that is wrong.
    """
    resolved = resolve(recipe, workspace=workspace)
    architectures = resolved.checkpoint.config.get("architectures")
    return CheckReport(
        base=resolved.base.id,
        architecture=str(architectures[0])
        if isinstance(architectures, list) and architectures
        else "",
        method=recipe.merge_method,
        parameters=resolved.parameters(),
        adapters=tuple(_report(resolved, entry) for entry in resolved.sources),
        output_dtype=recipe.output_dtype or "as the base",
        bytes_to_write=resolved.plan.bytes,
        bytes_free=resolved.bytes_free,
        unties=resolved.plan.unties,
        gives_adapter=resolved.gives_adapter,
        notes=resolved.notes,
    )


def _report(resolved: Resolved, entry: ResolvedSource) -> AdapterReport:
    parts = entry.adapter.parts
    return AdapterReport(
        reference=entry.adapter.reference,
        parameters=resolved.parameters(entry.source),
        ranks=entry.adapter.ranks,
        targets=tuple(sorted({part.module.rpartition(".")[2] for part in parts})),
        tensors=len(parts),
    )


def resolve(recipe: Recipe, *, workspace: Workspace, has_rows: bool = False) -> Resolved:
    """Return everything that a recipe names, found and fitting.

    Args:
        has_rows: whether a method on rows gets them otherwise than by the recipe.

    Raises:
        AdaptError: as `check`.
    """
    findings = Findings(recipe.lines)
    for at, text in cross_faults(recipe.model_dump(by_alias=True, exclude_none=True)):
        findings.add_recipe(at, text)
    is_sound = findings.is_clean
    with findings.at(("name",)):
        check_name("model", recipe.name or DEFAULT_NAME)
    sources = find_sources(recipe, workspace, findings)
    base, checkpoint, plan = None, None, None
    # a base that only the adapters name cannot be missed before all of them are found
    if recipe.base_name is not None or len(sources) == len(recipe.adapters):
        with findings.at(("base_model",)):
            base = find_base(base_name(recipe, sources), workspace)
            checkpoint = open_checkpoint(base.path)
            _check_layers(checkpoint)
    if base is not None:
        check_bases(recipe, sources, base, workspace, findings)
    if base is not None and checkpoint is not None:
        fitting = _fitting(recipe, sources, checkpoint, findings)
        plan = plan_merge(checkpoint, fitting, output_dtype=recipe.output_dtype)
        if is_sound and len(fitting) == len(recipe.adapters):
            check_values(recipe, plan, layer_counts(checkpoint.home), findings)
        _check_tokenizer(recipe, checkpoint, findings)
        check_rows(recipe, plan, findings, has_rows=has_rows)
        note_bases(recipe, sources, base, findings)
        note_twins(sources, findings)
        note_licences(sources, base, workspace, findings)
    free = shutil.disk_usage(workspace.artifacts).free
    if plan is not None and plan.bytes > free:
        text = (
            f"{workspace.artifacts}: the merged model needs {plan.bytes / 1e9:.1f} GB and {free / 1e9:.1f} GB "
            "are free; free some space"
        )
        findings.add(("base_model",), WorkspaceError(text))
    if not findings.is_clean or base is None or checkpoint is None or plan is None:
        raise findings.error(recipe.name or "recipe")
    return Resolved(recipe, base, checkpoint, sources, plan, free, findings.notes)


def _check_layers(checkpoint: Checkpoint) -> None:
    """Refuse a base whose weights have fewer layers than its configuration says: transformers would invent the rest."""
    stated = checkpoint.config.get("num_hidden_layers", checkpoint.config.get("n_layer"))
    counted = max(layer_counts(checkpoint.home).values(), default=0)
    if isinstance(stated, int) and 0 < counted < stated:
        raise ModelError(
            f"{checkpoint.folder}: config.json says {stated} layers and the weights have {counted}; download the base again"
        )


def _fitting(
    recipe: Recipe, sources: Sequence[ResolvedSource], checkpoint: Checkpoint, findings: Findings
) -> list[Adapter]:
    """Return the adapters that fit the base and the method, with a fault for each of the others."""
    fitting = []
    for entry in sources:
        with findings.at(recipe.place(entry.source)):
            _check_adapter(entry.adapter, recipe, checkpoint)
            fitting.append(entry.adapter)
    return fitting


def _check_adapter(adapter: Adapter, recipe: Recipe, checkpoint: Checkpoint) -> None:
    other = [name for name, record in adapter.file.tensors.items() if record.dtype not in FLOATS]
    if other:
        dtype = adapter.file.tensors[other[0]].dtype
        raise ModelError(
            f"adapter '{adapter.reference}': {other[0]} is {dtype}; save the adapter in bf16, fp16 or fp32"
        )
    check_tokens(adapter, checkpoint)
    plan_merge(checkpoint, [adapter], output_dtype=recipe.output_dtype)
    if recipe.merge_method in SPECS and recipe.spec.space == "factors" and not adapter.is_plain:
        raise ModelError(
            f"adapter '{adapter.reference}' is more than B·A (DoRA, modules_to_save or biases), and "
            f"{recipe.merge_method} works on the factors B and A; use ties, or task_arithmetic"
        )


def _check_tokenizer(recipe: Recipe, checkpoint: Checkpoint, findings: Findings) -> None:
    """A base without a tokenizer gives a model without one; it can be merged, not measured."""
    if has_tokenizer(checkpoint.folder):
        return
    asked = {
        "search": recipe.search,
        "evaluate": recipe.evaluate,
        "calibration": recipe.calibration,
    }
    at = next((section for section, value in asked.items() if value), "")
    if at:
        text = f"{checkpoint.folder}: the base has no tokenizer, so that nothing can be measured; add its files"
        findings.add((at,), ModelError(text))
    findings.note("the base has no tokenizer, and so the merged model will have none")
