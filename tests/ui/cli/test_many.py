"""`adapt finetune --all`: several domains from one file, here, in the background, after a stop; and what is refused."""

import json
from pathlib import Path

import pytest

from tests.ui.cli.test_main import Run, rows, run, two_adapters, write

__all__ = ["run", "two_adapters"]  # fixtures


def domains(folder: Path, base: Path) -> Path:
    rows(folder / "a.jsonl")
    rows(folder / "b.jsonl", 40)
    text = f"base: {base}\nepochs: 1\ndomains:\n  support: a.jsonl\n  other: {{data: b.jsonl, rank: 4}}\n"
    return write(folder / "domains.yaml", text.encode())


@pytest.mark.slow
def test_domains_of_a_file_are_planned_trained_and_told_together(
    run: Run, tmp_path: Path, two_adapters: tuple[Path, Path, Path]
) -> None:
    file = domains(tmp_path, two_adapters[0])

    planned, plans, err = run("finetune", "--all", file, "--dry-run", "--json")
    code, out, err = run("finetune", "--all", file, "--rank", 2, "--json")
    shown, text, _ = run("finetune", "--all", file, "--seed", 1)

    artifacts = json.loads(out)["artifacts"]
    assert (planned, code, shown) == (0, 0, 0), err
    assert {name: plan["rank"] for name, plan in json.loads(plans)["domains"].items()} == {
        "support": 16,
        "other": 4,
    }
    assert [artifact["artifact"] for artifact in artifacts] == ["support@1", "other@1"]
    assert all(
        Path(artifact["path"], "adapter_model.safetensors").is_file() for artifact in artifacts
    )
    assert set(artifacts[0]["metrics"]["elsewhere"]) == {"general text", "other"}
    config = json.loads(Path(artifacts[1]["path"], "adapter_config.json").read_text())
    assert config["r"] == 2  # a flag goes before the file
    assert "support@2: " in text
    assert "other · train: " in err


@pytest.mark.slow
def test_domains_are_trained_in_the_background(
    run: Run, tmp_path: Path, two_adapters: tuple[Path, Path, Path]
) -> None:
    file = domains(tmp_path, two_adapters[0])

    _, out, _ = run("finetune", "--all", file, "--background", "--json")
    watched, ended, _ = run("jobs", "watch", json.loads(out)["job"], "--json")

    result = json.loads(ended)["result"]
    assert watched == 0, ended
    assert [artifact["artifact"] for artifact in result["artifacts"]] == ["support@1", "other@1"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--all", "domains.yaml", "--test", "x.jsonl"), "--test is set in the file"),
        (("--all", "no.yaml"), "no.yaml: cannot be read"),
        (("d", "x.jsonl", "--on", "ray"), "--on goes with --all or --resume"),
        (("--all", "domains.yaml", "--on", "127.0.0.1:1"), "no Ray cluster at 127.0.0.1:1"),
        (("--resume", "a", "--resume", "b"), "no interrupted run named 'a'"),
        ((), "--all FILE"),
    ],
)
def test_what_does_not_go_together_is_one_sentence(
    run: Run,
    tmp_path: Path,
    two_adapters: tuple[Path, Path, Path],
    words: tuple[str, ...],
    message: str,
) -> None:
    domains(tmp_path, two_adapters[0])
    there = [tmp_path / word if word.endswith("yaml") else word for word in words]

    code, _, err = run("finetune", *there)

    assert code == 2
    assert message in " ".join(err.split())
    assert "Traceback" not in err
