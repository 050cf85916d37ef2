"""Four real adapters of the starter as one model: what the searched merge keeps of their gains, beside peft and mergekit.

The domains and the training are those of `bench_domains`, each adapter besides keeping the base on rows of the others, as
adapters that will be merged should (`adapt finetune --keep`). Each domain's rows fall into training (400 of them are
kept by the others; methods on rows fit the model to all), validation (the search judges by them) and test (nothing sees them
before the end). The peers merge with fixed weights, 1 and 0.5, and count with the better of the two.
"""

import random
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
import yaml
from mergekit.config import MergeConfiguration
from mergekit.merge import run_merge
from mergekit.options import MergeOptions
from peft import PeftModel
from transformers import AutoModelForCausalLM

from adapt.evaluation.tasks import Scores, Task, run_task
from adapt.models.runtime import ModelRuntime
from adapt.protocols import no_progress
from adapt.records import ProgressEvent
from adapt.registry.bases.find import find_base
from adapt.workspace.folder import Workspace
from merge.check.resolve import Resolved, resolve
from merge.fit.domains import domains_of
from merge.recipes.from_flags import recipe_from_flags
from merge.report.measure import MeasuredOn, measure
from merge.report.measure_plan import MeasurePlan
from merge.report.recovered import Share, mean_recovered
from merge.report.report import DomainResult, Report
from merge.search.outcome import SearchSettings
from merge.write.model import copy_companions
from tests.benchmarks.finetune.bench_domains import DOMAINS, METRICS, MOST_TESTED
from tests.benchmarks.report import Row
from tests.benchmarks.starter.bench_starter import DATA, adapt, write_pairs
from ui.actions import merging as merge_actions
from ui.actions.chat import read_task
from ui.context import Context

MINUTES = 16.0  # of training, for all four
SEARCH_MINUTES = 10.0  # the product's own default
VALIDATION, KEPT_ROWS, MOST_TRAINED = 200, 400, 9000
WEIGHTS = (1.0, 0.5)
DENSITY = 0.5  # of the peers' TIES and DARE, as their documents have it
GOAL = 0.8


def run() -> list[Row]:
    """Train, search, merge and measure."""
    missing = [name for name, (folder, _) in DOMAINS.items() if not (DATA / folder).is_dir()]
    if missing:
        sys.stderr.write(f"no data in {DATA} for {', '.join(missing)}: all is left out\n")
        return []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        train(root)
        return compare(root)


def train(root: Path) -> None:
    """Write each domain's rows and train the four adapters together."""
    domains = {name: _write(root, name) for name in DOMAINS}
    for name, entry in domains.items():
        entry["keep"] = [f"{other}-keep.jsonl" for other in DOMAINS if other != name]
    (root / "domains.yaml").write_text(yaml.safe_dump({"epochs": 60, "domains": domains}))
    adapt(root, "finetune", "--all", str(root / "domains.yaml"), "--max-minutes", str(MINUTES))


def _write(root: Path, name: str) -> dict[str, object]:
    _, rows_of = DOMAINS[name]
    rows, test = rows_of("train"), rows_of("test")
    random.Random(0).shuffle(test)
    random.Random(1).shuffle(rows)
    held = rows[:VALIDATION]
    asked = {prompt for prompt, _ in [*held, *test]}
    learned = [row for row in rows[VALIDATION:] if row[0] not in asked][:MOST_TRAINED]
    write_pairs(root / f"{name}-validation.jsonl", held)
    write_pairs(root / f"{name}-test.jsonl", test[:MOST_TESTED])
    write_pairs(root / f"{name}-keep.jsonl", learned[:KEPT_ROWS])
    write_pairs(root / f"{name}-train.jsonl", learned)
    return {
        "data": f"{name}-train.jsonl",
        "test": f"{name}-validation.jsonl",
        "scored_examples": 20,
    }


def compare(root: Path) -> list[Row]:
    """Search, merge and measure the adapters of a folder that `train` has filled, and the peers' merges."""
    ctx = Context(root / "w")
    references = [f"{name}@1" for name in DOMAINS]
    recipe = recipe_from_flags(references, method="task_arithmetic", name="searched")
    resolved = resolve(recipe, workspace=ctx.workspace)
    tests = _tasks(root, "test")
    held = MeasurePlan(
        validation=_tasks(root, "validation"),
        search=SearchSettings(minutes=SEARCH_MINUTES),
        calibration=_tasks(root, "train"),
    )
    artifact = merge_actions.merge(ctx, recipe, plan=held, progress=_told)
    ours = measure(
        resolved,
        MeasuredOn(tuple(domains_of(resolved, tests)), controls=False),
        artifact.path,
        workspace=ctx.workspace,
    )
    sys.stderr.write(f"{ours.verdict}\n{ours.advice_line}\n{ours.as_json()}\n")
    share = ours.mean_recovered
    if share is None:
        sys.stderr.write("no adapter is significantly better than the base: train longer\n")
        return []
    found = str(artifact.card.metrics["search"])
    first = Row(
        "gain recovered by the searched merge of four domains' adapters, mean",
        share.text,
        f"{100 * GOAL:.0f} %",
        share.value / GOAL,
        f"{_by_domain(ours)}; general text {_forgotten(ours)}; {found}",
    )
    peers = {name: make(root, resolved) for name, make in PEERS.items()}
    rows = [
        _row(name, ours, share, _better(ours, folders, ctx.workspace, resolved, tests))
        for name, folders in peers.items()
    ]
    ctx.close()
    return [first, *rows]


