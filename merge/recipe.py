"""`Recipe`: what to merge and how; mergekit's YAML as a subset, and `adapter: name@version` of the registry.

    merge_method: ties                       base_model: starter
    models:                                  name: support            # the artifact
      - adapter: billing@3                   parameters: {lambda: 1.0, normalize: true}
        parameters: {weight: 1.0, density: 0.5}
      - model: starter+./travel              dtype: bfloat16          # of the written model

Every fault of a recipe is reported at once, with its field and its line, before any weight is read.
Not here: whether base and adapters exist and fit (`merge.check`).
"""

import difflib
import reprlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from adapt.config import Settings
from adapt.errors import RecipeError
from merge.recipe_faults import all_faults, cross_faults, place
from merge.recipe_yaml import Location, read_yaml
from merge.specs import SPECS, MethodSpec

DType = Literal["bfloat16", "float16", "float32"]
Weight = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Density = Annotated[float, Field(strict=True, gt=0, le=1, allow_inf_nan=False)]


class _RecipePart(Settings):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class SourceParameters(_RecipePart):
    """What one source may set; None: the recipe's own `parameters` decide, then the default 1.0."""

    weight: Weight | None = None
    density: Density | None = None


class Source(_RecipePart):
    """One entry of `models`: an adapter, as `adapter: name@version` or folder, or as `model: base+folder`.

    `model: base` alone is the base itself, as mergekit allows.
    """

    model: Annotated[str, Field(strict=True, min_length=1)] | None = None
    adapter: Annotated[str, Field(strict=True, min_length=1)] | None = None
    parameters: SourceParameters = SourceParameters()

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


class RecipeParameters(_RecipePart):
    """The parameters of the whole merge; `weight` and `density` hold for each source that sets none."""

    normalize: Annotated[bool, Field(strict=True)] | None = None
    lam: Weight = Field(default=1.0, alias="lambda")
    weight: Weight | None = None
    density: Density | None = None
    int8_mask: Annotated[bool, Field(strict=True)] | None = (
        None  # mergekit's memory knob: no effect
    )


class Recipe(_RecipePart):
    """A merge, checked as far as that is possible without looking at any model."""

    merge_method: str
    base_model: Annotated[str, Field(strict=True, min_length=1)] | None = None
    models: tuple[Source, ...]
    parameters: RecipeParameters = RecipeParameters()
    dtype: DType | None = None
    out_dtype: DType | None = None
    name: Annotated[str, Field(strict=True)] = ""

    @property
    def spec(self) -> MethodSpec:
        """Return what the method takes."""
        return SPECS[self.merge_method]

    @property
    def output_dtype(self) -> DType | None:
        """Return the dtype of the written weights: `out_dtype`, else `dtype`; None keeps the base's own."""
        return self.out_dtype or self.dtype

    @property
    def normalize(self) -> bool:
        """Return whether the sum is divided by the weights, the method's default where not said."""
        said = self.parameters.normalize
        known = self.spec.parameter("normalize")
        return bool(known is not None and known.default if said is None else said)

    def weight(self, source: Source) -> float:
        """Return a source's weight: its own, else the recipe's, else 1."""
        own, shared = source.parameters.weight, self.parameters.weight
        return own if own is not None else shared if shared is not None else 1.0

    def density(self, source: Source) -> float:
        """Return the share of entries that trimming keeps of a source: its own, else the recipe's, else 1."""
        own, shared = source.parameters.density, self.parameters.density
        return own if own is not None else shared if shared is not None else 1.0


def read_recipe(path: Path) -> Recipe:
    """Return the recipe of a YAML file.

    Raises:
        DataError: the file is missing, empty, not YAML or not a mapping; the text names the line.
        RecipeError: all that is wrong in the recipe, each with its field and line.
    """
    values, lines, faults = read_yaml(path)
    return _parse(values, where=str(path), lines=lines, faults=faults)


def recipe_from_flags(  # noqa: PLR0913  one for each flag
    adapters: Sequence[str],
    *,
    method: str,
    weights: Sequence[float] = (),
    densities: Sequence[float] = (),
    normalize: bool | None = None,
    base: str | None = None,
    name: str = "",
) -> Recipe:
    """Return the recipe that the flags of the command line mean; one weight or density holds for all adapters.

    Args:
        normalize: whether sums are divided by the weights; None leaves it to the method.

    Raises:
        RecipeError: all that is wrong, each with its flag.
    """
    faults = []
    spread: dict[str, list[float]] = {}
    for flag, given in (("weight", weights), ("density", densities)):
        if len(given) not in (0, 1, len(adapters)):
            faults.append(
                f"--{flag}: given {len(given)} times for {len(adapters)} adapters; give one for all or one for each"
            )
        else:
            spread[flag] = list(given) * len(adapters) if len(given) == 1 else list(given)
    models = [
        {
            "adapter": adapter,
            "parameters": {flag: given[i] for flag, given in spread.items() if given},
        }
        for i, adapter in enumerate(adapters)
    ]
    values: dict[str, object] = {"merge_method": method, "models": models, "name": name}
    if base is not None:
        values["base_model"] = base
    if normalize is not None:
        values["parameters"] = {"normalize": normalize}
    return _parse(values, where="merge", lines={}, faults=faults)


def _parse(
    values: Mapping[str, object],
    *,
    where: str,
    lines: Mapping[Location, int],
    faults: Sequence[str],
) -> Recipe:
    """Return the recipe, or raise all its faults in one error."""
    found: list[tuple[Location, str]] = []
    recipe = None
    try:
        recipe = Recipe.model_validate(values)
    except ValidationError as error:
        found = [
            (fault["loc"], _explain(fault["loc"], fault["type"], fault["msg"], fault["input"]))
            for fault in error.errors()
        ]
    found += cross_faults(values)
    sentences = [*faults, *(place(location, text, lines) for location, text in found)]
    if recipe is None or sentences:
        raise RecipeError(all_faults(where, sentences))
    return recipe


def _explain(location: Location, kind: str, message: str, got: object) -> str:
    """Return the sentence of one pydantic fault."""
    if kind == "extra_forbidden":
        fields = _known_keys(location)
        near = difflib.get_close_matches(str(location[-1]), fields, n=1)
        tail = f"did you mean {near[0]}?" if near else f"known keys: {', '.join(fields)}"
        return f"unknown key, {tail}"
    if location[-1] in ("weight", "density", "lambda") and isinstance(got, list | dict):
        return "takes one number; gradients over layers and filters are not supported"
    if kind == "missing":
        return "is missing"
    if kind == "model_type":
        message = "should be a mapping of 'key: value'"
    message = message.removeprefix("Input ").replace("a valid tuple", "a list")
    return f"{message} (got {reprlib.repr(got)})"


def _known_keys(location: Location) -> list[str]:
    model: type[BaseModel] = Recipe
    if location[0] == "parameters" and len(location) > 1:
        model = RecipeParameters
    elif "parameters" in location[:-1]:
        model = SourceParameters
    elif location[0] == "models" and len(location) > 1:
        model = Source
    return [field.alias or name for name, field in model.model_fields.items()]
