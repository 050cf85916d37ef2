"""The search on a tiny model: it tries what is built, puts the base back, and goes on after a kill as if there was none."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from adapt.errors import AdaptError, RecipeError, WorkspaceError
from adapt.evaluation.tasks import Task
from adapt.records import Example, Message, ProgressEvent
from adapt.registry.bases.find import find_base
from adapt.workspace.folder import Workspace
from merge.build import merge
from merge.check.resolve import Resolved, resolve
from merge.fit.domains import Domain, refuse_shared_rows
from merge.fit.swapped_model import SwappedModel
from merge.methods.catalogue import SPECS
from merge.methods.trial import Space, Trial
from merge.recipes.from_flags import recipe_from_flags
from merge.search.bench import Bench
from merge.search.journal import open_journal
from merge.search.outcome import SearchResult, SearchSettings
from merge.search.search import search, trial_recipe
from merge.write.tensor import TensorMerger
from tests.merge.conftest import make_adapter as any_adapter, make_base as tied_base
from tests.merge.planted import train
from tests.tiny import make_base, tiny_tokenizer


def example(asked: str, answer: str) -> Example:
    return Example((Message("user", asked), Message("assistant", answer)))


DOMAINS = (
    Domain(Task("first", (example("one", "two"), example("three", "four")), "exact"), 0),
    Domain(Task("second", (example("red", "blue"),), "exact"), 1),
)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Path]]:
    """Return a tiny base and two adapters that answer the domains' rows better than it."""
    root = tmp_path_factory.mktemp("search")
    base = make_base(root / "base")
    return base, [_learned(root, base, domain) for domain in DOMAINS]


def _learned(root: Path, base: Path, domain: Domain) -> Path:
    """Train an adapter for a few steps on a domain's own rows."""
    workspace = Workspace(root / "w")
    folder = root / domain.task.name
    return train(
        find_base(str(base), workspace), folder, domain.task.examples, keep=[], seed=domain.adapter
    )


@pytest.fixture
def resolved(folders: tuple[Path, list[Path]], workspace: Workspace) -> Resolved:
    base, adapters = folders
    recipe = recipe_from_flags(
        [str(a) for a in adapters], method="task_arithmetic", base=str(base), name="m"
    )
    return resolve(recipe, workspace=workspace)


def run(resolved: Resolved, workspace: Workspace, **settings: object) -> SearchResult:
    chosen = SearchSettings.model_validate({"minutes": None, "trials": 4} | settings)
    return search(resolved, DOMAINS, chosen, workspace=workspace)


def test_the_weights_tried_are_those_of_the_built_model(
    resolved: Resolved, workspace: Workspace
) -> None:
    trial = Trial("ties", (0.7, 0.4), {"density": 0.6, "normalize": False})
    recipe = trial_recipe(resolved.recipe, trial)
    built = load_file(merge(recipe, workspace=workspace).path / "model.safetensors")

    bench = Bench(resolved, DOMAINS, progress=lambda _: None)
    with bench.swapped.merged(bench.merger(trial)):
        tried = {name: t.clone() for name, t in bench.swapped.model.state_dict().items()}

    assert {n for n in built if not torch.equal(tried[n], built[n])} == set()


def test_the_base_is_back_bit_for_bit_also_after_a_stop(resolved: Resolved) -> None:
    swapped = SwappedModel(resolved.base, resolved.plan)
    before = {name: t.clone() for name, t in swapped.model.state_dict().items()}
    merger = TensorMerger(
        resolved.checkpoint,
        resolved.adapters,
        method="task_arithmetic",
        terms=Trial("task_arithmetic", (1.0, 1.0), {}).terms_of(),
    )

    changed: list[str] = []

    def stopped() -> None:
        with swapped.merged(merger):
            now = swapped.model.state_dict().items()
            changed.extend(n for n, t in now if not torch.equal(t, before[n]))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()

    assert len(changed) == len(swapped.changed)
    assert all(torch.equal(t, before[n]) for n, t in swapped.model.state_dict().items())


@pytest.mark.faults
def test_a_killed_search_goes_on_and_proposes_what_it_would_have(
    resolved: Resolved, workspace: Workspace, tmp_path: Path
) -> None:
    whole_run = run(resolved, Workspace(tmp_path / "other"), trials=14)

    first = run(resolved, workspace, trials=13)
    (journal,) = (workspace.cache / "searches").glob("*.jsonl")
    kept = journal.read_bytes()
    journal.write_bytes(kept[:-20])  # as a kill inside the last write leaves it
    second = run(resolved, workspace, trials=14)
    third = run(resolved, workspace, trials=14)

    assert (first.resumed, second.resumed, third.resumed) == (0, 12, 14)
    assert journal.read_bytes().startswith(kept[: kept.rfind(b"\n", 0, -20)])
    assert (second.trial, second.score) == (whole_run.trial, whole_run.score)
    assert (third.trial, third.score) == (whole_run.trial, whole_run.score)


