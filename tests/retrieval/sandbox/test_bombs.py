"""Every bomb, and every file of the hostile collection, is read or refused in one sentence, in bounded time and memory."""

import contextlib
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import psutil
import pytest

from retrieval.sandbox.limits import MB, WALL, ReaderLimits
from retrieval.sandbox.pool import ReaderPool
from tests.retrieval.sandbox.bombs import BOMBS

HOSTILE = Path(__file__).parents[3].parent / "shared" / "data" / "docs_hostile"
LIMITS = ReaderLimits(seconds=1, most_seconds=2)  # shorter than ours: there are many bombs
CHILD = "retrieval.sandbox.child"
MARGIN = 3.0  # seconds: a machine that tests has other work
MOST_GROWTH = 50 * MB

pytestmark = [pytest.mark.slow, pytest.mark.faults]


class Peak:
    """The most memory that this process takes within a `with` block, over what it takes before."""

    def __enter__(self) -> "Peak":
        self._process = psutil.Process()
        self._before = self._most = self._process.memory_info().rss
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(0.005):
            self._most = max(self._most, self._process.memory_info().rss)

    @property
    def growth(self) -> int:
        return self._most - self._before


def tree(folder: Path) -> set[str]:
    """Return what lies in a folder and below."""
    return {str(p) for p in folder.rglob("*")}


def surroundings() -> set[str]:
    """Return what lies where a careless reader would write."""
    places = [Path.cwd(), Path(tempfile.gettempdir()), Path("/dev/shm"), Path.home()]  # noqa: S108
    return {str(p) for place in places if place.exists() for p in place.iterdir()}


def readers() -> list[psutil.Process]:
    """Return the readers that this process has started and that live, and what they have started."""
    started = []
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.NoSuchProcess):
            if child.status() != psutil.STATUS_ZOMBIE and CHILD in " ".join(child.cmdline()):
                started += [child, *child.children(recursive=True)]
    return started


@pytest.fixture(scope="module")
def pool() -> Iterator[ReaderPool]:
    """Return one pool for all bombs: each has to leave it fit for the next."""
    with ReaderPool(limits=LIMITS) as started:
        yield started


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("good") / "good.txt"
    path.write_text("A good file.")
    return path


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_read_or_refused_in_one_sentence(
    name: str, pool: ReaderPool, good: Path, tmp_path: Path
) -> None:
    if name == "unreadable" and os.geteuid() == 0:
        pytest.skip("root may read everything")
    folder = tmp_path / "inside"
    folder.mkdir()
    path = BOMBS[name](folder)
    size = path.stat().st_size if path.is_file() else 0
    assert next(iter(pool.read([("good.txt", good)]))).document is not None
    before, around = tree(tmp_path), surroundings()

    with Peak() as peak:
        started = time.monotonic()
        results = pool.read([("bomb", path), ("good.txt", good)])
        result = next(results)
        seconds = time.monotonic() - started

    beside = list(results)
    assert seconds <= WALL * LIMITS.seconds_for(size if path.suffix == ".pdf" else 0) + MARGIN
    assert peak.growth <= MOST_GROWTH
    assert (result.document is None) == bool(result.error)
    assert len(result.error.splitlines()) <= 1
    assert not result.error or path.name.encode("utf-8", "replace").decode()[:3] in result.error
    assert "root:" not in str(result.document)
    assert beside[0].document is not None
    assert beside[0].document.pages[0].text == "A good file."
    assert tree(tmp_path) == before
    assert not {p for p in surroundings() - around if "evil" in p or "adapt" in p}
    assert len(readers()) <= 1


@pytest.mark.skipif(not HOSTILE.is_dir(), reason="shared/data/docs_hostile is not here")
def test_each_hostile_file_is_over_in_time_and_memory() -> None:
    limits = ReaderLimits()
    files = sorted(HOSTILE.iterdir())
    others = readers()
    results, seconds = [], []

    with Peak() as peak, ReaderPool(limits=limits) as pool:
        started = time.monotonic()
        for result in pool.read([(p.name, p) for p in files]):
            seconds.append(time.monotonic() - started)
            started = time.monotonic()
            results.append((result.name, bool(result.document), result.error))

    assert [name for name, _, _ in results] == [p.name for p in files]
    for path, (name, is_read, error), took in zip(files, results, seconds, strict=True):
        size = path.stat().st_size if path.read_bytes()[:5] == b"%PDF-" else 0
        assert took <= WALL * limits.seconds_for(size) + MARGIN, name
        assert is_read != bool(error), name
        assert len(error.splitlines()) <= 1, name
    assert {name for name, is_read, _ in results if is_read} >= {
        "pdf_memory_heavy_400p.pdf",
        "made_pdf_named_docx.docx",
        "txt_utf32.txt",
        "html_bad_script.html",
        "made_no_spaces_200kB.txt",
    }
    assert peak.growth <= MOST_GROWTH
    assert readers() == others


def test_there_are_at_least_forty_bombs() -> None:
    assert len(BOMBS) >= 40
