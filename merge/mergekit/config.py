"""mergekit's own configuration out of a checked recipe: every name becomes a folder, nothing is left for it to look up.

Folders are given as `{"model": {"path": …}}`: in mergekit's short form a `+` or `@` in a path would mean something.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import JsonValue

from merge.mergekit.check import ResolvedMergekit
from merge.mergekit.experts import output_architecture
from merge.mergekit.process import WorkerJob
from merge.mergekit.sources import ModelName
from merge.recipes.mergekit.recipe import (
    Expert,
    LoraExtraction,
    MergekitSource,
    MixtureOfExperts,
    ModelMerge,
    OutputSlice,
    SliceSource,
    TokenizerSettings,
)

Folders = Mapping[ModelName, Path]
Config = dict[str, JsonValue]
WRITTEN_AS = {"mixtral": "mixtral", "qwen": "qwen moe", "qwen3": "qwen3"}


def job_of(resolved: ResolvedMergekit, folders: Folders, *, out: Path) -> WorkerJob:
    """Return the worker's job for a recipe; `folders` are those of full models, adapters merged in."""
    recipe = resolved.recipe
    donor = resolved.donor.folder
    listed = [str(folder) for folder in folders.values()]
    if isinstance(recipe, LoraExtraction):
        config: Config = recipe.extract_lora.model_dump(mode="json")
        for key in ("model", "base_model"):
            config[key] = str(folders[ModelName(str(config[key]))])
        kind: Literal["merge", "mixture", "extraction"] = "extraction"
        base = str(config["base_model"])
        return WorkerJob(
            kind=kind,
            config=config,
            out=str(out),
            seed=recipe.seed,
            donor=base,
            companions=base,
            folders=listed,
        )
    if isinstance(recipe, MixtureOfExperts):
        config = _mixture(recipe, folders, str(resolved.donor.config.get("model_type")))
        base = str(folders[ModelName(recipe.base_model)])
        return WorkerJob(
            kind="mixture",
            config=config,
            out=str(out),
            seed=recipe.seed,
            donor=base,
            companions=base,
            folders=listed,
        )
    if not isinstance(recipe, ModelMerge):
        raise TypeError(f"no recipe for mergekit: {type(recipe).__name__}")
    name = recipe.tokenizer.source if recipe.tokenizer else recipe.tokenizer_source
    other = resolved.models.get(ModelName(name)) if name not in (None, "union", "base") else None
    return WorkerJob(
        kind="merge",
        config=_merge(recipe, folders),
        out=str(out),
        seed=recipe.seed,
        donor=str(donor),
        companions=str(other.folder if other else donor),
        folders=listed,
        layers=_layers(recipe),
        takes_special_tokens=other is not None,
    )


def _path(folder: Path) -> JsonValue:
    return {"model": {"path": str(folder)}}


def _merge(recipe: ModelMerge, folders: Folders) -> Config:
    config: Config = {"merge_method": recipe.merge_method}
    for key in ("dtype", "out_dtype", "chat_template"):
        if getattr(recipe, key) is not None:
            config[key] = getattr(recipe, key)
    if recipe.base_model is not None:
        config["base_model"] = _path(folders[ModelName(recipe.base_model)])
    config |= _body(recipe.models, recipe.slices, recipe.parameters, folders)
    if recipe.modules:
        config["modules"] = {
            name: _body(module.models, module.slices, module.parameters, folders)
            for name, module in recipe.modules.items()
        }
    if recipe.tokenizer_source is not None:
        config["tokenizer_source"] = _tokenizer_name(recipe.tokenizer_source, folders)
    if recipe.tokenizer is not None:
        config["tokenizer"] = _tokenizer(recipe.tokenizer, folders)
    return config


def _body(
    models: tuple[MergekitSource, ...],
    slices: tuple[OutputSlice, ...],
    parameters: Config,
    folders: Folders,
) -> Config:
    config: Config = {}
    if models:
        config["models"] = [_source(source, folders) for source in models]
    if slices:
        config["slices"] = [_slice(piece, folders) for piece in slices]
    if parameters:
        config["parameters"] = parameters
    return config


def _slice(piece: OutputSlice, folders: Folders) -> Config:
    config: Config = {"sources": [_source(source, folders) for source in piece.sources]}
    if piece.base_model is not None:
        config["base_model"] = _path(folders[ModelName(piece.base_model)])
    if piece.parameters:
        config["parameters"] = piece.parameters
    return config


def _source(source: MergekitSource, folders: Folders) -> Config:
    config: Config = {"model": _path(folders[ModelName(source.model, source.adapter)])}
    if source.parameters:
        config["parameters"] = source.parameters
    if isinstance(source, SliceSource):
        config["layer_range"] = list(source.layer_range)
    return config


def _tokenizer_name(name: str, folders: Folders) -> JsonValue:
    return name if name in ("union", "base") else _path(folders[ModelName(name)])


def _tokenizer(tokenizer: TokenizerSettings, folders: Folders) -> Config:
    tokens: Config = {}
    for token, setting in tokenizer.tokens.items():
        source: JsonValue = None
        if isinstance(setting.source, str):
            source = _path(folders[ModelName(setting.source)])
        elif setting.source is not None:
            source = dict(setting.source)
            if "model" in source:
                source["model"] = _path(folders[ModelName(str(source["model"]))])
        tokens[token] = {"source": source, "force": setting.force}
    config: Config = {"source": _tokenizer_name(tokenizer.source, folders), "tokens": tokens}
    if tokenizer.pad_to_multiple_of is not None:
        config["pad_to_multiple_of"] = tokenizer.pad_to_multiple_of
    return config


def _layers(recipe: ModelMerge) -> list[int]:
    """Return which layer of the donor each layer of the output is like: the one at its source's place."""
    slices = recipe.slices
    if len(recipe.modules) == 1:
        slices = next(iter(recipe.modules.values())).slices
    ranges = [piece.sources[0].layer_range for piece in slices]
    return [layer for first, end in ranges for layer in range(first, end)]


def _mixture(recipe: MixtureOfExperts, folders: Folders, model_type: str) -> Config:
    written = output_architecture(recipe, model_type)
    if written is None:
        raise ValueError(f"no mixture can be made of {model_type}")
    config: Config = {
        "base_model": _path(folders[ModelName(recipe.base_model)]),
        "gate_mode": recipe.gate_mode,
        "experts_per_token": recipe.experts_per_token,
        "architecture": WRITTEN_AS[written],
        "experts": [_expert(expert, folders) for expert in recipe.experts],
    }
    if recipe.dtype is not None:
        config["dtype"] = recipe.dtype
    if recipe.shared_experts:
        config["shared_experts"] = [_expert(expert, folders) for expert in recipe.shared_experts]
    return config


def _expert(expert: Expert, folders: Folders) -> Config:
    config = expert.model_dump(mode="json", exclude={"source_model", "adapter"}, exclude_none=True)
    config["source_model"] = _path(folders[ModelName(expert.source_model, expert.adapter)])
    return config
