"""Reading in child processes: results, limits, and what is left when it ends. The bombs are in `test_bombs`."""

import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from adapt.errors import AdaptError
from retrieval.readers.read import read
from retrieval.sandbox import process as sandbox_process
from retrieval.sandbox.limits import WALL
from retrieval.sandbox.messages import FrameError, put_bytes, receive, receive_bytes, send
from retrieval.sandbox.pool import AHEAD, ReaderLimits, ReaderPool, ReadResult

ROOT = Path(__file__).parents[3]
QUICK = ReaderLimits(seconds=0.5, most_seconds=1)
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="the kernel of Linux does this")


def order(folder: Path, what: str) -> Path:
    """Return a file at which the bad reader does what is asked, then reads `<what>.txt`."""
    path = folder / f"{what}.order"
    path.write_text(what)
    (folder / f"{what}.txt").write_text("Read after all.")
    return path


def children() -> list[psutil.Process]:
    """Return the reader processes of this process."""
    living = []
    for process in psutil.Process().children(recursive=True):
        try:
            if any("retrieval.sandbox.child" in p or "bad_reader" in p for p in process.cmdline()):
                living.append(process)
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
    return living


def wait_until(holds: Callable[[], bool], seconds: float = 20.0) -> bool:
    """Return whether something comes true in time."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def gone(pid: int) -> bool:
    """Return whether a process has ended, whether or not somebody has asked how."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.fixture
def bad_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the children read with the bad reader."""
    monkeypatch.setattr(sandbox_process, "CHILD", "tests.retrieval.sandbox.bad_reader")


@pytest.fixture
def pool() -> Iterator[ReaderPool]:
    with ReaderPool(limits=QUICK) as started:
        yield started


def read_one(pool: ReaderPool, path: Path) -> ReadResult:
    (result,) = pool.read([(path.name, path)])
    return result


@pytest.mark.parametrize("workers", [1, 3])
def test_documents_come_in_order_and_equal_to_those_read_here(handbook: Path, workers: int) -> None:
    files = [(f"{i}/{p.name}", p) for i in range(5) for p in sorted(handbook.iterdir())]

    with ReaderPool(workers) as pool:
        results = list(pool.read(files))

    assert [(r.name, r.path) for r in results] == files
    assert [r.document for r in results] == [read(path, name=name) for name, path in files]
    assert {r.error for r in results} == {""}


def test_a_fault_of_a_file_is_the_sentence_of_its_reader_and_ends_no_child(
    pool: ReaderPool, tmp_path: Path
) -> None:
    good, bad = tmp_path / "good.txt", tmp_path / "bad.pdf"
    good.write_text("Good.")
    bad.write_bytes(b"%PDF-1.4\n1 0 obj")
    list(pool.read([("good.txt", good)]))
    before = [child.pid for child in children()]

    results = list(pool.read([("bad.pdf", bad), ("good.txt", good), ("no.txt", tmp_path / "no")]))

    assert results[0].document is None
    assert results[0].error.startswith(f"{bad}: the PDF is damaged")
    assert results[1].document == read(good)
    assert results[2].error == f"{tmp_path / 'no'}: no such file; check the path"
    assert [child.pid for child in children()] == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("what", "sentence"),
    [
        ("hang", "reading it takes over 0.5 s; split it, or save it again with another program"),
        ("wait", "reading it takes over 0.5 s; split it, or save it again with another program"),
        ("hoard", "reading it needs more than 200 MB of memory; split it"),
        ("dive", "nested too deeply to be read; save it again, flattened"),
        ("leave", "its reader crashes (exit code 3); save it again with another program"),
        ("interrupt", "its reader answers nonsense (SIGKILL); save it again with another program"),
        pytest.param("crash", "its reader crashes (SIGSEGV); save it again", marks=LINUX),
        pytest.param("killed", "the system ended its reader, probably for lack of m", marks=LINUX),
        ("blunder", "its reader failed (ZeroDivisionError: by zero); save it again"),
    ],
)
@pytest.mark.usefixtures("bad_reader")
def test_what_one_file_does_is_its_sentence_and_the_files_beside_it_are_read(
    tmp_path: Path, what: str, sentence: str, caplog: pytest.LogCaptureFixture
) -> None:
    good = tmp_path / "good.txt"
    good.write_text("Good.")
    bad = order(tmp_path, what)
    limits = QUICK.model_copy(update={"memory_mb": 200})

    with ReaderPool(limits=limits) as pool:
        results = list(pool.read([("a", good), ("b", bad), ("c", good), ("d", bad), ("e", good)]))

    assert [r.document is not None for r in results] == [True, False, True, False, True]
    assert results[1].error.startswith(f"{bad}: {sentence}")
    assert results[3].error == results[1].error
    assert ("Traceback" in caplog.text) == (what == "blunder")


@pytest.fixture
def slow_tesseract(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a tesseract in the path that takes as many seconds as it is told."""
    program = tmp_path / "bin" / "tesseract"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\nexec sleep $1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")


