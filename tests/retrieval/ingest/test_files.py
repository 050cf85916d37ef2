"""Which files an ingest takes up."""

import os
from pathlib import Path

import pytest

from adapt.errors import DataError
from retrieval.ingest.files import find_files


@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_what_is_no_plain_file_is_refused_by_name(tmp_path: Path, kind: str) -> None:
    path = Path("/dev/zero")
    if kind == "pipe":
        path = tmp_path / "pipe.txt"
        os.mkfifo(path)

    with pytest.raises(DataError, match=f"{path.name}: not a plain file; name a file or a folder"):
        find_files([path], {}, [])


def test_a_pipe_within_a_folder_is_skipped_with_the_reason(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    (tmp_path / "notes.txt").write_text("The office opens at nine.")

    listing = find_files([tmp_path], {}, [])

    assert list(listing.paths) == ["notes.txt"]
    assert listing.skipped == [(str(tmp_path / "pipe.txt"), "not a regular file")]
