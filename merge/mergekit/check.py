"""A recipe for mergekit compared with what is here, before a weight is read: mergekit itself finds most of this late.

Reads configurations and headers only, and imports neither torch nor mergekit. All faults are reported at once.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec

from adapt.errors import WorkspaceError
from adapt.workspace.folder import Workspace, check_name
from merge.mergekit.experts import difference_faults, expert_faults, mixture_bytes
from merge.mergekit.layers import (
    Piece,
    architecture_faults,
    end_faults,
    layer_faults,
    merged_bytes,
    vocabulary_faults,
)
from merge.mergekit.sources import FoundModel, ModelName, find_model, noting
from merge.recipes.mergekit.recipe import (
    LoraExtraction,
    MergekitRecipe,
    MergekitSource,
    MixtureOfExperts,
    ModelMerge,
    OutputModule,
)
from merge.recipes.parameters import Faults
from merge.recipes.yaml_lines import Location
from merge.weights.checkpoint import Checkpoint
from merge.weights.dtypes import CODES

DEFAULT_NAME = "merged"
Models = dict[ModelName, FoundModel]
Named = list[tuple[Location, ModelName]]


@dataclass(frozen=True)
class MergekitReport:
    """What mergekit will do, reported before it runs; sizes in bytes, approximately."""

    method: str
    models: tuple[str, ...]
    output: str
    bytes_to_write: int
    bytes_to_prepare: int
    bytes_free: int


@dataclass(frozen=True)
class ResolvedMergekit:
    """A recipe that will work as far as can be checked: every model that it names, found and fitting.

    Attributes:
        donor: the model whose configuration and tokenizer the output gets.
    """

    recipe: MergekitRecipe
    models: Models
    donor: FoundModel
    report: MergekitReport


def check(recipe: MergekitRecipe, *, workspace: Workspace) -> MergekitReport:
    """Return what mergekit will do with a recipe.

    Raises:
        AdaptError: all that is wrong, each with its field and line.
    """
    return resolve(recipe, workspace=workspace).report


def resolve(recipe: MergekitRecipe, *, workspace: Workspace) -> ResolvedMergekit:
    """Return everything that a recipe names, found and fitting.

    Raises:
        AdaptError: as `check`.
    """
    faults: Faults = []
    if find_spec("mergekit") is None:
        faults.append(((), "mergekit is not installed; pip install 'mergekit>=0.1.5,<0.2'"))
    with noting(faults, ("name",) if recipe.name else ()):
        check_name("model", recipe.name or DEFAULT_NAME)
    models: Models = {}
    wrong: set[ModelName] = set()
    base = getattr(recipe, "base_model", None)
    for location, name in named_models(recipe):
        if name in models or name in wrong:
            continue
        before = len(faults)
        with noting(faults, location):
            models[name] = find_model(name, default_base=base, workspace=workspace)
        if len(faults) > before:
            wrong.add(name)
    if faults:
        raise recipe.error(faults)
    faults, size, output = _fits(recipe, models)
    if faults:
        raise recipe.error(faults)
    names = tuple(dict.fromkeys(model.name for model in models.values()))
    prepare = sum(model.checkpoint.bytes for model in models.values() if model.adapter is not None)
    free = shutil.disk_usage(workspace.artifacts).free
    method = recipe.merge_method if isinstance(recipe, ModelMerge) else output
    report = MergekitReport(method, names, output, size, prepare, free)
    if size + prepare > free:
        raise WorkspaceError(
            f"{workspace.path}: the output needs {size / 1e9:.1f} GB, adapters merged before it {prepare / 1e9:.1f} GB, "
            f"and {free / 1e9:.1f} GB are free; free some space"
        )
    return ResolvedMergekit(recipe, models, _donor(recipe, models), report)


def named_models(recipe: MergekitRecipe) -> Named:
    """Return every model that a recipe names and where, in the recipe's order, the base first."""
    if isinstance(recipe, LoraExtraction):
        inner = recipe.extract_lora
        return [
            (("extract_lora", "base_model"), ModelName(inner.base_model)),
            (("extract_lora", "model"), ModelName(inner.model)),
        ]
    if isinstance(recipe, MixtureOfExperts):
        listed = (("experts", recipe.experts), ("shared_experts", recipe.shared_experts))
        return [
            (("base_model",), ModelName(recipe.base_model)),
            *(
                ((key, i), ModelName(expert.source_model, expert.adapter))
                for key, experts in listed
                for i, expert in enumerate(experts)
            ),
        ]
    if not isinstance(recipe, ModelMerge):
        raise TypeError(f"no recipe for mergekit: {type(recipe).__name__}")
    base: Named = [(("base_model",), ModelName(recipe.base_model))] if recipe.base_model else []
    merged = [(location, _name(source)) for location, source, _ in _sources(recipe)]
    return [*base, *merged, *_tokenizer_models(recipe)]


