"""What the starter is good for: what an adapter learns on it in three minutes, how fast it writes, how soon the app answers.

The peers are the goals that the project set itself. The domains need banking77 and wikisql, whose place `ADAPT_DATA`
names (else `../shared/data`); the app needs chromium. What is missing is left out by name.
"""

import csv
import gzip
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from adapt.models.runtime import ModelRuntime
from adapt.records import Message
from adapt.registry.bases.find import find_base
from adapt.workspace.folder import Workspace
from tests.benchmarks.report import Row
from tests.ui.driver import CHROMIUM, CHROMIUM_FLAGS, ROOT, served
from ui.context import Context
from ui.demo.run import ingest_documents

DATA = Path(os.environ.get("ADAPT_DATA", ROOT.parent / "shared" / "data"))
GOAL_POINTS = 40.0
GOAL_TOKENS = 60.0
GOAL_SECONDS = 2.0
Pair = tuple[str, str]


def run() -> list[Row]:
    """Return the rows, those left out named on stderr."""
    rows = [_speed()]
    if CHROMIUM:
        rows += _first_messages()
    else:
        sys.stderr.write("no chromium: the app's first message is left out\n")
    for name, rows_of, test_rows in (("banking77", banking, 1000), ("wikisql", sql, 500)):
        if (DATA / name).is_dir():
            rows.append(_domain(name, rows_of, test_rows))
        else:
            sys.stderr.write(f"no {DATA / name}: this domain is left out\n")
    return rows


def banking(part: str) -> list[Pair]:
    """Return customers' questions with their intents."""
    with gzip.open(DATA / "banking77" / f"{part}.csv.gz", "rt", encoding="utf-8") as file:
        return [(row["text"], row["category"]) for row in csv.DictReader(file)]


def sql(part: str) -> list[Pair]:
    """Return questions over columns with their queries, in small letters, as the values of this set are anyway."""
    name = {"train": "train_20k", "test": "test_4k"}[part]
    with gzip.open(DATA / "wikisql" / f"{name}.jsonl.gz", "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    return [
        (
            f"Columns: {', '.join(row['columns_seen'])}\n{row['question']}".lower(),
            row["sql"].lower(),
        )
        for row in rows
    ]


def _domain(name: str, rows_of: Callable[[str], list[Pair]], test_rows: int) -> Row:
    """Train an adapter by the command line and measure it and the base on rows of the test set."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_pairs(root / "train.jsonl", rows_of("train"))
        write_pairs(root / "valid.jsonl", rows_of("train")[:100])  # only for the curve on the way
        write_pairs(root / "test.jsonl", random.Random(0).sample(rows_of("test"), test_rows))
        files = [str(root / "train.jsonl"), "--test", str(root / "valid.jsonl")]
        limits = ["--rank", "16", "--epochs", "50", "--max-minutes", "3"]
        adapt(root, "finetune", name, *files, *limits)
        test = f"{name}={root / 'test.jsonl'}"
        scores = adapt(root, "evaluate", f"{name}@1", "--test", test)["scores"]
    base, adapter = (100 * scores[model][name]["mean"] for model in ("starter", f"{name}@1"))
    gain = scores[f"{name}@1"][name]["gain"]
    metric = scores["starter"][name]["metric"]
    low, high = (100 * gain[side] for side in ("low", "high"))
    return Row(
        f"{name}, adapter of rank 16 after 3 minutes",
        f"{adapter:.1f} %",
        f"base {base:.1f} % + {GOAL_POINTS:.0f}",
        (adapter - base) / GOAL_POINTS,
        f"metric {metric} on {test_rows} test rows; gain {adapter - base:.1f} points [{low:.1f}, {high:.1f}]",
    )


def adapt(root: Path, *words: str) -> dict[str, Any]:
    """Return what a command of the product prints with `--json`, in a workspace under a folder."""
    command = [
        sys.executable,
        "-m",
        "ui.cli.main",
        "--workspace",
        str(root / "w"),
        *words,
        "--json",
    ]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return dict(json.loads(done.stdout))


def write_pairs(path: Path, pairs: list[Pair]) -> None:
    """Write rows of prompt and completion."""
    rows = (json.dumps({"prompt": asked, "completion": answer}) for asked, answer in pairs)
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")


def _speed() -> Row:
    """Return how many tokens a second an answer grows by, with the KV cache, beside the goal."""
    with tempfile.TemporaryDirectory() as folder:
        runtime = ModelRuntime(find_base("starter", Workspace(Path(folder) / "w")))
    ask = (Message("user", "Once upon a time"),)
    rates: list[float] = []
    for _ in range(7):
        started = time.perf_counter()
        text = runtime.generate(ask, on_text=lambda _: None, max_new_tokens=200)
        rates.append(len(runtime.tokenizer.encode(text)) / (time.perf_counter() - started))
    rate = statistics.median(rates)
    return Row(
        "starter, writing",
        f"{rate:.0f} tokens/s",
        f"goal {GOAL_TOKENS:.0f}",
        rate / GOAL_TOKENS,
        "median of 7 answers, prompt included",
    )


def _first_messages() -> list[Row]:
    """Return how long after the page is ready the first answer to the first message stands, in new servers."""
    firsts, wholes = zip(*(_first_message() for _ in range(3)), strict=True)
    return [
        Row(
            f"app, first message of a new server: {what}",
            f"{statistics.median(times):.2f} s",
            f"goal {GOAL_SECONDS:.0f} s",
            GOAL_SECONDS / statistics.median(times),
            f"sent as soon as the page is drawn; median of 3 servers ({min(times):.2f} … {max(times):.2f})",
        )
        for what, times in (("first words", firsts), ("whole answer", wholes))
    ]


def _first_message() -> tuple[float, float]:
    with tempfile.TemporaryDirectory() as folder:
        workspace = Path(folder) / "w"
        ctx = Context(workspace)
        ingest_documents(ctx)
        ctx.close()
        with served(workspace, Path(folder) / "server.log") as address, sync_playwright() as player:
            browser = player.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS)
            page = browser.new_page()
            page.set_default_timeout(120_000)
            page.goto(f"{address}/?user=ana")
            page.get_by_text("Use documents").wait_for()
            box = page.get_by_placeholder("Write a message")
            started = time.perf_counter()
            box.fill("When does the Marlow office open?")
            box.press("Enter")
            page.wait_for_function(
                """() => [...document.querySelectorAll('[data-testid="stChatMessage"] [data-testid="stText"]')]
                .filter(one => one.innerText.replace("▌", "").trim()).length >= 2"""
            )
            first = time.perf_counter() - started
            page.get_by_text("What went into this prompt").wait_for()
            whole = time.perf_counter() - started
            browser.close()
    return first, whole