def test_other_rows_or_other_adapters_begin_anew(resolved: Resolved, workspace: Workspace) -> None:
    run(resolved, workspace)
    other = (DOMAINS[0], replace(DOMAINS[1], task=Task("second", (example("red", "green"),))))

    result = search(resolved, other, SearchSettings(minutes=None, trials=2), workspace=workspace)

    assert (result.resumed, result.trials) == (0, 2)
    assert len(list((workspace.cache / "searches").glob("*.jsonl"))) == 2


@pytest.mark.slow
def test_the_best_is_at_least_as_good_as_plain_weights(
    resolved: Resolved, workspace: Workspace
) -> None:
    events: list[ProgressEvent] = []
    settings = SearchSettings(minutes=None, trials=16)

    result = search(resolved, DOMAINS, settings, workspace=workspace, progress=events.append)

    bench = Bench(resolved, DOMAINS, progress=lambda _: None)
    plain = bench.score(bench.losses(Trial("task_arithmetic", (1.0, 1.0), {})))
    assert result.score >= plain
    assert result.score == pytest.approx(bench.score(bench.losses(result.trial)), abs=1e-6)
    assert (events[-1].done, events[-1].total) == (16, 16)
    assert result.trial.method in events[-1].detail


def test_minutes_are_those_of_all_calls(resolved: Resolved, workspace: Workspace) -> None:
    first = run(resolved, workspace, minutes=1e-6, trials=None)
    again = run(resolved, workspace, minutes=1e-6, trials=None)

    assert (first.trials, again.trials, again.resumed) == (1, 1, 1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"methods": ("magic",)}, "there is no method 'magic'"),
        ({"methods": ("model_stock",), "trials": None}, "give minutes, trials or both"),
    ],
)
def test_a_search_that_cannot_be_is_refused(
    resolved: Resolved, workspace: Workspace, settings: dict[str, object], message: str
) -> None:
    with pytest.raises(RecipeError, match=message):
        run(resolved, workspace, **settings)


def test_adapters_that_gained_nothing_are_no_ground_for_a_search(
    resolved: Resolved, workspace: Workspace
) -> None:
    swapped = (replace(DOMAINS[0], task=Task("first", (example("q", "xyzzy xyzzy"),)), adapter=1),)

    bench = Bench(resolved, swapped, progress=lambda _: None)
    bench.own["first"] = bench.base["first"]

    with pytest.raises(AdaptError, match="no adapter is better than the base"):
        bench.score(bench.base)


def test_a_damaged_journal_is_told(workspace: Workspace) -> None:
    journal = open_journal(workspace, {"a": 1})
    journal.path.write_text('{"number": 1}\n')

    with pytest.raises(WorkspaceError, match="damaged; remove it"):
        journal.lines()


def test_test_rows_among_the_validation_rows_are_refused() -> None:
    test = Task("proof", (example("other", "x"), example(" ONE ", "anything")))

    with pytest.raises(AdaptError, match="1 of the test rows of 'proof' are among the validation"):
        refuse_shared_rows([DOMAINS[0].task], [test])


def test_every_method_has_a_point_that_fills_all_its_parameters() -> None:
    space = Space(tuple(SPECS), 2, {})

    trials = [space.trial(point) for point in space.starts()]

    for trial in trials:
        terms = trial.terms_of()("a.weight")
        named = {"weight", *terms.sources, *terms.shared}
        assert {p.name for p in trial.spec.parameters} <= named
        assert terms.tensor == "a.weight"
        faults = [
            p.fault(trial.values[p.name]) for p in trial.spec.parameters if p.name in trial.values
        ]
        assert set(faults) <= {""}


def test_a_tied_head_is_tried_apart_and_tied_again(tmp_path: Path, workspace: Workspace) -> None:
    base = tied_base(tmp_path / "tied", tied=True)
    tiny_tokenizer().save_pretrained(base)
    adapter = any_adapter(base, tmp_path / "a", targets=["embed_tokens", "q_proj"])
    recipe = recipe_from_flags([str(adapter)], method="task_arithmetic", base=str(base), name="t")
    tied = resolve(recipe, workspace=workspace)
    merger = TensorMerger(
        tied.checkpoint,
        tied.adapters,
        method="task_arithmetic",
        terms=Trial("task_arithmetic", (1.0,), {}).terms_of(),
    )
    swapped = SwappedModel(tied.base, tied.plan)
    model = swapped.model

    with swapped.merged(merger):
        is_apart = not torch.equal(
            model.get_output_embeddings().weight, model.get_input_embeddings().weight
        )
    swapped.close()

    assert tied.plan.unties
    assert is_apart
    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight
