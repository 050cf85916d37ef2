"""`make bench`: every benchmark in one run, written to BENCHMARKS.md with the machine's description."""

import importlib
import platform
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psutil

from tests.benchmarks.report import Row
from ui.environment import prepare

ROOT = Path(__file__).parents[2]
BENCHES = (
    "finetune", "many", "domains", "kills", "merge", "merge_adapter", "merge_advice", "merge_domains", "merge_kills",
    "retrieval", "store", "llamaindex", "query", "search", "named", "followups", "embedding", "answers", "cited",
    "natural", "sentences", "access", "ingest_kills", "bombs", "chat", "starter", "bases",
)  # fmt: skip
PACKAGES = ("torch", "transformers", "peft", "trl", "mergekit", "chromadb", "sentence-transformers")
HEAD = """# Benchmarks

Written by `make bench` (one benchmark alone: `python -m tests.benchmarks merge`). Speed swings from minute to minute, so
every line is a ratio of two figures taken in one run, ours beside a peer's or beside a limit; above 1 is better for us.
"""


def machine() -> str:
    """Return what the figures were taken on."""
    memory = psutil.virtual_memory().total / 1024**3
    cores = psutil.cpu_count()
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return (
        f"Machine: {cores} cores ({platform.machine()}), {memory:.0f} GiB memory, {platform.system()}, "
        f"Python {platform.python_version()}. {packages}."
    )


def section(name: str) -> str:
    """Run one benchmark and return its part of the page."""
    sys.stderr.write(f"{name} …\n")
    [file] = (ROOT / "tests" / "benchmarks").glob(f"*/bench_{name}.py")
    module = importlib.import_module(f"tests.benchmarks.{file.parent.name}.{file.stem}")
    rows: list[Row] = module.run()
    lines = [
        f"## {name}",
        "",
        "| what | ours | peer or limit | ratio | note |",
        "|---|---|---|---|---|",
    ]
    lines += [f"| {r.what} | {r.ours} | {r.peer} | {r.ratio:.2f} | {r.note} |" for r in rows]
    day = datetime.now(UTC).date().isoformat()
    return "\n".join([*lines, "", f"Taken on {day}. {machine()}", ""])


def merge_into(page: str, name: str, text: str) -> str:
    """Return the page with one section replaced or added."""
    parts = page.split("\n## ")
    kept = [p for p in parts[1:] if not p.startswith(f"{name}\n")]
    sections = [*kept, text.removeprefix("## ")]
    order = {bench: index for index, bench in enumerate(BENCHES)}
    sections.sort(key=lambda part: order.get(part.split("\n")[0], len(order)))
    return "\n## ".join([HEAD, *[p.rstrip() + "\n" for p in sections]])


def main() -> None:
    """Run the named benchmarks, or all, and write the page after each."""
    prepare()
    page = ROOT / "BENCHMARKS.md"
    for name in sys.argv[1:] or BENCHES:
        before = page.read_text(encoding="utf-8") if page.exists() else HEAD
        page.write_text(merge_into(before, name, section(name)), encoding="utf-8")
    sys.stderr.write(f"{page.name} written\n")


if __name__ == "__main__":
    main()
