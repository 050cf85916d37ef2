"""Search: the method, the weights and the densities with which a merge keeps most of what its adapters gained.

Each trial overwrites the base's weights in memory and takes the loss of the wanted answers on every domain's
validation rows. Its score is the mean over the domains of the gain recovered, (base - merged) / (base - adapter) of those
losses (`merge.search.bench`): smooth, where right answers on a few hundred rows jump. No test row is read here. Not here:
what is tried next (`merge.search.loop`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from pydantic import JsonValue

from adapt.errors import RecipeError
from adapt.protocols import Progress, no_progress
from adapt.workspace.folder import Workspace
from merge.check.resolve import Resolved
from merge.fit.domains import Domain, Fitted, fingerprint
from merge.methods.spec import Value
from merge.methods.trial import Space, Trial, known_methods
from merge.recipes.recipe import Recipe
from merge.search.bench import Bench
from merge.search.candidates import METHODS, fit_seconds, rows_of, worth_fitting
from merge.search.journal import open_journal
from merge.search.loop import try_all
from merge.search.outcome import SearchResult, SearchSettings
from merge.write.source_stamps import WatchedAdapters

ONCE = ("distill",)  # unless asked for, these are tried once: each trial takes minutes


def search(  # noqa: PLR0913  the rows to judge by and to fit to are two things
    resolved: Resolved,
    domains: Sequence[Domain],
    settings: SearchSettings,
    *,
    workspace: Workspace,
    calibration: Sequence[Domain] = (),
    fixed: Mapping[str, Value] | None = None,
    progress: Progress = no_progress,
) -> SearchResult:
    """Return the best merge of a recipe's adapters within the budget; going on with what an earlier call finished.

    Args:
        domains: rows that trials are judged by.
        calibration: rows that methods on rows fit the model to; where there are none, every other row of `domains` is
            taken for it, and trials are judged by the rest.
        fixed: values of the whole merge that are not searched.

    Raises:
        RecipeError: a method is unknown or not for so many adapters, or there is neither a limit of minutes nor of trials.
        AdaptError: no adapter is better than the base on its validation rows, so there is nothing to keep.
    """
    fitted, judged = rows_of(resolved, domains, calibration, settings.methods)
    methods = settings.methods
    once: tuple[str, ...] = ()
    if not methods:
        unasked = worth_fitting(resolved, fitted) if fitted else []
        once = tuple(m for m in unasked if m in ONCE)
        methods = (*METHODS, *(m for m in unasked if m not in ONCE))
    _check(resolved, domains, settings, methods)
    space = Space(methods, len(resolved.adapters), fixed or {}, once)
    seconds = {method: fit_seconds(resolved, fitted, method) for method in once}
    base, adapters = resolved.base.sha256, WatchedAdapters(resolved).pairs()
    origin: dict[str, JsonValue] = {
        "base": base,
        "adapters": [list(files) for files in adapters],
        "dtype": resolved.recipe.output_dtype,
    }
    journal = open_journal(workspace, _conditions(origin, judged, fitted, settings, space))
    with workspace.lock(f"search-{journal.path.stem}", timeout_seconds=1):
        bench = Bench(resolved, judged, calibration=fitted, progress=progress)
        try:
            outcome, weights = try_all(bench, space, settings, journal, seconds, progress)
            return replace(outcome, fitted=Fitted(weights, base, adapters)) if weights else outcome
        finally:
            bench.close()


def _check(
    resolved: Resolved,
    domains: Sequence[Domain],
    settings: SearchSettings,
    methods: Sequence[str],
) -> None:
    if settings.minutes is None and settings.trials is None:
        raise RecipeError("search: give minutes, trials or both, or it never ends")
    unknown = known_methods(methods)
    if unknown:
        raise RecipeError(f"search.methods: there is no method '{unknown[0]}'")
    if not domains:
        raise RecipeError("search.validation: name a file for at least one domain")
    count = len(resolved.adapters)
    for name in methods:
        spec = Trial(name, (), {}).spec
        if count < spec.fewest or (spec.most is not None and count > spec.most):
            raise RecipeError(f"search.methods: {name} is not for {count} adapters")


def _conditions(
    origin: dict[str, JsonValue],
    judged: Sequence[Domain],
    fitted: Sequence[Domain],
    settings: SearchSettings,
    space: Space,
) -> dict[str, JsonValue]:
    """Return all that a trial's result depends on; the budget is not among it."""
    known: list[JsonValue] = [[d.adapter, fingerprint(d.task.examples)] for d in fitted]
    return {
        "objective": "likelihood per token",
        **origin,
        "domains": [[d.task.name, d.adapter, fingerprint(d.task.examples)] for d in judged],
        **({"calibration": known} if known else {}),
        "methods": [*space.methods, *space.once],
        "seed": settings.seed,
        "fixed": dict(space.fixed),
    }


def trial_recipe(recipe: Recipe, trial: Trial) -> Recipe:
    """Return a recipe that merges as a trial of a search did."""
    shared, own = trial.parameters()
    chosen = dict(zip(map(id, recipe.adapters), own, strict=True))
    models = [
        source.model_copy(update={"parameters": chosen.get(id(source), {})})
        for source in recipe.models
    ]
    update = {"merge_method": trial.method, "parameters": shared, "models": tuple(models)}
    if trial.spec.space != "rows":
        update["calibration"] = {}
    return Recipe.model_validate(recipe.model_copy(update=update).model_dump())
