import os
from pathlib import Path

import pytest

from adapt.registry.artifacts import sha256_file
from merge.write.source_stamps import Watched


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "weights"
    path.write_bytes(b"one")
    return path


def test_files_that_stay_are_unchanged_and_are_hashed_as_they_are(file: Path) -> None:
    watched = Watched([file])

    assert watched.hashes() == [sha256_file(file)]
    assert watched.are_unchanged()


@pytest.mark.parametrize("after_hashing", [True, False])
def test_a_file_that_is_written_anew_is_noticed_even_with_its_old_size_and_time(
    file: Path, after_hashing: bool
) -> None:
    watched = Watched([file])
    before = file.stat()
    if after_hashing:
        watched.hashes()

    file.write_bytes(b"two")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))

    assert not watched.are_unchanged()


def test_a_change_within_a_tick_of_the_clock_is_noticed_by_its_content(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = Watched([file])
    watched.hashes()
    stamps = watched._now()
    file.write_bytes(b"two")

    monkeypatch.setattr(watched, "_now", lambda: stamps)

    assert not watched.are_unchanged()
