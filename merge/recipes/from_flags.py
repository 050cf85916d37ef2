"""The recipe that the flags of the command line mean."""

from collections.abc import Mapping, Sequence

from merge.methods.spec import Value
from merge.recipes.recipe import Recipe, parse_recipe


def recipe_from_flags(  # noqa: PLR0913  one for each flag
    adapters: Sequence[str],
    *,
    method: str,
    weights: Sequence[float] = (),
    densities: Sequence[float] = (),
    normalize: bool | None = None,
    parameters: Mapping[str, Value] | None = None,
    base: str | None = None,
    name: str = "",
    calibration: Mapping[str, str] | None = None,
) -> Recipe:
    """Return the recipe that the flags of the command line mean; one weight or density holds for all adapters.

    Args:
        normalize: whether sums are divided by the weights; None leaves it to the method.
        parameters: any other parameters of the method; what is per source holds for all adapters.
        calibration: files by domain that a method on rows fits the model to.

    Raises:
        RecipeError: all that is wrong, each with its flag or parameter.
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
    shared: dict[str, Value] = dict(parameters or {})
    if normalize is not None:
        shared["normalize"] = normalize
    values: dict[str, object] = {
        "merge_method": method,
        "models": models,
        "name": name,
        "parameters": shared,
        "calibration": dict(calibration or {}),
    }
    if base is not None:
        values["base_model"] = base
    return parse_recipe(values, where="merge", lines={}, faults=faults)
