"""Every bomb and every hostile file with the product's own limits: how long, how much memory here, what is left behind."""

import tempfile
import time
from pathlib import Path

from retrieval.sandbox.limits import MB
from retrieval.sandbox.pool import ReaderPool
from tests.benchmarks.report import Row
from tests.retrieval.sandbox.bombs import BOMBS
from tests.retrieval.sandbox.test_bombs import HOSTILE, Peak, surroundings

LIMIT, LARGE_LIMIT = 5.0, 30.0  # seconds; of the 400-page file the second
LARGE = "pdf_memory_heavy_400p.pdf"


def run() -> list[Row]:
    """Read them one after another, a good file before and after each."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        paths: dict[str, Path] = {}
        for bomb, make in BOMBS.items():
            (root / bomb).mkdir()
            paths[bomb] = make(root / bomb)
        hostile = sorted(HOSTILE.glob("*")) if HOSTILE.is_dir() else []
        paths |= {path.name: path for path in hostile if path.name != "MANIFEST.csv"}
        good = root / "good.txt"
        good.write_text("A good file.")
        before = surroundings()
        took, growth, unread, lost = _read(paths, good)
        written = {one for one in surroundings() - before if "evil" in one}
    slow = {name: s for name, s in took.items() if s > (LARGE_LIMIT if name == LARGE else LIMIT)}
    worst = max((s for name, s in took.items() if name != LARGE), default=0.0)
    named = ", ".join(f"{name} {s:.1f} s" for name, s in sorted(slow.items())) or "none"
    return [
        Row(
            "bombs and hostile files: the longest, seconds by the clock",
            f"{worst:.1f} s",
            f"limit {LIMIT:.0f} s",
            round(LIMIT / worst, 2) if worst else 0.0,
            f"{len(BOMBS)} bombs and {len(hostile)} hostile files, {len(unread)} refused in one sentence; above the limit: "
            f"{named}; the 400-page file {took.get(LARGE, 0.0):.1f} s of {LARGE_LIMIT:.0f}",
        ),
        Row(
            "bombs and hostile files: growth of the asking process",
            f"{growth / MB:.0f} MB",
            "limit 50 MB",
            round(50 * MB / max(growth, 1), 2),
            f"good files beside them that were not read: {lost}; files written outside: {len(written)}",
        ),
    ]


def _read(paths: dict[str, Path], good: Path) -> tuple[dict[str, float], int, list[str], int]:
    """Return seconds of each, the largest growth of memory, what was refused, and good files that were not read."""
    took: dict[str, float] = {}
    unread: list[str] = []
    growth = lost = 0
    with ReaderPool() as pool:
        for name, path in paths.items():
            lost += next(iter(pool.read([("good.txt", good)]))).document is None
            with Peak() as peak:
                began = time.monotonic()
                result = next(iter(pool.read([(name, path)])))
                took[name] = time.monotonic() - began
                if result.document is None:
                    unread.append(name)
                del result
            growth = max(growth, peak.growth)
    return took, growth, unread, lost