@LINUX
@pytest.mark.slow
@pytest.mark.usefixtures("bad_reader", "slow_tesseract")
def test_recognising_pages_has_time_of_its_own_within_a_bound(tmp_path: Path) -> None:
    pages, endless = order(tmp_path, "recognise"), order(tmp_path, "recognise_for_long")
    limits = QUICK.model_copy(update={"ocr_seconds": 30.0})
    less = QUICK.model_copy(update={"ocr_seconds": 2.0})

    with ReaderPool(limits=limits) as pool:
        started = time.monotonic()
        read_ = read_one(pool, pages)
        seconds = time.monotonic() - started
    with ReaderPool(limits=less) as pool:
        started = time.monotonic()
        refused = read_one(pool, endless)
        waited = time.monotonic() - started
        left = [p for p in psutil.process_iter(["name", "cmdline"]) if p.info["name"] == "sleep"]

    assert read_.document is not None
    assert seconds > WALL * QUICK.seconds
    assert refused.error == (
        f"{endless}: recognising its scanned pages takes too long; run it through OCR first, or split it"
    )
    assert waited < 10
    assert not [p for p in left if p.info["cmdline"] == ["sleep", "100.0625"] and not gone(p.pid)]


def test_more_text_than_allowed_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "long.txt"
    path.write_text("word " * 1_000)

    with ReaderPool(limits=ReaderLimits(characters=4_000)) as pool:
        result = read_one(pool, path)

    assert result.error == f"{path}: holds more than 4,000 characters of text; split it"


def test_a_child_that_dies_between_two_files_costs_neither(
    pool: ReaderPool, tmp_path: Path
) -> None:
    good = tmp_path / "good.txt"
    good.write_text("Good.")
    first = read_one(pool, good)
    child = children()[0]
    child.kill()
    assert wait_until(lambda: gone(child.pid))

    second = read_one(pool, good)

    assert first == second


