"""Four real domains trained at once by `adapt finetune --all` on the starter, each measured against it on its own test rows.

They are banking77 (English questions, 77 intents), WikiSQL (questions over columns to SQL), dates and times in English
and Spanish text as TIMEX, and English sentences into Spanish; `ADAPT_DATA` names their place (else `../shared/data`). The
ratio is 1 plus the lower end of the gain's interval, so that above 1 the gain is significant.
"""

import csv
import gzip
import hashlib
import json
import random
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.benchmarks.report import Row
from tests.benchmarks.starter.bench_starter import DATA, Pair, adapt, banking, sql, write_pairs

MINUTES = 12.0  # for all four
MOST_TESTED = 400
# one sentence has many right translations, so words count; elsewhere answers say themselves how they are compared
METRICS = {"to-spanish": "f1"}


def run() -> list[Row]:
    """Train the domains whose data is there, together, and measure each."""
    available = {
        name: rows_of for name, (folder, rows_of) in DOMAINS.items() if (DATA / folder).is_dir()
    }
    for name in DOMAINS.keys() - available.keys():
        sys.stderr.write(f"no data in {DATA}: {name} is left out\n")
    if not available:
        return []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        domains = {name: _write(root, name, rows_of) for name, rows_of in available.items()}
        (root / "domains.yaml").write_text(yaml.safe_dump({"epochs": 60, "domains": domains}))
        limits = ["--max-minutes", str(MINUTES)]
        printed = adapt(root, "finetune", "--all", str(root / "domains.yaml"), *limits)
        trained = {
            artifact["artifact"].partition("@")[0]: artifact["metrics"]
            for artifact in printed["artifacts"]
        }
        return [_measured(root, name, trained[name]) for name in available]


def _write(root: Path, name: str, rows_of: Callable[[str], list[Pair]]) -> dict[str, str]:
    """Write training rows, a few for the curve on the way, and test rows; return the domain's entry."""
    rows = rows_of("train")
    test = rows_of("test")
    random.Random(0).shuffle(test)
    write_pairs(root / f"{name}.jsonl", rows)
    write_pairs(root / f"{name}-curve.jsonl", rows[:50])
    write_pairs(root / f"{name}-test.jsonl", test[:MOST_TESTED])
    return {"data": f"{name}.jsonl", "test": f"{name}-curve.jsonl"}


def _measured(root: Path, name: str, trained: dict[str, Any]) -> Row:
    reference = f"{name}@1"
    test = ["--test", f"{name}={root / f'{name}-test.jsonl'}"]
    if name in METRICS:
        test += ["--metric", METRICS[name]]
    scores = adapt(root, "evaluate", reference, *test)["scores"]
    base, adapter = scores["starter"][name], scores[reference][name]
    gain = adapter["gain"]
    lead = [100 * gain[side] for side in ("low", "high")]
    rows = sum(1 for _ in (root / f"{name}-test.jsonl").open(encoding="utf-8"))
    points = 100 * (adapter["mean"] - base["mean"])
    return Row(
        what=f"{name}, one of four adapters trained together in {MINUTES:g} minutes",
        ours=f"{100 * adapter['mean']:.1f} %",
        peer=f"base {100 * base['mean']:.1f} %",
        ratio=1 + gain["low"],
        note=f"metric {base['metric']} on {rows} test rows; gain {points:.1f} points "
        f"[{lead[0]:.1f}, {lead[1]:.1f}], the ratio is 1 plus its lower end; {trained['training']['steps']} steps",
    )


def _dates(part: str) -> list[Pair]:
    """Return texts with one date or time, and today's date, with what is meant as TIMEX; a fifth is for testing."""
    rows = [row for language in ("english", "spanish") for row in _recognized(language)]
    return [pair for pair in rows if _is_test(pair[0]) == (part == "test")]


def _recognized(language: str) -> Iterator[Pair]:
    path = DATA / "recognizers_es_en" / language / "DateTime.DateTimeModel.jsonl.gz"
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            if len(row["results"]) == 1 and row["reference"]:
                meant = row["results"][0]["Resolution"]["values"][0]
                if "timex" in meant:
                    yield f"Today: {row['reference'][:16]}\n{row['input']}", meant["timex"]


def _is_test(text: str) -> bool:
    return hashlib.sha256(text.encode()).digest()[0] % 5 == 0


def _spanish(part: str) -> list[Pair]:
    name = {"train": "train_40k", "test": "test"}[part]
    with gzip.open(DATA / "tatoeba_en_es" / f"{name}.tsv.gz", "rt", encoding="utf-8") as file:
        return [
            (row[0], row[1]) for row in csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        ]


DOMAINS: dict[str, tuple[str, Callable[[str], list[Pair]]]] = {
    "banking77": ("banking77", banking),
    "wikisql": ("wikisql", sql),
    "dates": ("recognizers_es_en", _dates),
    "to-spanish": ("tatoeba_en_es", _spanish),
}
