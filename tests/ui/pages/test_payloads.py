"""Text of others on the command line: every payload through every command that prints such text, into a pipe and a terminal.

Of what a terminal would act on, only the styles and cursor moves of our own remain: those that harmless text gets as well.
"""

import io
import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.text import Text

from adapt.chat.account import AccountEntry, Prompt
from adapt.chat.engine import Generation
from adapt.embedding.hash_embedder import HashEmbedder
from adapt.errors import DataError
from adapt.records import Chunk, ContextPiece, Message, Passage, ProgressEvent, Turn
from adapt.registry.artifacts import BaseRecord, DataRecord
from adapt.workspace.folder import Workspace
from retrieval.collections.collection import Collection
from retrieval.ingest.ingest import IngestReport
from retrieval.search.search import SearchResult
from tests.ui.driver import EMPTY_ACCOUNT, ROOT
from tests.ui.pages.payloads import Payload, payloads, texts
from tests.ui.shell import Said, Shell, controls
from ui.cli.output import Output
from ui.context import Context

HARMLESS = ["The office opens at 8:00.", "handbook.pdf"] * 250


@pytest.fixture
def shell(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Shell:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("COLUMNS", "100")
    return Shell(tmp_path / "workspace", capsys)


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    context = Context(tmp_path / "workspace")
    yield context
    context.close()


def assert_inert(shell: Shell, *words: object, harmless: set[str] | None = None) -> None:
    """Run a command in every way and insist that nothing which it prints acts on a terminal."""
    piped = shell(*words)
    as_json = shell(*words, "--json")
    seen = shell(*words, on_terminal=True)
    assert controls(piped.all) == set()
    assert controls(as_json.all) == set()
    assert isinstance(json.loads(as_json.out), dict)
    styles = {control for control in controls(seen.out) if re.fullmatch(r"\x1b\[[0-9;]*m", control)}
    assert controls(seen.out) - styles <= (harmless or set())


def passages(strings: list[str]) -> list[Passage]:
    return [
        Passage(Chunk(text, text, "r", text, page=1, heading=text), 0.5, {"dense": 0.5})
        for text in strings
    ]


@pytest.mark.slow
def test_search_shows_documents_headings_and_passages(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = SearchResult(tuple(passages(texts())), ("dense",), len(texts()))
    monkeypatch.setattr("ui.actions.documents.search", lambda *_a, **_k: result)
    Workspace(shell.workspace)

    assert_inert(shell, "search", "x", "--collection", "c")

    printed = json.loads(shell("search", "x", "--collection", "c", "--json").out)
    assert [p["text"] for p in printed["passages"]] == texts()
    lines = shell("search", "x", "--collection", "c").out.splitlines()
    assert not any(line.startswith("error") for line in lines)
    piped = "".join("".join(lines).split())
    assert "[red]x[/red]" in piped
    assert ":smile:" in piped
    assert r"\u001b[31mred" in piped


def fake_answer(strings: list[str]) -> Generation:
    """Return an answer, of real values, that ended; every piece, label and message of it is a payload."""
    pieces = tuple(
        ContextPiece(p.chunk.chunk_id, p.chunk.text, p.label, passage=p) for p in passages(strings)
    )
    account = tuple(
        AccountEntry("documents", p.piece_id, p.label, p.text, 0.5, kept=True, number=n)
        for n, p in enumerate(pieces, start=1)
    )
    messages = (Message("system", "\n".join(strings)), Message("user", "\n".join(strings)))
    generation = Generation("t", Prompt(messages, pieces, account, 1, 2, 0, 0))
    for text in strings:
        generation.append(text + "\n")
    generation.end(generation.text, "done")
    return generation


def test_chat_shows_the_answer_and_its_sources(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ui.actions.chat.ask", lambda *_a, **_k: (fake_answer(texts()), "s"))

    assert_inert(shell, "chat", "--once", "x")

    printed = json.loads(shell("chat", "--once", "x", "--json").out)
    assert printed["answer"] == "".join(f"{text}\n" for text in texts())
    sources = [line for line in shell("chat", "--once", "x").err.splitlines() if "  [" in line]
    assert sum(bool(re.match(r"  \[\d+\] ", line)) for line in sources) == len(texts())


def test_a_conversation_shows_answer_prompt_and_errors(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ask(_ctx: Context, question: Any) -> tuple[Generation, str]:
        if question.text == "fail":
            raise DataError("\n".join(texts()))
        return fake_answer(texts()), "s"

    monkeypatch.setattr("ui.actions.chat.ask", ask)

    def talk(*, on_terminal: bool) -> Said:
        lines = iter(["hi", "/why", "fail", "/\x1b]0;x\x07", "/quit"])
        monkeypatch.setattr("builtins.input", lambda _: next(lines))
        return shell("chat", on_terminal=on_terminal)

    piped, seen = talk(on_terminal=False), talk(on_terminal=True)

    assert controls(piped.all) == set()
    assert {control for control in controls(seen.out) if not control.endswith("m")} == set()
    assert "[system] " in piped.err
    assert not re.search(r"^error: the disk is full", piped.err, re.MULTILINE)


@pytest.mark.slow
def test_feedback_shows_what_was_asked_answered_and_corrected(
    shell: Shell, context: Context
) -> None:
    session_id = context.feedback.new_session("me")
    for number, text in enumerate(texts()):
        turn = Turn(f"turn{number:04}", session_id, "me", text, text)
        context.feedback.begin_turn(turn, account=EMPTY_ACCOUNT)
        context.feedback.rate(turn.turn_id, user="me", rating=1, comment=text, correction=text)

    assert_inert(shell, "feedback", "list")

    printed = json.loads(shell("feedback", "list", "--json").out)["feedback"]
    assert {row["question"] for row in printed} == set(texts())


@pytest.mark.slow
def test_models_show_cards_of_others(shell: Shell, context: Context) -> None:
    everything = "\n".join(texts())
    with context.registry.stage("foreign") as staging:
        (staging.path / "README.md").write_text(everything, encoding="utf-8", newline="")
        staging.publish(
            "model",
            base=BaseRecord(id=everything, sha256="0" * 64),
            data=[DataRecord(name=text, sha256="0" * 64, rows=1) for text in texts()],
            metrics={text: text for text in texts()},
            settings={"note": everything},
            licence=everything,
            summary=everything,
        )

    for words in (("list",), ("show", "foreign"), ("card", "foreign"), ("lineage", "foreign")):
        assert_inert(shell, "models", *words)

    assert json.loads(shell("models", "show", "foreign").out)["metrics"] == {t: t for t in texts()}


@pytest.mark.slow
def test_jobs_show_titles_and_errors(shell: Shell, context: Context) -> None:
    for text in texts():
        context.jobs.record("demo", title=text, result={"text": text})
    failed = context.jobs.record("demo", title="\n".join(texts()), result={})
    context.jobs.finish(failed.job_id, "failed", error="\n".join(texts()))

    assert_inert(shell, "jobs", "list")
    assert_inert(
        shell,
        "jobs",
        "watch",
        failed.job_id,
        harmless={"\x1b[?25l", "\x1b[?25h", "\r", "\x1b[2K", "\x1b[1A"},
    )


@pytest.mark.slow
def test_ingest_shows_names_reasons_and_progress(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fake(strings: list[str]) -> Callable[..., IngestReport]:
        def ingest(
            *_: object, progress: Callable[[ProgressEvent], None], **__: object
        ) -> IngestReport:
            for text in strings:
                progress(ProgressEvent(text, detail=text))
                progress(ProgressEvent("read", 1, 2, detail=text))
            for text in strings[:20]:
                progress(ProgressEvent(text, 1, 2, detail=text))
            return IngestReport(
                added=strings, failed=[(t, t) for t in strings], skipped=[(t, t) for t in strings]
            )

        return ingest

    known = Collection(Workspace(tmp_path / "w"), "c", HashEmbedder(), "")
    monkeypatch.setattr("ui.actions.documents.open_collection", lambda *_, **__: known)
    words = ("ingest", tmp_path, "--collection", "c")
    monkeypatch.setattr("ui.actions.documents.ingest", fake(HARMLESS))
    ours = controls(shell(*words, on_terminal=True).out)
    monkeypatch.setattr("ui.actions.documents.ingest", fake(texts()))

    assert_inert(shell, *words, harmless=ours)

    lines = shell(*words).err.splitlines()
    assert sum(line.startswith("skipped: ") for line in lines) == len(texts())
    assert sum(line.startswith("error: ") for line in lines) == 0


@pytest.mark.parametrize("payload", payloads()[::7], ids=lambda payload: payload.name)
def test_an_error_that_quotes_a_file_is_one_line(
    payload: Payload, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    def search(*_: object, **__: object) -> SearchResult:
        raise DataError(f"{payload.text}: cannot be read")

    monkeypatch.setattr("ui.actions.documents.search", search)

    result = shell("search", "x", "--collection", "c", "--json")

    assert result.code == 2
    assert controls(result.all) == set()
    assert len(result.err.splitlines()) == 1
    assert set(json.loads(result.out)) == {"error"}


@pytest.mark.slow
def test_words_that_the_shell_passes_on_are_quoted_safely(shell: Shell) -> None:
    for text in texts()[::5]:
        if not text.startswith("-") and "\0" not in text:
            for words in (
                ("models", "show", text),
                ("models", text),
                ("search", "x", "--collection", text),
            ):
                result = shell(*words)
                assert result.code == 2, text
                assert controls(result.all) == set(), text


@pytest.mark.slow
def test_a_traceback_and_a_library_s_warning_are_shown_safely(tmp_path: Path) -> None:
    script = (
        "import sys, logging\n"
        "from ui.cli.main import main\n"
        "import adapt.registry.registry\n"
        "def broken(self):\n"
        "    logging.getLogger('pdf').warning('object \\x1b]0;x\\x07 \\u202e')\n"
        "    raise ValueError('page \\x1b]0;x\\x07 \\x9b \\u202e')\n"
        "adapt.registry.registry.Registry.list = broken\n"
        "main(['models', 'list', '--workspace', sys.argv[1]])\n"
    )

    ended = subprocess.run(
        [sys.executable, "-c", script, str(Workspace(tmp_path / "workspace").path)],
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
        timeout=120,
    )

    stderr = ended.stderr.decode()
    assert ended.returncode == 1
    assert "Traceback" in stderr
    assert r"ValueError: page \u001b]0;x\u0007 \u009b \u202e" in stderr
    assert r"object \u001b]0;x\u0007 \u202e" in stderr
    assert controls(stderr) == set()


def test_a_console_reads_no_markup_in_cells_and_titles() -> None:
    shown = io.StringIO()
    console = Output.console()
    console.file = shown
    console.print("[red]a[/red] :smile:", Text("ours", "bold"))

    assert shown.getvalue() == "[red]a[/red] :smile: ours\n"
    assert logging.lastResort is not None