@pytest.mark.slow
def test_a_file_that_grows_while_it_is_read_is_not_taken_for_whole(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    path.write_text("line\n" * 200_000)
    stop = threading.Event()

    def grow() -> None:
        with path.open("a") as file:
            while not stop.wait(0.001):
                file.write("line\n")
                file.flush()

    writer = threading.Thread(target=grow)
    writer.start()
    try:
        with ReaderPool() as pool:
            result = read_one(pool, path)
    finally:
        stop.set()
        writer.join()

    assert result.error == (
        f"{path}: changed while it was read; ingest it again when it is complete"
    )


def test_files_are_taken_up_only_a_few_ahead(pool: ReaderPool, handbook: Path) -> None:
    asked = []

    def files() -> Iterator[tuple[str, Path]]:
        for i in range(100):
            asked.append(i)
            yield str(i), handbook / "hours.txt"

    results = pool.read(files())
    next(results)
    results.close()  # type: ignore[attr-defined]  # a generator

    assert len(asked) == AHEAD


@pytest.mark.usefixtures("bad_reader")
def test_a_reading_given_up_half_way_leaves_the_pool_ready(
    pool: ReaderPool, handbook: Path, tmp_path: Path
) -> None:
    hang = order(tmp_path, "hang")
    results = pool.read([("a", handbook / "hours.txt"), ("b", hang), ("c", hang)])
    next(results)
    results.close()  # type: ignore[attr-defined]  # a generator
    started = time.monotonic()

    again = read_one(pool, handbook / "hours.txt")

    assert again.document == read(handbook / "hours.txt")
    assert time.monotonic() - started < 10


def test_a_pool_reads_one_list_at_a_time_and_none_when_it_is_closed(handbook: Path) -> None:
    file = ("a", handbook / "hours.txt")
    with pytest.raises(ValueError, match="workers must be 1 or more"):
        ReaderPool(0)
    with ReaderPool() as pool:
        first = pool.read([file, file])
        next(first)
        with pytest.raises(ValueError, match="one list at a time"):
            next(pool.read([file]))
        list(first)
    with pytest.raises(ValueError, match="within its `with` block"):
        next(pool.read([file]))


@pytest.mark.usefixtures("bad_reader")
def test_no_child_is_left_when_the_pool_closes_whatever_happens(tmp_path: Path) -> None:
    hang = order(tmp_path, "hang")

    def fail() -> None:
        with ReaderPool(2, ReaderLimits(seconds=100)) as pool:
            next(pool.read([("a", tmp_path / "none"), ("b", hang), ("c", hang)]))
            raise KeyError

    started = time.monotonic()
    with pytest.raises(KeyError):
        fail()

    assert children() == []
    assert time.monotonic() - started < 20
    assert not [t for t in threading.enumerate() if t.name.startswith("reader")]


def test_nothing_is_started_for_an_empty_list(pool: ReaderPool) -> None:
    assert list(pool.read([])) == []
    assert children() == []


def test_a_child_that_does_not_start_is_one_sentence(
    handbook: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")

    with (
        ReaderPool() as pool,
        pytest.raises(AdaptError, match=r"does not start \(exit code 1\); `/bin/false -m retr"),
    ):
        read_one(pool, handbook / "hours.txt")


@LINUX
def test_a_child_has_no_descriptor_and_no_secret_of_its_parent(
    tmp_path: Path, handbook: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    with (tmp_path / "open.txt").open("w") as file, ReaderPool() as pool:
        os.set_inheritable(file.fileno(), True)
        read_one(pool, handbook / "hours.txt")
        child = children()[0]

        open_files = [str(p.readlink()) for p in Path(f"/proc/{child.pid}/fd").iterdir()]

        assert not [name for name in open_files if name.startswith(str(tmp_path))]
        assert len(open_files) <= 8
        assert "HF_TOKEN" not in child.environ()
        assert os.getsid(child.pid) == child.pid


PARENT = """
import sys
from pathlib import Path
from retrieval.sandbox import process as sandbox_process
from retrieval.sandbox.pool import ReaderLimits, ReaderPool
sandbox_process.CHILD = "tests.retrieval.sandbox.bad_reader"
try:
    with ReaderPool(2, ReaderLimits(seconds=600, most_seconds=600)) as pool:
        for result in pool.read([(str(i), Path(sys.argv[1])) for i in range(4)]):
            pass
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL, signal.SIGTERM])
def test_children_end_with_their_parent_even_where_they_hang(
    tmp_path: Path, number: signal.Signals
) -> None:
    command = [sys.executable, "-c", PARENT, str(order(tmp_path, "hang"))]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:

        def busy() -> list[psutil.Process]:
            return [c for c in psutil.Process(parent.pid).children() if c.cpu_times().user > 1]

        assert wait_until(lambda: len(busy()) == 2, 60)
        pids = [c.pid for c in busy()]

        parent.send_signal(number)
        output = parent.communicate(timeout=20)[0]

    assert all(wait_until(lambda pid=pid: gone(pid), 5) for pid in pids)  # type: ignore[misc]
    assert output == ("interrupted\n" if number == signal.SIGINT else "")


GROUP = """
import os, subprocess, sys, time
from retrieval.sandbox.child import end_with_parent
end_with_parent(int(sys.argv[1]))
other = subprocess.Popen(["sleep", "100"])
print(other.pid, flush=True)
sum(range(10**12))
"""


@LINUX
def test_what_a_child_has_started_ends_with_its_parent_too(tmp_path: Path) -> None:
    theirs, ours = os.pipe()
    with subprocess.Popen(
        [sys.executable, "-c", GROUP, str(theirs)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        pass_fds=[theirs],
        start_new_session=True,
        text=True,
    ) as child:
        os.close(theirs)
        assert child.stdout is not None
        other = int(child.stdout.readline())
        assert not gone(other)

        os.close(ours)  # what the kernel does when the parent dies

        assert child.wait(10) == -signal.SIGKILL
    assert wait_until(lambda: gone(other), 5)


def test_frames_come_back_and_are_bounded() -> None:
    stream = io.BytesIO()
    send(stream, {"path": "a\udcff"})
    put_bytes(stream, b"text")
    put_bytes(stream, b"[]")
    put_bytes(stream, b"{")
    stream.write(b"\xff\xff\xff\xff")
    stream.seek(0)

    assert receive(stream) == {"path": "a\udcff"}
    assert receive_bytes(stream, most=4) == b"text"
    for fault in ("not an object", "not JSON", "a frame of 4294967295 bytes, the most is"):
        with pytest.raises(FrameError, match=fault):
            receive(stream)
    with pytest.raises(EOFError):
        receive(stream)
