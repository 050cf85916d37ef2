"""The command line as the README promises it: exit codes, one JSON object on stdout, sentences on stderr."""

import errno
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import Timeout

from adapt.workspace.folder import Workspace
from tests.tiny import make_adapter, make_base
from ui.cli.main import hoist, main

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Return a function that runs a command in an empty workspace and gives (exit code, stdout, stderr)."""

    def call(*words: object) -> tuple[int, str, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main([*map(str, words), "--workspace", str(tmp_path / "workspace")])
        captured = capsys.readouterr()
        return int(str(left.value.code or 0)), captured.out, captured.err

    return call


@pytest.fixture(scope="module")
def two_adapters(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """Return a tiny base and two adapters of it."""
    folder = tmp_path_factory.mktemp("cli")
    base = make_base(folder / "base")
    first = make_adapter(folder / "first", base)
    return base, first, make_adapter(folder / "second", base, seed=2, rank=6)


def rows(path: Path, count: int = 24) -> Path:
    lines = [
        {"prompt": f"office {n}?", "completion": "It opens at 8:00." if n % 2 else "Closed."}
        for n in range(count)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_global_flags_may_stand_anywhere_but_after_a_double_dash() -> None:
    words = hoist(["models", "list", "--json", "--workspace", "w", "--", "--json"])

    assert words == ["--json", "--workspace", "w", "models", "list", "--", "--json"]


@pytest.mark.slow
def test_a_base_of_ones_own_goes_the_whole_way(
    run: Run, tmp_path: Path, two_adapters: tuple[Path, Path, Path]
) -> None:
    base, _, _ = two_adapters
    data = rows(tmp_path / "rows.jsonl")
    flags = ("--base", base, "--epochs", 1, "--json")

    code, out, err = run("finetune", "support", data, *flags)
    trained = json.loads(out)
    assert (code, trained["artifact"]) == (0, "support@1"), err
    assert (Path(trained["path"]) / "adapter_model.safetensors").is_file()
    assert "train" in err

    code, out, err = run("merge", "team", "--adapter", "support", "--method", "ties", "--json")
    merged = json.loads(out)
    assert (code, merged["artifact"]) == (0, "team@1"), err

    code, out, err = run("chat", "--model", "team", "--once", "office 3?", "--json")
    answer = json.loads(out)
    assert code == 0, err
    assert {"answer", "turn", "session", "passages", "prompt"} <= answer.keys()

    code, out, err = run("chat", "--domain", "support", "--once", "office 3?")
    assert code == 0, err

    code, out, err = run(
        "evaluate", "support", "team", "--base", base, "--test", f"office={data}", "--json"
    )
    assert code == 0, err
    assert set(json.loads(out)["scores"]) == {str(base), "support@1", "team@1"}

    code, out, _ = run("models", "lineage", "team", "--json")
    assert [row["artifact"] for row in json.loads(out)["lineage"]] == ["team@1", "support@1"]

    code, out, _ = run("models", "verify", "--json")
    assert (code, json.loads(out)["faults"]) == (0, [])

    code, out, err = run("export", "team", "--to", "hf", "--out", tmp_path / "out", "--json")
    assert code == 0, err
    assert (json.loads(out)["artifact"], json.loads(out)["verified"]) == ("team@1", True)
    assert (tmp_path / "out" / "config.json").is_file()


@pytest.mark.slow
def test_a_training_in_the_background_is_watched_and_its_faults_are_said_at_once(
    run: Run, tmp_path: Path, two_adapters: tuple[Path, Path, Path]
) -> None:
    base, _, _ = two_adapters
    data = rows(tmp_path / "rows.jsonl")
    flags = ("--base", base, "--epochs", 1, "--background", "--json")

    refused, _, message = run("finetune", "support", tmp_path / "none.jsonl", *flags)
    code, out, err = run("finetune", "support", data, *flags)
    job = json.loads(out)["job"]
    watched, ended, _ = run("jobs", "watch", job, "--json")
    _, listed, _ = run("jobs", "list", "--json")
    _, shown, _ = run("models", "list", "--json")

    assert (refused, "no such file" in message) == (2, True)
    assert code == 0, err
    assert watched == 0
    assert json.loads(ended)["status"] == "done", ended
    assert json.loads(ended)["result"]["artifact"] == "support@1"
    assert [row["job_id"] for row in json.loads(listed)["jobs"]] == [job]
    assert "support@1" in shown


@pytest.mark.slow
def test_a_plan_says_what_it_takes_and_a_dataset_what_it_holds(
    run: Run, tmp_path: Path, two_adapters: tuple[Path, Path, Path]
) -> None:
    base, _, _ = two_adapters
    table = tmp_path / "rows.csv"
    table.write_text("q,a\n" + "".join(f"office {n}?,Closed.\n" for n in range(24)))
    flags = ("--base", base, "--columns", "prompt=q,completion=a", "--json")

    code, out, err = run("finetune", "support", table, "--dry-run", *flags)
    checked, report, _ = run("data", "check", table, *flags)
    wrong, _, message = run("data", "check", table, "--base", base, "--columns", "prompt")

    plan = json.loads(out)
    assert code == 0, err
    assert plan["rows"] == 22
    assert plan["estimate"]["seconds"] > 0
    assert (checked, json.loads(report)["rows"]) == (0, 24)
    assert (wrong, "write it as prompt=question" in message) == (2, True)


def test_feedback_of_one_turn_is_listed_reported_exported_and_forgotten(
    run: Run, tmp_path: Path, two_adapters: tuple[Path, Path, Path]
) -> None:
    base, _, _ = two_adapters
    _, out, _ = run("chat", "--model", base, "--user", "ana", "--once", "open?", "--json")
    turn = json.loads(out)["turn"]

    run("feedback", "rate", turn, "--user", "ana", "--rating=-1", "--correction", "At 8:00.")
    _, listed, _ = run("feedback", "list", "--user", "ana", "--json")
    _, report, _ = run("feedback", "report", "--user", "ana", "--json")
    _, exported, _ = run(
        "feedback", "export", "--user", "ana", "--out", tmp_path / "f.jsonl", "--json"
    )
    code, forgotten, _ = run("feedback", "forget", "--user", "ana", "--yes", "--json")

    assert json.loads(listed)["feedback"][0]["correction"] == "At 8:00."
    assert json.loads(report)["disliked"] == 1
    assert json.loads(exported)["pairs"] == 1
    assert json.loads((tmp_path / "f.jsonl").read_text().splitlines()[0])["chosen"] == "At 8:00."
    assert (code, json.loads(forgotten)["turns_removed"]) == (0, 1)


@pytest.mark.slow
def test_a_corrected_answer_stands_in_the_prompt_of_a_paraphrase(
    run: Run, two_adapters: tuple[Path, Path, Path]
) -> None:
    base, _, _ = two_adapters
    ask = ("chat", "--model", base, "--user", "ana", "--json", "--once")
    _, out, _ = run(*ask, "When does the Marlow office open?")
    turn = json.loads(out)["turn"]
    run("feedback", "rate", turn, "--user", "ana", "--correction", "At 8:00 sharp.")

    _, hers, _ = run(*ask, "At what time does the Marlow office open?")
    _, his, _ = run(
        "chat",
        "--model",
        base,
        "--user",
        "ben",
        "--json",
        "--once",
        "When does the Marlow office open?",
    )

    assert (
        "the right answer was: At 8:00 sharp."
        in json.loads(hers)["prompt"]["messages"][0]["content"]
    )
    assert "At 8:00 sharp." not in his


def test_a_conversation_says_what_a_follow_up_question_was_searched_for(
    run: Run, two_adapters: tuple[Path, Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    base, _, _ = two_adapters
    typed = iter(["How much is the Merlin saw?", "who makes it?", "/why", "/quit"])
    monkeypatch.setattr("builtins.input", lambda _: next(typed))

    code, _, messages = run("chat", "--model", base)

    assert code == 0
    assert (
        messages.count("searched for: who makes the Merlin saw?") == 2
    )  # under the answer, and for /why
    assert "searched for: How much" not in messages


def test_a_held_answer_to_a_chat_with_tools_is_a_call(
    run: Run, tmp_path: Path, two_adapters: tuple[Path, Path, Path]
) -> None:
    (tmp_path / "workspace").mkdir()
    settings = '[generation]\ngrounding = "sentences"\nmax_new_tokens = 200\n'
    (tmp_path / "workspace" / "adapt.toml").write_text(settings)
    parameters = {"properties": {"loud": {"type": "boolean"}}, "required": ["loud"]}
    tool = {"name": "ring", "parameters": {"type": "object", **parameters}}
    tools = write(tmp_path / "tools.json", json.dumps([tool]).encode())

    code, out, err = run(
        "chat", "--model", two_adapters[0], "--tools", tools, "--once", "ring", "--json"
    )

    assert code == 0, err
    call = json.loads(json.loads(out)["answer"])
    assert call["name"] == "ring"
    assert isinstance(call["arguments"]["loud"], bool)
    [system, _] = json.loads(out)["prompt"]["messages"]
    assert '"name": "ring"' in system["content"]


@pytest.mark.slow
def test_documents_are_ingested_found_and_cited_in_the_prompt(
    run: Run, tmp_path: Path, two_adapters: tuple[Path, Path, Path]
) -> None:
    base, _, _ = two_adapters
    folder = tmp_path / "handbook"
    folder.mkdir()
    (folder / "office.md").write_text("# Office\n\nThe Marlow office opens at 8:00 on weekdays.\n")
    (folder / "bikes.txt").write_text("The Swift bicycle costs 420 euros.")
    (folder / "empty.txt").write_text("")
    (tmp_path / "workspace").mkdir()
    # the tiny model reads 512 tokens
    room = "[prompt]\nanswer_tokens = 16\nsource_share = 1.0\n"
    (tmp_path / "workspace" / "adapt.toml").write_text(room)

    code, out, err = run("ingest", folder, "--collection", "h", "--json")
    report = json.loads(out)
    _, again, _ = run("ingest", folder, "--collection", "h", "--json")
    _, results, _ = run(
        "search", "price of the bicycle", "--collection", "h", "--top-k", 1, "--json"
    )
    _, words, _ = run("search", "BICYCLES", "--collection", "h", "--no-dense", "--json")
    questions = tmp_path / "questions.jsonl"
    questions.write_text('{"question": "What does the Swift bicycle cost?", "relevant": ["bikes"]}')
    measured, quality, _ = run(
        "search", "evaluate", "--collection", "h", "--questions", questions, "--json"
    )
    questions.write_text('{"question": "x", "relevant": ["gone.txt"]}')
    refused, _, message = run("search", "evaluate", "--collection", "h", "--questions", questions)
    _, chat, _ = run(
        "chat",
        "--model",
        base,
        "--collection",
        "h",
        "--once",
        "When does the office open?",
        "--json",
    )

    assert code == 0, err
    assert len(report["added"]) == 2
    assert "empty.txt" in json.dumps(report["failed"])
    assert json.loads(again)["chunks"] == 0
    [passage] = json.loads(results)["passages"]
    assert passage["document"].endswith("bikes.txt")
    assert {"page", "heading", "score", "scores", "text"} <= passage.keys()
    assert json.loads(words)["parts"] == ["lexical"]
    assert [p["document"] for p in json.loads(words)["passages"]] == ["bikes.txt"]
    assert measured == 0
    assert json.loads(quality)["parts"]["fused"]["ndcg@10"]["mean"] == 1.0
    assert (refused, "line 1: the collection has no document 'gone.txt'" in message) == (2, True)
    assert json.loads(chat)["passages"][0]["document"].endswith("office.md")
    assert "[1] " in json.loads(chat)["prompt"]["messages"][0]["content"]


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def many_tools() -> bytes:
    return json.dumps([{"name": f"tool_{n}"} for n in range(200)]).encode()


BAD = {
    "missing file": (lambda t: ("finetune", "d", t / "no.jsonl"), "no.jsonl"),
    "empty dataset": (lambda t: ("finetune", "d", write(t / "e.jsonl", b"")), "e.jsonl"),
    "broken row": (
        lambda t: (
            "finetune",
            "d",
            write(t / "b.jsonl", b'{"prompt": "a", "completion": "b"}\n{oops\n'),
        ),
        "b.jsonl:2",
    ),
    "bad name": (lambda t: ("finetune", "../d", rows(t / "r.jsonl")), "cannot name a model"),
    "unknown base": (
        lambda t: ("finetune", "d", rows(t / "r.jsonl"), "--base", "no/such"),
        "base 'no/such'",
    ),
    "unknown adapter": (lambda t: ("chat", "--domain", "nope", "--once", "hi"), "'nope'"),
    "unknown model": (lambda t: ("models", "show", "nope"), "'nope'"),
    "unknown collection": (lambda t: ("search", "x", "--collection", "nope"), "'nope'"),
    "missing recipe": (lambda t: ("merge", "run", t / "no.yaml"), "no.yaml"),
    "unknown method": (
        lambda t: ("merge", "x", "--adapter", "a", "--method", "magic"),
        "magic",
    ),
    "missing folder": (lambda t: ("ingest", t / "no", "--collection", "c"), "no"),
    "pdf without text": (
        lambda t: ("ingest", write(t / "scan.pdf", b"%PDF-1.4\n%%EOF"), "--collection", "c"),
        "scan.pdf",
    ),
    "tools of no JSON": (
        lambda t: ("chat", "--tools", write(t / "tools.json", b"{"), "--once", "hi"),
        "tools.json: not JSON",
    ),
    "tools without end": (
        lambda t: ("chat", "--tools", write(t / "many.json", many_tools()), "--once", "hi"),
        "message with its tools is too long",
    ),
    "empty message": (lambda t: ("chat", "--once", " "), "message is empty"),
    "nothing to roll back": (lambda t: ("models", "rollback", "nope"), "'nope'"),
    "unknown job": (lambda t: ("jobs", "watch", "nope"), "'nope'"),
    "unknown run": (lambda t: ("finetune", "--resume", "nope"), "'nope'"),
}


@pytest.mark.parametrize("case", list(BAD))
def test_bad_input_is_one_sentence_with_exit_code_2_and_leaves_nothing(
    case: str, run: Run, tmp_path: Path
) -> None:
    words, message = BAD[case]
    Workspace(tmp_path / "workspace")

    code, out, err = run(*words(tmp_path), "--json")

    [error] = [line for line in err.splitlines() if line.startswith("error: ")]
    assert code == 2
    assert message in error
    assert "Traceback" not in err
    assert set(json.loads(out)) == {"error"}
    artifacts = tmp_path / "workspace" / "artifacts"
    assert [p for p in artifacts.rglob("*") if p.is_file()] == []


@pytest.mark.slow
def test_an_adapter_of_another_base_is_refused_in_chat_and_merge(
    run: Run, tmp_path: Path, two_adapters: tuple[Path, Path, Path]
) -> None:
    base, _, _ = two_adapters
    other = make_base(tmp_path / "other", seed=9)
    code, _, err = run("finetune", "d", rows(tmp_path / "r.jsonl"), "--base", base, "--epochs", 1)
    assert code == 0, err

    answers = [
        run("chat", "--model", other, "--domain", "d", "--once", "hi"),
        run("merge", "m", "--adapter", "d", "--base", other),
        run("evaluate", "d", "--base", other, "--test", "t=nowhere.jsonl"),
    ]

    assert [code for code, _, _ in answers] == [2, 2, 2]
    assert all("d@1" in err or "nowhere.jsonl" in err for _, _, err in answers)
    assert not any("Traceback" in err for _, _, err in answers)


def test_a_corrupt_safetensors_file_is_one_sentence_and_nothing_is_published(
    run: Run, tmp_path: Path, two_adapters: tuple[Path, Path, Path]
) -> None:
    base, first, _ = two_adapters
    broken = tmp_path / "broken"
    broken.mkdir()
    for file in first.iterdir():
        (broken / file.name).write_bytes(file.read_bytes())
    weights = broken / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:200])
    broken_base = tmp_path / "base"
    broken_base.mkdir()
    for file in base.iterdir():
        (broken_base / file.name).write_bytes(file.read_bytes()[:5000])

    answers = [
        run("merge", "m", "--adapter", broken, "--base", base),
        run("chat", "--model", broken_base, "--once", "hi"),
        run("finetune", "d", rows(tmp_path / "r.jsonl"), "--base", broken_base),
    ]

    assert [code for code, _, _ in answers] == [2, 2, 2]
    for _, _, err in answers:
        [error] = [line for line in err.splitlines() if line.startswith("error: ")]
        assert "safetensors" in error or "tokenizer" in error or "config.json" in error
    assert not list((tmp_path / "workspace" / "artifacts").rglob("card.json"))


def test_a_full_disk_and_a_held_lock_are_sentences(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    Workspace(tmp_path / "workspace")
    monkeypatch.setattr("adapt.registry.registry.Registry.list", full)
    code, _, err = run("models", "list")
    assert (code, "the disk is full" in err) == (2, True)

    def locked(*_: object, **__: object) -> None:
        raise Timeout(str(tmp_path / "x.lock"))

    monkeypatch.setattr("adapt.registry.registry.Registry.list", locked)
    code, _, err = run("models", "list")
    assert (code, "in use by another process" in err) == (2, True)
