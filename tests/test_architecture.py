"""What style.md asks for and no other checker holds."""

import ast
import re
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
    uses = [
        f"{p.relative_to(ROOT)}: {word}"
        for p in SOURCES
        for word in banned
        for line in p.read_text().splitlines()
        if f" {word}" in line.replace("=", " ") and not line.lstrip().startswith("#")
    ]

    assert uses == []


def test_help_loads_no_heavy_library() -> None:
    command = [sys.executable, "-X", "importtime", "-m", "ui.cli.main", "--help"]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)

    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "typer" in loaded
    assert loaded.isdisjoint({"torch", "transformers", "peft", "chromadb", "streamlit", "trl"})
    assert "finetune" in done.stdout


DOCUMENTS = sorted(
    p
    for p in ROOT.rglob("*.md")
    if p.name in {"README.md", "NOTES.md", "CONTRIBUTING.md"}
    and not {".venv", "build"} & set(p.relative_to(ROOT).parts)
)


def anchors(document: Path) -> set[str]:
    """Return the names by which GitHub links to a document's headings."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


def test_links_between_documents_lead_to_a_file_and_a_heading() -> None:
    dead = []
    for document in DOCUMENTS:
        for link in re.findall(r"\]\(([^)\s]+)\)", document.read_text()):
            path, _, anchor = link.partition("#")
            target = document.parent / path if path else document
            if "://" in link or (target.exists() and (not anchor or anchor in anchors(target))):
                continue
            dead.append(f"{document.relative_to(ROOT)}: {link}")

    assert dead == []


def test_source_files_and_folders_named_in_documents_exist() -> None:
    named = re.compile(r"`([a-z_]+(?:/[a-z_0-9]+)*(?:\.py|/))`")
    missing = []
    for document in DOCUMENTS:
        room = ROOT if document.parent == ROOT else ROOT / document.relative_to(ROOT).parts[0]
        for path in named.findall(document.read_text()):
            bare = "/" not in path.rstrip("/")  # one name alone: somewhere in the document's room
            if (ROOT / path).exists() or (document.parent / path).exists():
                continue
            if not (bare and any(room.rglob(path.rstrip("/")))):
                missing.append(f"{document.relative_to(ROOT)}: {path}")

    assert missing == []


def test_the_readme_is_short_and_its_tree_shows_every_folder_of_the_rooms() -> None:
    text = (ROOT / "README.md").read_text()
    rooms, shown = "", set()
    for indent, folder in re.findall(r"^    ( *)(\w+)/ ", text, re.MULTILINE):
        rooms = rooms if indent else folder
        shown.add(f"{rooms}/{folder}" if indent else folder)
    there = {str(p.relative_to(ROOT)) for package in PACKAGES for p in (ROOT / package).glob("*/")}
    folders = {f for f in there if (ROOT / f / "__init__.py").exists()}

    assert len(text.splitlines()) <= 130
    assert shown == {*folders, *PACKAGES, "tests"}


def test_twenty_questions_where_something_is_have_an_answer() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    answers = re.findall(r"^\| .+\? \| `([^`]+)` \|$", text, re.MULTILINE)

    assert len(set(answers)) == 20
    assert [path for path in answers if not (ROOT / path).is_file()] == []
