"""What style.md asks for and no other checker holds."""

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("adapt", "finetune", "retrieval", "feedback", "merge", "ui")
SOURCES = sorted(p for package in PACKAGES for p in (ROOT / package).rglob("*.py"))
FORBIDDEN = {"utils", "helpers", "common", "base", "misc"}


def names(paths: list[Path]) -> list[str]:
    return [str(p.relative_to(ROOT)) for p in paths]


def test_an_init_file_is_a_docstring_and_nothing_else() -> None:
    for path in (p for p in SOURCES if p.name == "__init__.py"):
        body = ast.parse(path.read_text()).body
        assert len(body) == 1, path
        assert isinstance(body[0], ast.Expr), path
        assert ast.get_docstring(ast.parse(path.read_text())), path


def test_no_module_has_more_than_300_lines() -> None:
    assert names([p for p in SOURCES if len(p.read_text().splitlines()) > 300]) == []


def test_no_folder_of_code_has_more_than_14_entries() -> None:
    folders = {p.parent for p in [*SOURCES, *(ROOT / "tests").rglob("*.py")]}
    entries = {f: [e for e in f.iterdir() if e.name != "__pycache__"] for f in folders}

    assert {str(f.relative_to(ROOT)): len(e) for f, e in entries.items() if len(e) > 14} == {}


def test_no_module_is_imported_by_a_string() -> None:
    by_string = ("importlib.import_module(", "resolve_name(", "__import__(")

    assert names([p for p in SOURCES if any(w in p.read_text() for w in by_string)]) == []


def test_no_module_is_a_drawer() -> None:
    assert names([p for p in SOURCES if p.stem in FORBIDDEN]) == []


def test_no_module_of_ui_hides_a_room() -> None:
    hidden = [p for p in (ROOT / "ui").glob("*.py") if p.stem in PACKAGES]

    assert names(hidden) == []


def test_every_module_says_what_it_is_for() -> None:
    assert names([p for p in SOURCES if not ast.get_docstring(ast.parse(p.read_text()))]) == []


def test_no_source_reads_pickles_or_runs_remote_code() -> None:
    banned = (
        "torch.load(",
        "pickle.load",
        "trust_remote_code=True",
        "joblib.load",
        "eval(",
        "exec(",
    )
    found = [
        f"{p.relative_to(ROOT)}: {word}"
        for p in SOURCES
        for word in banned
        for line in p.read_text().splitlines()
        if f" {word}" in line.replace("=", " ") and not line.lstrip().startswith("#")
    ]

    assert found == []


def test_help_loads_no_heavy_library() -> None:
    command = [sys.executable, "-X", "importtime", "-m", "ui.cli.main", "--help"]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)

    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "typer" in loaded
    assert loaded.isdisjoint({"torch", "transformers", "peft", "chromadb", "streamlit", "trl"})
    assert "finetune" in done.stdout
