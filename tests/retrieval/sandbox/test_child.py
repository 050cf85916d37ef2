"""What the process that reads documents may not do, and what it says."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from adapt.errors import AdaptError
from adapt.records import Document, Page
from retrieval.sandbox.child import (
    MOST_MESSAGE,
    caused_by_memory,
    check_size,
    check_unchanged,
    fields_without_pages,
    fields_without_text,
    guard,
    regular_file,
)

ROOT = Path(__file__).parents[3]
PATH = Path("a.txt")
ATTEMPTS = """
import ctypes, json, os, pathlib, shutil, socket, subprocess, sys, tempfile, urllib.request
from retrieval.sandbox.child import guard, limit_processor, limit_resources
folder, seen = pathlib.Path(sys.argv[1]), []
limit_resources(500_000_000)
limit_processor(30)
sys.addaudithook(guard(lambda: seen.append("ocr")))
def write(): (folder / "a").write_text("x")
def append(): open(folder / "kept", "a").write("x")
def low(): os.open(folder / "a", os.O_CREAT | os.O_WRONLY)
def remove(): os.remove(folder / "kept")
def rename(): (folder / "kept").rename(folder / "other")
def make_folder(): (folder / "new").mkdir()
def link(): (folder / "link").symlink_to("kept")
def temporary(): tempfile.TemporaryFile()
def connect(): socket.create_connection(("127.0.0.1", 9), 1)
def datagram(): socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", 9))
def look_up(): socket.getaddrinfo("localhost", 80)
def fetch(): urllib.request.urlopen("http://127.0.0.1:9/")
def start(): subprocess.run(["true"])
def shell(): os.system("true")
def fork(): os.fork()
def behind_python():  # a C library that opens and writes by itself: the kernel's limit stops it
    libc = ctypes.CDLL(None, use_errno=True)
    file = libc.open(str(folder / "b").encode(), os.O_CREAT | os.O_WRONLY, 0o600)
    if libc.write(file, b"x", 1) != 1:
        raise OSError(ctypes.get_errno(), "refused by the kernel")
def memory(): bytearray(600_000_000)
refused = {}
for attempt in [write, append, low, remove, rename, make_folder, link, temporary, connect, datagram,
                look_up, fetch, start, shell, fork, behind_python, memory]:
    try:
        attempt()
        refused[attempt.__name__] = ""
    except (OSError, MemoryError) as error:
        refused[attempt.__name__] = type(error).__name__
try:
    subprocess.run(["/nowhere/tesseract"])
except FileNotFoundError:
    seen.append("not found")
null = open(os.devnull, "w").close()
print(json.dumps([refused, seen]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits of Linux")
def test_a_reader_can_write_nothing_reach_nobody_and_start_only_tesseract(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_text("before")

    done = subprocess.run(
        [sys.executable, "-c", ATTEMPTS, str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip

    refused, seen = json.loads(done.stdout)
    assert [name for name, error in refused.items() if not error] == []
    assert refused["memory"] == "MemoryError"
    assert seen == ["ocr", "not found"]
    assert kept.read_text() == "before"
    assert {p.name: p.stat().st_size for p in tmp_path.iterdir() if p != kept} == {"b": 0}


def test_the_hook_lets_reading_pass() -> None:
    hook = guard(lambda: None)

    hook("open", ("a.txt", "r", os.O_RDONLY))
    hook("open", (3, "wb", os.O_WRONLY))  # the pipe to tesseract
    hook("open", (os.devnull, None, os.O_RDWR))
    hook("import", ("os", None, None, None, None))
    with pytest.raises(PermissionError, match=r"may not write \(a\.txt\)"):
        hook("open", ("a.txt", "w", os.O_WRONLY | os.O_CREAT))
    with pytest.raises(PermissionError, match=r"may not start a program \(/bin/sh\)"):
        hook("subprocess.Popen", ("/bin/sh", ["sh"], None, None))
    with pytest.raises(PermissionError, match=r"socket\.connect"):
        hook("socket.connect", ())


def test_a_document_and_its_pages_travel_with_every_field() -> None:
    page = Page("text", 3, "Sheet", "code")
    document = Document("a.txt", "00", (page,), "Title")

    header, fields = fields_without_pages(document), fields_without_text(page)

    assert set(header) == {f.name for f in dataclasses.fields(Document)}
    assert fields == {"text": "", "number": 3, "heading": "Sheet", "form": "code"}


@pytest.mark.parametrize(
    ("pages", "holds"),
    [
        ([Page("a" * 800)], True),
        ([Page("a" * 801)], False),
        ([Page("")] * 5, True),
        ([Page("")] * 6, False),
        ([Page("\u20ac" * 600)], True),
        ([Page("\u20ac" * 700)], False),  # three bytes each
        ([Page("a", heading="b" * 1_000)], False),
    ],
)
def test_characters_bytes_and_pages_are_bounded(pages: list[Page], holds: bool) -> None:
    document = Document("a.txt", "00", tuple(pages))

    if holds:
        check_size(PATH, document, 1_000)
    else:
        with pytest.raises(AdaptError, match=r"a\.txt: holds more than 1,000 characters"):
            check_size(PATH, document, 1_000)


def test_a_title_as_long_as_a_book_is_refused() -> None:
    document = Document("a.txt", "00", (Page("a"),), "t" * MOST_MESSAGE)

    with pytest.raises(AdaptError, match=r"a\.txt: has a title, heading or list of warnings"):
        check_size(PATH, document, 1_000)


def test_a_lack_of_memory_is_found_behind_what_it_was_taken_for() -> None:
    direct, behind, other = AdaptError("damaged"), AdaptError("damaged"), AdaptError("damaged")
    direct.__cause__ = MemoryError()
    behind.__context__ = direct
    other.__cause__ = ValueError()

    assert caused_by_memory(direct)
    assert caused_by_memory(behind)
    assert not caused_by_memory(other)


def test_a_file_that_was_written_to_or_replaced_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("one")
    before = regular_file(path)
    check_unchanged(path, before)

    path.write_text("other")

    with pytest.raises(AdaptError, match="changed while it was read"):
        check_unchanged(path, before)


def test_what_is_no_file_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "zero").symlink_to("/dev/zero")

    for name in ("pipe", "zero", "."):
        with pytest.raises(AdaptError, match="not a regular file"):
            regular_file(tmp_path / name)
    with pytest.raises(AdaptError, match="no such file"):
        regular_file(tmp_path / "none")
    with pytest.raises(AdaptError, match=r"cannot be read \(Too many levels"):
        regular_file(tmp_path / "loop")