def _tasks(root: Path, part: str) -> list[Task]:
    """Return the rows of a part of each domain: `train`, `validation` or `test`."""
    return [
        read_task(name, root / f"{name}-{part}.jsonl", metric=METRICS.get(name)) for name in DOMAINS
    ]


def _told(event: ProgressEvent) -> None:
    if event.stage == "search":
        sys.stderr.write(f"{event.detail}\n")


def _by_domain(report: Report) -> str:
    parts = []
    for domain in report.domains:
        kept = domain.recovered.text if domain.recovered else "gain in doubt"
        means = " / ".join(f"{100 * s.mean:.1f}" for s in (domain.base, domain.own, domain.merged))
        parts.append(f"{domain.name} {means} % ({kept})")
    return "base / own / merged: " + ", ".join(parts)


def _forgotten(report: Report) -> str:
    if report.forgetting is None:
        return "not measured"
    rise = report.forgetting.rise
    return f"{rise.difference:+.2f} nats [{rise.low:+.2f}, {rise.high:+.2f}]"


def _better(
    ours: Report,
    folders: list[Path],
    workspace: Workspace,
    resolved: Resolved,
    tests: list[Task],
) -> list[Scores]:
    """Return the scores of a peer's better merge, by the gain recovered on the test rows themselves."""
    scored = [_scores(folder, workspace, resolved, tests) for folder in folders]
    return max(scored, key=lambda scores: _share(ours, scores).value)


def _scores(
    folder: Path, workspace: Workspace, resolved: Resolved, tests: list[Task]
) -> list[Scores]:
    if (folder / "adapter_config.json").is_file():
        runtime = ModelRuntime(resolved.base)
        runtime.attach("peer", folder)
        return [run_task(runtime, task, adapter="peer") for task in tests]
    runtime = ModelRuntime(find_base(str(folder), workspace))
    return [run_task(runtime, task, progress=no_progress) for task in tests]


def _proven(ours: Report, theirs: list[Scores]) -> list[tuple[DomainResult, Scores]]:
    both = zip(ours.domains, theirs, strict=True)
    return [(domain, scores) for domain, scores in both if domain.gained]


def _share(ours: Report, theirs: list[Scores]) -> Share:
    """Return the mean gain recovered by a peer's merge, over the same domains as ours."""
    return mean_recovered(
        [(d.base.values, d.own.values, s.values) for d, s in _proven(ours, theirs)]
    )


def _row(name: str, ours: Report, share: Share, theirs: list[Scores]) -> Row:
    """Return a peer's line; the lead is ours minus theirs as a share of the adapters' gains, row by row."""
    peer = _share(ours, theirs)
    led = [
        (
            d.base.values,
            d.own.values,
            [b + m - p for b, m, p in zip(d.base.values, d.merged.values, s.values, strict=True)],
        )
        for d, s in _proven(ours, theirs)
    ]
    lead = mean_recovered(led)
    return Row(
        f"the same beside {name}, the better of the weights {', '.join(map(str, WEIGHTS))}",
        share.text,
        peer.text,
        share.value / max(peer.value, 0.01),
        f"ours is ahead by {lead.text} of the gains, row by row",
    )


def _peft(combination: str) -> Callable[[Path, Resolved], list[Path]]:
    def make(root: Path, resolved: Resolved) -> list[Path]:
        folders = []
        for weight in WEIGHTS:
            torch.manual_seed(0)
            out = root / f"peft-{combination}-{weight}"
            base = AutoModelForCausalLM.from_pretrained(resolved.base.path, dtype=torch.float32)
            adapters = [adapter.file.path.parent for adapter in resolved.adapters]
            model = PeftModel.from_pretrained(base, adapters[0], adapter_name="a0")
            for place, adapter in enumerate(adapters[1:], start=1):
                model.load_adapter(adapter, adapter_name=f"a{place}")
            density = {} if combination == "linear" else {"density": DENSITY}
            names = [f"a{place}" for place in range(len(adapters))]
            model.add_weighted_adapter(
                names, [weight] * len(names), "merged", combination_type=combination, **density
            )
            model.save_pretrained(out, selected_adapters=["merged"])
            folders.append(out / "merged")
        return folders

    return make


def _mergekit(root: Path, resolved: Resolved) -> list[Path]:
    folders = []
    for weight in WEIGHTS:
        out = root / f"mergekit-ties-{weight}"
        base = str(resolved.base.path)
        models = [
            {
                "model": f"{base}+{adapter.file.path.parent}",
                "parameters": {"weight": weight, "density": DENSITY},
            }
            for adapter in resolved.adapters
        ]
        recipe = {"merge_method": "ties", "base_model": base, "models": models, "dtype": "float32"}
        options = MergeOptions(
            lora_merge_cache=str(root / f"cache-{weight}"), copy_tokenizer=False, quiet=True
        )
        run_merge(MergeConfiguration.model_validate(recipe), str(out), options)
        copy_companions(resolved.base.path, out)
        folders.append(out)
    return folders


PEERS: dict[str, Callable[[Path, Resolved], list[Path]]] = {
    "peft linear": _peft("linear"),
    "peft ties": _peft("ties"),
    "peft dare_ties": _peft("dare_ties"),
    "mergekit ties": _mergekit,
}
