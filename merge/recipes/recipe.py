"""`Recipe`: what to merge and how; mergekit's YAML as a subset, and `adapter: name@version` of the registry.

    merge_method: ties                       base_model: starter
    models:                                  name: support            # the artifact
      - adapter: billing@3                   parameters: {lambda: 1.0, normalize: true}
        parameters: {weight: 1.0, density: [0.5, 0.3]}
      - model: starter+./travel              dtype: bfloat16          # of the written model

Every fault of a recipe is reported at once, with its field and its line, before any weight is read.
Not here: what is wrong with a recipe (`merge.recipes.faults`), how one parameter is written (`merge.recipes.parameters`),
and whether base and adapters exist and fit (`merge.check.resolve`).
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue, PrivateAttr, ValidationError

from adapt.errors import RecipeError
from merge.methods.catalogue import SPECS
from merge.methods.spec import MethodSpec, Parameter, Value
from merge.methods.terms import Terms, TermsOf
from merge.recipes.faults import all_faults, cross_faults, explain, place, without_faulty_parameters
from merge.recipes.mergekit.recipe import MergekitRecipe, parse as parse_for_mergekit
from merge.recipes.model_names import as_named, is_for_mergekit
from merge.recipes.parameters import depth, evaluate
from merge.recipes.sections import HeldOut, HeldOutFile, Search, domain_of, with_paths
from merge.recipes.yaml_lines import Location, read_yaml
from merge.weights.dtypes import DType

Name = Annotated[str, Field(strict=True, min_length=1)]


class _RecipePart(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Source(_RecipePart):
    """One entry of `models`: an adapter, as `adapter: name@version` or folder, or as `model: base+folder`.

    `model: base` alone is the base itself, as mergekit allows.
    """

    model: Name | None = None
    adapter: Name | None = None
    parameters: dict[str, JsonValue] = {}

    @property
    def base_part(self) -> str | None:
        """Return the base that `model: base+folder` names, or None."""
        return self.model.partition("+")[0] if self.model else None

    @property
    def adapter_part(self) -> str | None:
        """Return the adapter's reference or folder, or None where the source is the base alone."""
        if self.adapter is not None:
            return self.adapter
        return (self.model or "").partition("+")[2] or None