def _name(source: MergekitSource) -> ModelName:
    return ModelName(source.model, source.adapter)


def _sources(
    recipe: ModelMerge,
) -> Iterator[tuple[Location, MergekitSource, Location]]:
    """Yield each source with its place and the place of what it is merged in."""
    whole = OutputModule(slices=recipe.slices, models=recipe.models)
    parts: list[tuple[Location, OutputModule]] = [((), whole)]
    parts += [(("modules", name), module) for name, module in recipe.modules.items()]
    for at, part in parts:
        for i, source in enumerate(part.models):
            yield (*at, "models", i), source, (*at, "models")
        for i, piece in enumerate(part.slices):
            for j, layers in enumerate(piece.sources):
                yield (*at, "slices", i, "sources", j), layers, (*at, "slices", i)


def _tokenizer_models(recipe: ModelMerge) -> Named:
    listed: list[tuple[Location, object]] = [(("tokenizer_source",), recipe.tokenizer_source)]
    if recipe.tokenizer is not None:
        listed.append((("tokenizer", "source"), recipe.tokenizer.source))
        for token, setting in recipe.tokenizer.tokens.items():
            source = setting.source
            model = source.get("model") if isinstance(source, dict) else source
            listed.append((("tokenizer", "tokens", token, "source"), model))
    return [
        (location, ModelName(name))
        for location, name in listed
        if isinstance(name, str) and name not in ("union", "base")
    ]


def _donor(recipe: MergekitRecipe, models: Models) -> FoundModel:
    return models[named_models(recipe)[0][1]]


def _fits(recipe: MergekitRecipe, models: Models) -> tuple[Faults, int, str]:
    """Return what does not fit, the size of the output, and what it will be."""
    if isinstance(recipe, LoraExtraction):
        names = named_models(recipe)
        base, model = models[names[0][1]], models[names[1][1]]
        faults = difference_faults(recipe, base, model)
        return faults, base.checkpoint.bytes // 4, f"an adapter of rank {recipe.extract_lora.rank}"
    if isinstance(recipe, MixtureOfExperts):
        experts = [(location, models[name]) for location, name in named_models(recipe)[1:]]
        base = _donor(recipe, models)
        faults = expert_faults(recipe, base, experts)
        return faults, mixture_bytes(base, experts), f"a mixture of {len(recipe.experts)} experts"
    if not isinstance(recipe, ModelMerge):
        raise TypeError(f"no recipe for mergekit: {type(recipe).__name__}")
    return _merge_fits(recipe, models)


def _merge_fits(recipe: ModelMerge, models: Models) -> tuple[Faults, int, str]:
    donor = _donor(recipe, models)
    groups: dict[Location, list[Piece]] = {}
    for location, source, group in _sources(recipe):
        limits = getattr(source, "layer_range", (0, None))
        piece = Piece(location, models[_name(source)], *limits)
        groups.setdefault(group, []).append(piece)
    if recipe.base_model is not None and recipe.models:
        groups[("models",)].append(Piece(("base_model",), donor))
    listed = list(groups.values())
    pieces = [piece for group in listed for piece in group]
    others = [(p.location, p.model) for p in pieces if p.model is not donor]
    merged = [(named_models(recipe)[0][0], donor), *others]
    aligns = recipe.tokenizer_source is not None or recipe.tokenizer is not None
    faults = architecture_faults(merged)
    if not faults and not recipe.modules:
        faults += layer_faults(listed, donor)
        faults += end_faults([*listed[0], *listed[-1]], donor, aligns=aligns)
    faults += vocabulary_faults(merged, donor, aligns=aligns)
    known = {piece.model.base.path for piece in pieces} | {donor.base.path}
    faults += [
        (location, "is none of the models that are merged")
        for location, name in _tokenizer_models(recipe)
        if "tokens" in location and models[name].base.path not in known
    ]
    faults += [fault for location, model in merged for fault in _dtype_faults(location, model)]
    written = recipe.out_dtype or recipe.dtype
    size = merged_bytes(listed, CODES[written] if written and written != "float64" else None)
    return list(dict.fromkeys(faults)), size, "a full model"


def _dtype_faults(location: Location, model: FoundModel) -> Faults:
    """Refuse weights that are not plain floats: mergekit would do arithmetic on packed bytes."""
    narrow = _narrow(model.checkpoint)
    return (
        [(location, f"its weights are {narrow}; name it in bf16, fp16 or fp32")] if narrow else []
    )


def _narrow(checkpoint: Checkpoint) -> str:
    codes = {record.dtype for file in checkpoint.files for record in file.tensors.values()}
    return next((code for code in sorted(codes) if code.startswith("F8")), "")
