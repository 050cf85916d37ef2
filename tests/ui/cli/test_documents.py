"""`adapt ingest`, `search` and `documents` for several users: who sees what, what comes back, what is gone for good."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from adapt.workspace.folder import Workspace
from tests.ui.cli.test_main import run as run
from tests.ui.driver import ROOT
from ui.context import Context

pytestmark = pytest.mark.slow

Run = Callable[..., tuple[int, str, str]]
VAULT = "The vault opens with the word zanzibar at midnight."


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    contracts = tmp_path / "contracts"
    contracts.mkdir()
    (contracts / "vault.txt").write_text(VAULT)
    (contracts / "hours.md").write_text("# Hours\n\nThe office opens at nine.")
    return contracts


@pytest.fixture
def private(run: Run, folder: Path) -> Path:
    """Return the folder, ingested as bo's own."""
    code, _, err = run("ingest", folder, "--collection", "c", "--user", "bo", "--private")
    assert code == 0, err
    return folder


def test_no_command_shows_another_user_a_private_collection(run: Run, private: Path) -> None:
    questions = private / "questions.jsonl"
    questions.write_text('{"question": "vault?", "relevant": ["vault.txt"]}')
    asked = {
        "search": ("search", "vault word", "--collection", "c"),
        "evaluate": ("search", "evaluate", "--collection", "c", "--questions", questions),
        "chat": ("chat", "--collection", "c", "--once", "What opens the vault?"),
        "list": ("documents", "list", "--collection", "c"),
        "versions": ("documents", "versions", "--collection", "c"),
        "rollback": ("documents", "rollback", "--collection", "c"),
        "remove": ("documents", "remove", "vault.txt", "--collection", "c"),
        "delete": ("documents", "delete", "--collection", "c", "--yes"),
        "share": ("documents", "share", "--collection", "c", "--public"),
        "ingest": ("ingest", private, "--collection", "c"),
        "rebuild": ("ingest", private, "--collection", "c", "--rebuild"),
    }
    for name, words in asked.items():
        for user in ((), ("--user", "eve")):
            code, out, err = run(*words, *user, "--json")

            assert code == 2, (name, out, err)
            assert "zanzibar" not in out + err, name
            assert "bo" not in json.loads(out)["error"].split(), name
    _, out, _ = run("documents", "list", "--user", "eve", "--json")
    assert json.loads(out)["collections"] == []
    _, out, _ = run("search", "vault word", "--collection", "c", "--user", "bo", "--json")
    assert "zanzibar" in out


def test_a_reader_that_is_named_sees_it_until_that_is_taken_back(run: Run, private: Path) -> None:
    del private
    share = ("documents", "share", "--collection", "c", "--user", "bo")
    search = ("search", "vault word", "--collection", "c", "--user", "ana", "--json")

    code, _, _ = run(*share, "--reader", "ana")
    seen, out, _ = run(*search)
    run(*share)
    hidden, _, _ = run(*search)

    assert (code, seen, hidden) == (0, 0, 2)
    assert "zanzibar" in out


@pytest.mark.slow
def test_an_earlier_version_is_listed_and_brought_back(run: Run, folder: Path) -> None:
    run("ingest", folder, "--collection", "c")
    (folder / "hours.md").write_text("# Hours\n\nThe office opens at ten.")
    run("ingest", folder, "--collection", "c")

    code, out, _ = run("documents", "rollback", "--collection", "c", "--json")
    _, results, _ = run("search", "when does the office open", "--collection", "c", "--json")
    _, listed, _ = run("documents", "versions", "--collection", "c", "--json")

    assert (code, json.loads(out)["artifact"]) == (0, "c@3")
    assert "at nine" in json.loads(results)["passages"][0]["text"]
    assert [version["version"] for version in json.loads(listed)["versions"]] == [3, 2, 1]


@pytest.mark.slow
def test_a_removed_document_leaves_no_trace_in_the_workspace_not_even_in_stored_prompts(
    run: Run, folder: Path, tmp_path: Path
) -> None:
    run("ingest", folder, "--collection", "c")
    run("chat", "--collection", "c", "--once", "When does the office open?", "--json")
    run("chat", "--collection", "c", "--once", "What is the word of the vault?", "--json")
    workspace = tmp_path / "workspace"
    context = Context(workspace)
    with context.database.engine.begin() as connection:  # an answer that quoted is the user's own
        connection.exec_driver_sql("UPDATE turns SET answer = ''")
    context.close()
    before = [p for p in workspace.rglob("*") if p.is_file() and b"zanzibar" in p.read_bytes()]

    code, out, _ = run("documents", "remove", "vault.txt", "--collection", "c", "--json")

    after = [p for p in workspace.rglob("*") if p.is_file() and b"zanzibar" in p.read_bytes()]
    assert any(path.name.startswith("adapt.db") for path in before)
    assert (code, after) == (0, [])
    assert json.loads(out)["turns"] >= 1
    _, listed, _ = run("documents", "list", "--collection", "c", "--json")
    assert [document["document"] for document in json.loads(listed)["documents"]] == ["hours.md"]


