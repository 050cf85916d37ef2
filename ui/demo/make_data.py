"""Makes the demo's data: `python -m ui.demo.make_data [--out DIR]`; the same bytes each time.

LICENSE, README.md and questions.jsonl of the data folder are written by hand and are not touched.
"""

import argparse
import sys
from pathlib import Path

from adapt.errors import AdaptError, WorkspaceError
from ui.demo.recipe import conversation, dates, documents, support
from ui.demo.recipe.rows import SIDES, as_jsonl

DATA = Path(__file__).with_name("data")


def make_files() -> dict[str, bytes]:
    """Return every generated file by its path in the data folder."""
    routing, days, talk = support.read_source(), dates.read_source(), conversation.read_source()
    files = {"chat.json": conversation.as_chat(talk).encode()}
    for side in SIDES:
        files[f"support/{side}.jsonl"] = as_jsonl(support.make_rows(routing, side)).encode()
        files[f"dates/{side}.jsonl"] = as_jsonl(dates.make_rows(days, side)).encode()
    for document in documents.read_source():
        files[f"documents/{document.name}"] = documents.write(document)
    return files


def write_files(out: Path) -> list[Path]:
    """Write every generated file below `out`; return the paths.

    Raises:
        WorkspaceError: the folder cannot be written.
    """
    paths = []
    for name, content in make_files().items():
        path = out / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        except OSError as error:
            raise WorkspaceError(
                f"{path}: cannot be written ({error.strerror}); choose another folder with --out"
            ) from error
        paths.append(path)
    return paths


def main(arguments: list[str] | None = None) -> int:
    """Write the data into the folder that the arguments name; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m ui.demo.make_data", description=__doc__)
    parser.add_argument("--out", type=Path, default=DATA, help="folder to write into")
    chosen = parser.parse_args(arguments)
    try:
        paths = write_files(chosen.out)
    except AdaptError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"{len(paths)} files in {chosen.out}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