class Recipe(_RecipePart):
    """A merge, checked as far as that is possible without looking at any model.

    Attributes:
        parameters: of the whole merge; what is per source holds for each source that sets none itself.
        evaluate: held-out files by domain, measured once at the end.
        calibration: files by domain that a method on rows (`regmean`, `distill`) fits the model to.
    """

    merge_method: str
    base_model: Name | None = None
    models: tuple[Source, ...]
    parameters: dict[str, JsonValue] = {}
    dtype: DType | None = None
    out_dtype: DType | None = None
    name: Annotated[str, Field(strict=True)] = ""
    evaluate: dict[str, HeldOutFile] = {}
    search: Search | None = None
    calibration: dict[str, HeldOutFile] = {}
    _lines: dict[Location, int] = PrivateAttr(default_factory=dict)

    @property
    def lines(self) -> Mapping[Location, int]:
        """Return the line of each field in the file; empty where the recipe came from flags."""
        return self._lines

    def keep_lines(self, lines: Mapping[Location, int]) -> None:
        """Remember where the fields stand, so that later faults can name their line."""
        self._lines = dict(lines)

    @property
    def spec(self) -> MethodSpec:
        """Return what the method takes."""
        return SPECS[self.merge_method]

    @property
    def output_dtype(self) -> DType | None:
        """Return the dtype of the written weights: `out_dtype`, else `dtype`; None keeps the base's own."""
        return self.out_dtype or self.dtype

    @property
    def adapters(self) -> tuple[Source, ...]:
        """Return the sources that are adapters, in order; a tensor's `Terms` have one value for each.

        Where `base_model` is one of them (as mergekit's SLERP has it), that one is the first.
        """
        adapters = [source for source in self.models if source.adapter_part is not None]
        return tuple(sorted(adapters, key=lambda source: source.model != self.base_model))

    @property
    def base_name(self) -> str | None:
        """Return the base that the recipe names for the whole merge, or None."""
        return self.base_model.partition("+")[0] if self.base_model else None

    def place(self, source: Source) -> Location:
        """Return the field of a source."""
        at = next(i for i, known in enumerate(self.models) if known is source)
        return ("models", at, "adapter" if source.adapter is not None else "model")

    def adapter_of(self, domain: str, adapter: str | None = None) -> Source:
        """Return the source of a domain of `evaluate` or `search`.

        Args:
            adapter: which one the section names; else the one that is called like the domain.

        Raises:
            ValueError: there is none, which `merge.recipes.sections` refuses before.
        """
        wanted = adapter or domain
        for source in self.adapters:
            reference = source.adapter_part or ""
            if wanted in (reference, domain_of(reference)):
                return source
        raise ValueError(f"no adapter for the domain '{domain}'")

    def setting(self, name: str, source: Source | None = None) -> JsonValue:
        """Return a parameter as it is written: the source's own, else the recipe's, else the default."""
        if source is not None and name in source.parameters:
            return source.parameters[name]
        return self.parameters.get(name, self._parameter(name).default)

    def setting_or_none(self, name: str) -> JsonValue:
        """Return a parameter of the whole merge as it is written, or None where the method has none of it."""
        return self.setting(name) if self.spec.parameter(name) else None

    def terms_of(self, layers: Mapping[str, int]) -> TermsOf:
        """Return what gives every tensor its values, gradients and filters resolved as mergekit 0.1.5 resolves them.

        Args:
            layers: how many layers each stack of the base has (`merge.recipes.parameters.layer_counts`).
        """
        per_source = [p for p in self.spec.parameters if p.per_source]
        shared = [p for p in self.spec.parameters if not p.per_source]
        base_sources = [source for source in self.models if source.adapter_part is None]

        def terms(tensor: str) -> Terms:
            t = depth(tensor, layers)
            sources = {
                p.name: tuple(float(self._value(p, tensor, t, s)) for s in self.adapters)
                for p in per_source
            }
            weights = sources.pop("weight", (1.0,) * len(self.adapters))
            weight = self.spec.parameter("weight")
            base = [self._value(weight, tensor, t, s) for s in base_sources] if weight else []
            return Terms(
                weights=weights,
                sources=sources,
                shared={p.name: self._value(p, tensor, t) for p in shared},
                base_weight=math.fsum(map(float, base)),
                tensor=tensor,
            )

        return terms

    def _parameter(self, name: str) -> Parameter:
        parameter = self.spec.parameter(name)
        if parameter is None:
            raise ValueError(f"{self.merge_method} has no parameter '{name}'")
        return parameter

    def _value(
        self, parameter: Parameter, tensor: str, t: float, source: Source | None = None
    ) -> Value:
        """Return a parameter's value for one tensor; where no filter of a group matches, the next group decides."""
        groups = [source.parameters] if source is not None else []
        for group in (*groups, self.parameters):
            if parameter.name in group:
                value = evaluate(group[parameter.name], tensor, t)
                if value is not None:
                    return float(value) if isinstance(parameter.default, float) else value
        return parameter.default


def read_recipe(path: Path) -> Recipe | MergekitRecipe:
    """Return the recipe of a YAML file: a merge of adapters, which is ours, or anything else that mergekit can do.

    Raises:
        DataError: the file is missing, empty, not YAML or not a mapping; the text names the line.
        RecipeError: all that is wrong in the recipe, each with its field and line.
    """
    values, lines, faults = read_yaml(path)
    values = with_paths(values, path.parent)
    if is_for_mergekit(values):
        return parse_for_mergekit(values, where=str(path), lines=lines, faults=faults)
    return parse_recipe(values, where=str(path), lines=lines, faults=faults)


def parse_recipe(
    values: Mapping[str, object],
    *,
    where: str,
    lines: Mapping[Location, int] | None = None,
    faults: Sequence[str] = (),
) -> Recipe:
    """Return the recipe of plain values, or raise all its faults in one error.

    Args:
        where: the file or the command, for the text of faults.
        lines: the line of each field, for the same.
        faults: what was found before.

    Raises:
        RecipeError: the values are no recipe; the text has a sentence for each fault.
    """
    named, located = as_named(values)
    located += cross_faults(named)
    recipe = None
    try:
        # settings with faults are left out here: a nest of aliases in one of them would be walked for hours
        recipe = Recipe.model_validate(without_faulty_parameters(named, located))
    except ValidationError as error:
        located += [(f["loc"], explain(f, _keys_beside(f["loc"]))) for f in error.errors()]
    sentences = [*faults, *(place(location, text, lines or {}) for location, text in located)]
    if recipe is None or sentences:
        raise RecipeError(all_faults(where, list(dict.fromkeys(sentences))))
    recipe.keep_lines(lines or {})
    return recipe


def _keys_beside(location: Location) -> list[str]:
    """Return the keys that are known where a key lies."""
    model: type[BaseModel] = Recipe
    if location[0] == "models" and len(location) > 1:
        model = Source
    elif location[0] == "search":
        model = HeldOut if "validation" in location[:-1] else Search
    elif location[0] in ("evaluate", "calibration"):
        model = HeldOut
    return list(model.model_fields)
