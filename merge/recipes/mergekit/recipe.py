"""Recipes that mergekit carries out: merges of full models, a mixture of experts, an adapter taken out of a model.

mergekit's own YAML, and ours: `name`, `seed`, and `adapter: name@version` or `model: name@version` of the registry as
sources. Three kinds, distinguished by their keys:

    merge_method: slerp                      base_model: starter           extract_lora:
    base_model: starter                      gate_mode: hidden               model: tuned@2
    models: [{model: starter}, …]            experts:                        base_model: starter
    parameters: {t: [0, 0.5, 1]}               - adapter: billing@3          rank: 16
    # or `slices:`, `modules:`                   positive_prompts: [refund]

Every fault is reported at once, with its field and line, and without importing mergekit or torch. What lies between the
fields is in `merge.recipes.mergekit.faults`; whether the models exist and fit, in `merge.mergekit.check`.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, JsonValue, PrivateAttr, ValidationError
from pydantic_core import ErrorDetails

from adapt.errors import RecipeError
from adapt.workspace.settings import Settings
from merge.recipes.faults import all_faults, explain, place
from merge.recipes.mergekit.expert_faults import extraction_faults, moe_faults
from merge.recipes.mergekit.faults import merge_faults
from merge.recipes.mergekit.model_names import with_short_names, without_parameters
from merge.recipes.sections import HeldOutFile, section_faults
from merge.recipes.yaml_lines import Location

Name = Annotated[str, Field(strict=True, min_length=1)]
Count = Annotated[int, Field(strict=True, ge=0)]
Number = Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)]
Parameters = dict[str, JsonValue]
DType = Literal["bfloat16", "float16", "float32", "float64"]
Gate = Literal["hidden", "hidden_avg", "hidden_last", "cheap_embed", "random", "uniform_random"]


class _Part(Settings):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class MergekitSource(_Part):
    """A model to merge: `model: name`, `model: base+adapter`, or `adapter: name@version` on its own base."""

    model: Name | None = None
    adapter: Name | None = None
    parameters: Parameters = Field(default_factory=dict)


class SliceSource(MergekitSource):
    """Some layers of a model, from `layer_range[0]` up to and without `layer_range[1]`."""

    layer_range: tuple[Count, Count]


class OutputSlice(_Part):
    """A run of layers of the output, merged from as many layers of each source."""

    sources: Annotated[tuple[SliceSource, ...], Field(min_length=1)]
    base_model: Name | None = None
    parameters: Parameters = Field(default_factory=dict)


class OutputModule(_Part):
    """One part of a model that has several (a vision tower, the language model)."""

    slices: tuple[OutputSlice, ...] = ()
    models: tuple[MergekitSource, ...] = ()
    parameters: Parameters = Field(default_factory=dict)


class TokenSetting(_Part):
    """Where one token's embedding comes from: a model's name, `kind: zero`, or `kind: model_token`."""

    source: Name | dict[str, str | int] | None = None
    force: Annotated[bool, Field(strict=True)] = False


class TokenizerSettings(_Part):
    """The output's tokenizer: `union`, `base` or that of a model; further tokens; padding of the vocabulary."""

    source: Name = "union"
    tokens: dict[str, TokenSetting] = Field(default_factory=dict)
    pad_to_multiple_of: Annotated[int, Field(strict=True, ge=1)] | None = None


class Expert(_Part):
    """A model whose feed-forward layers become one expert, and the prompts that should reach it."""

    source_model: Name | None = None
    adapter: Name | None = None
    positive_prompts: tuple[Name, ...] = ()
    negative_prompts: tuple[Name, ...] = ()
    noise_scale: Number | None = None
    residual_scale: Annotated[float, Field(strict=True, allow_inf_nan=False)] | None = None


class Extraction(_Part):
    """What to extract: an adapter of `rank` that makes `model` out of `base_model`, as nearly as that rank can.

    `include` and `exclude` are regular expressions over the names of modules.
    """

    model: Name
    base_model: Name
    rank: Annotated[int, Field(strict=True, ge=1, le=4096)] = 32
    include: tuple[Name, ...] = ()
    exclude: tuple[Name, ...] = ()