def test_a_passage_opens_in_its_page_for_who_may_read_it(run: Run, private: Path) -> None:
    del private
    bo = ("--collection", "c", "--user", "bo")
    _, out, _ = run("search", "when does the office open", *bo, "--json")
    chunk_id = json.loads(out)["passages"][0]["chunk_id"]

    code, shown, _ = run("documents", "open", chunk_id, *bo)
    _, out, _ = run("documents", "open", chunk_id, *bo, "--json")
    hidden, printed, _ = run("documents", "open", chunk_id, "--collection", "c", "--json")

    assert code == 0
    assert "The office opens at nine." in shown
    assert json.loads(out)["document"] == "hours.md"
    assert (hidden, "nine" in printed) == (2, False)


@pytest.mark.slow
def test_questions_are_made_from_headings_and_measured(
    run: Run, folder: Path, tmp_path: Path
) -> None:
    run("ingest", folder, "--collection", "c")
    path = tmp_path / "questions.jsonl"

    code, out, _ = run("search", "questions", "--collection", "c", "--out", path, "--json")
    measured, quality, _ = run(
        "search", "evaluate", "--collection", "c", "--questions", path, "--json"
    )

    with path.open("a", encoding="utf-8") as file:
        file.write('{"question": "What is the weather like?", "relevant": []}\n')
    _, shown, messages = run("search", "evaluate", "--collection", "c", "--questions", path)

    assert (code, json.loads(out)["questions"], measured) == (0, 1, 0)
    assert json.loads(quality)["parts"]["fused"]["ndcg@10"]["mean"] == 1.0
    assert "1 questions" in shown
    assert "left out for naming no relevant document: 1" in messages


@pytest.mark.slow
def test_a_search_is_narrowed_before_it_ranks_and_says_what_ran(run: Run, folder: Path) -> None:
    (folder / "notes").mkdir()
    (folder / "notes" / "es.md").write_text(
        "# Horario\n\nLa oficina abre a las nueve de la mañana."
    )
    run("ingest", folder, "--collection", "c")
    search = ("search", "office oficina opens", "--collection", "c", "--json")

    results = {
        words: json.loads(run(*search, *words)[1])
        for words in (
            (),
            ("--document", "notes/*"),
            ("--language", "es"),
            ("--heading", "hours", "--no-dense"),
            ("--pages", "2-"),
        )
    }
    wrong, _, message = run(*search, "--pages", "5-3")

    documents = [{p["document"] for p in result["passages"]} for result in results.values()]
    assert documents[0] >= {"hours.md", "notes/es.md"}
    assert documents[1:] == [{"notes/es.md"}, {"notes/es.md"}, {"hours.md"}, set()]
    assert results[()]["ran"] == ["dense", "lexical", "distinct"]
    assert results[("--heading", "hours", "--no-dense")]["ran"] == ["filter", "lexical", "distinct"]
    assert (wrong, "the first comes after the last" in message) == (2, True)


@pytest.mark.slow
def test_a_parked_file_is_listed_with_its_reason(run: Run, folder: Path) -> None:
    (folder / "broken.pdf").write_bytes(b"%PDF-1.4 nothing")
    run("ingest", folder, "--collection", "c")

    code, out, err = run("ingest", folder, "--collection", "c", "--json")
    _, listed, _ = run("documents", "list", "--collection", "c", "--json")

    assert code == 0
    assert "still not read: broken.pdf" in err
    assert [name for name, _ in json.loads(out)["parked"]] == ["broken.pdf"]
    assert "damaged" in json.loads(listed)["parked"][0]["reason"]


@pytest.mark.slow
def test_watch_follows_the_folder_until_ctrl_c(folder: Path, tmp_path: Path) -> None:
    command = ["ingest", str(folder), "--collection", "c", "--watch", "--prune", "--json"]
    workspace = tmp_path / "workspace"
    with subprocess.Popen(
        [sys.executable, "-m", "ui.cli.main", *command, "--workspace", str(workspace)],
        cwd=ROOT,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        first = json.loads(process.stdout.readline())
        time.sleep(1)  # the watch begins after the first report
        (folder / "new.txt").write_text("A new rule about bicycles.")
        (folder / "vault.txt").unlink()
        second = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)

    assert sorted(first["added"]) == ["hours.md", "vault.txt"]
    assert (second["added"], second["removed"]) == (["new.txt"], ["vault.txt"])
    assert process.returncode == 0, err
    assert "watching ended" in err
    assert Workspace(workspace).collections.joinpath("c", "manifest.json").exists()