class MergekitRecipe(_Part):
    """What every kind has.

    Attributes:
        name: of the artifact to make.
        seed: of all that is drawn.
        evaluate: held-out files by domain, measured once at the end.
    """

    name: Annotated[str, Field(strict=True)] = ""
    seed: Annotated[int, Field(strict=True, ge=0, lt=2**32)] = 0
    evaluate: dict[str, HeldOutFile] = Field(default_factory=dict)
    _where: str = PrivateAttr("recipe")
    _lines: Mapping[Location, int] = PrivateAttr(default_factory=dict)

    def located(self, where: str, lines: Mapping[Location, int]) -> Self:
        """Remember the file and the lines, so that later faults can name them too."""
        self._where, self._lines = where, lines
        return self

    def error(self, faults: Sequence[tuple[Location, str]]) -> RecipeError:
        """Return one error for faults that were found after reading, each with its field and line."""
        sentences = [
            place(location, text, self._lines) if location else text for location, text in faults
        ]
        return RecipeError(all_faults(self._where, list(dict.fromkeys(sentences))))


class ModelMerge(MergekitRecipe):
    """A merge of full models by one of mergekit's methods."""

    merge_method: str
    base_model: Name | None = None
    models: tuple[MergekitSource, ...] = ()
    slices: tuple[OutputSlice, ...] = ()
    modules: dict[str, OutputModule] = Field(default_factory=dict)
    parameters: Parameters = Field(default_factory=dict)
    dtype: DType | None = None
    out_dtype: DType | None = None
    tokenizer_source: Name | None = None
    tokenizer: TokenizerSettings | None = None
    chat_template: Name | None = None


class MixtureOfExperts(MergekitRecipe):
    """One model whose feed-forward layers are those of several, with a router before them."""

    base_model: Name
    experts: tuple[Expert, ...]
    shared_experts: tuple[Expert, ...] = ()
    gate_mode: Gate = "hidden"
    experts_per_token: Annotated[int, Field(strict=True, ge=1)] = 2
    dtype: DType | None = None
    architecture: Name | None = None


class LoraExtraction(MergekitRecipe):
    """An adapter taken out of a full model."""

    extract_lora: Extraction


REFUSED = {
    "residual_weight": "has no effect in mergekit; remove it",
    "search": "chooses among our own methods on adapters; a recipe for mergekit is carried out as it stands",
}
FAULTS = {
    ModelMerge: merge_faults,
    MixtureOfExperts: moe_faults,
    LoraExtraction: extraction_faults,
}


def parse(
    values: Mapping[str, object],
    *,
    where: str,
    lines: Mapping[Location, int],
    faults: Sequence[str],
) -> MergekitRecipe:
    """Return the recipe that the values of a YAML file mean.

    Args:
        where: the file, as told in errors.
        lines: the line of each field.
        faults: what was already found wrong in the file.

    Raises:
        RecipeError: all that is wrong, each with its field and line.
    """
    kind = _kind(values)
    values, located = with_short_names(values)
    located += FAULTS[kind](values)
    # left out where they have faults: a nest of aliases in one of them would be walked for hours
    is_clean = not any("parameters" in location for location, _ in located)
    checked = values if is_clean else without_parameters(values)
    recipe = None
    try:
        recipe = kind.model_validate(checked)
    except ValidationError as error:
        located += [(f["loc"], _explain(kind, f)) for f in error.errors()]
    measured = values.get("evaluate")
    domains = map(str, measured) if isinstance(measured, Mapping) else ()
    located += section_faults({"evaluate": measured}, domains)
    sentences = [*faults, *(place(location, text, lines) for location, text in located)]
    if recipe is None or sentences:
        raise RecipeError(all_faults(where, list(dict.fromkeys(sentences))))
    return recipe.located(where, lines)


def _kind(values: Mapping[str, object]) -> type[ModelMerge | MixtureOfExperts | LoraExtraction]:
    if "experts" in values or "gate_mode" in values:
        return MixtureOfExperts
    return LoraExtraction if "extract_lora" in values else ModelMerge


def _explain(kind: type[MergekitRecipe], fault: ErrorDetails) -> str:
    """Return the sentence of one pydantic fault."""
    refused = REFUSED.get(str(fault["loc"][-1])) if fault["type"] == "extra_forbidden" else None
    return refused or explain(fault, _known_keys(kind, fault["loc"]))


def _known_keys(kind: type[BaseModel], location: Location) -> list[str]:
    """Return the keys that are allowed where a key is not known; keys of the user's own lead nowhere and are passed."""
    model = kind
    for part in location[:-1]:
        field = model.model_fields.get(str(part))
        if field is not None:
            model = _inner_model(field.annotation) or model
    return list(model.model_fields)


def _inner_model(annotation: object) -> type[BaseModel] | None:
    """Return the model inside an annotation such as `tuple[Model, ...] | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    models = [_inner_model(inner) for inner in get_args(annotation)]
    return next((model for model in models if model is not None), None)
