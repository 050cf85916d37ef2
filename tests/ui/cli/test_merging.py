"""`adapt merge` beyond one merge: methods, analysis, a searched merge with its report, and what is refused."""

import json
from pathlib import Path

import pytest
import yaml

from adapt.records import Example, Message
from adapt.registry.bases.find import find_base
from adapt.registry.registry import Registry
from adapt.workspace.folder import Workspace
from tests.merge.planted import train
from tests.tiny import make_base
from tests.ui.cli.test_main import Run, run  # noqa: F401  a fixture


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Path]]:
    root = tmp_path_factory.mktemp("pair")
    base = make_base(root / "base")
    opened = find_base(str(base), Workspace(root / "w"))
    learned = [
        Example((Message("user", question), Message("assistant", "8:00 hours")))
        for question in ("one", "two")
    ]
    adapters = [
        train(opened, root / name, [row], keep=[], seed=seed)
        for seed, (name, row) in enumerate(zip("ab", learned, strict=True))
    ]
    return base, adapters


def rows(path: Path, *asked: str) -> Path:
    lines = [json.dumps({"prompt": question, "completion": "8:00 hours"}) for question in asked]
    path.write_text("\n".join(lines) + "\n")
    return path


def flags(pair: tuple[Path, list[Path]]) -> list[str]:
    base, adapters = pair
    return ["--base", str(base), *(w for a in adapters for w in ("--adapter", str(a)))]


def test_every_method_is_listed_with_its_parameters(run: Run) -> None:  # noqa: F811
    code, out, _ = run("merge", "methods", "--json")

    methods = {method["method"]: method for method in json.loads(out)["methods"]}
    assert code == 0
    assert {"ties", "task_arithmetic", "core_space"} <= methods.keys()
    density = next(p for p in methods["ties"]["parameters"] if p["name"] == "density")
    assert (density["range"], density["default"], density["per_source"]) == ("in (0, 1]", 1.0, True)


def test_adapters_are_analysed_without_merging(
    run: Run,  # noqa: F811
    pair: tuple[Path, list[Path]],
) -> None:
    code, out, err = run("merge", "analyse", *flags(pair), "--json")
    printed = json.loads(out)

    assert code == 0, err
    assert printed["advice"] is None
    assert [layer["layer"] for layer in printed["layers"]] == ["layer 0", "layer 1"]
    assert printed["whole"]["cosines"][0][0] == 1.0

    code, out, _ = run("merge", "analyse", *flags(pair))
    assert (code, "opposed signs" in out, "not measured" in out) == (0, True, True)


def test_a_searched_merge_is_reported_and_gated(
    run: Run,  # noqa: F811
    pair: tuple[Path, list[Path]],
    tmp_path: Path,
) -> None:
    seen, unseen = rows(tmp_path / "v.jsonl", "one", "two"), rows(tmp_path / "t.jsonl", "three")
    search = ["--validation", f"a={seen}", "--search-trials", "3"]

    code, _, err = run("merge", "m", *flags(pair), *search, "--test", f"a={seen}")
    assert (code, "2 of the test rows of 'a' are among the validation rows" in err) == (2, True)

    code, _, err = run("merge", "m", *flags(pair), "--test", f"c={unseen}")
    assert (code, "'c' is the name of none of the adapters (a, b)" in err) == (2, True)

    code, _, err = run("merge", "m", *flags(pair), "--search-minutes", "1")
    assert (code, "a search needs --validation" in err) == (2, True)

    code, out, err = run("merge", "m", *flags(pair), *search, "--test", f"a={unseen}", "--json")
    assert code == 0, err
    printed = json.loads(out)
    assert printed["metrics"]["search"]["trials"] == 3
    report = json.loads((Path(printed["path"]) / "report.json").read_text())
    assert printed["metrics"]["merge_report"] == report
    assert set(report["domains"]) == {"a"}
    assert run("models", "verify", "--json")[0] == 0


def test_a_search_for_an_adapter_tries_only_what_can_be_one(
    run: Run,  # noqa: F811
    pair: tuple[Path, list[Path]],
    tmp_path: Path,
) -> None:
    base, adapters = pair
    seen = rows(tmp_path / "v.jsonl", "one", "two")
    search = ["--validation", f"a={seen}", "--search-trials", "4", "--as", "adapter"]
    recipe = {
        "merge_method": "task_arithmetic",
        "base_model": str(base),
        "models": [{"adapter": str(adapter)} for adapter in adapters],
        "search": {"trials": 2, "methods": ["ties"], "validation": {"a": seen.name}},
    }
    (tmp_path / "r.yaml").write_text(yaml.safe_dump(recipe))

    searched = run("merge", "m", *flags(pair), *search, "--json")
    refused = run("merge", "run", str(tmp_path / "r.yaml"), "--as", "adapter")

    assert searched[0] == 0, searched[2]
    assert json.loads(searched[1])["metrics"]["search"]["trials"] == 4
    assert (tmp_path / "workspace/artifacts/m/1/adapter_config.json").is_file()
    assert (refused[0], "ties cannot give an adapter; leave it out" in refused[2]) == (2, True)


def test_a_version_worse_than_its_base_needs_force(
    run: Run,  # noqa: F811
    tmp_path: Path,
) -> None:
    registry = Registry(Workspace(tmp_path / "workspace"))
    with registry.stage("m") as staging:
        (staging.path / "x").write_text("x")
        staging.publish("model", metrics={"worse_than_base": ["dates"]})

    refused = run("models", "promote", "m")
    forced = run("models", "promote", "m", "--force")

    assert (refused[0], "worse than the base on dates" in refused[2]) == (2, True)
    assert forced[0] == 0


def test_a_recipe_searches_and_evaluates_as_its_own_sections_say(
    run: Run,  # noqa: F811
    pair: tuple[Path, list[Path]],
    tmp_path: Path,
) -> None:
    base, (first, second) = pair
    rows(tmp_path / "seen.jsonl", "one", "two")
    rows(tmp_path / "unseen.jsonl", "three")
    recipe = {
        "merge_method": "task_arithmetic",
        "base_model": str(base),
        "name": "m",
        "models": [{"adapter": str(first)}, {"adapter": str(second)}],
        "evaluate": {"b": "unseen.jsonl", "other": {"file": "unseen.jsonl", "adapter": "a"}},
        "search": {"trials": 2, "methods": ["ties"], "validation": {"a": "seen.jsonl"}},
    }
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe))

    code, out, err = run("merge", "run", tmp_path / "recipe.yaml", "--no-controls", "--json")

    assert code == 0, err
    metrics = json.loads(out)["metrics"]
    domains = metrics["merge_report"]["domains"]
    assert metrics["search"]["trials"] == 2
    assert metrics["search"]["best"].startswith("ties")
    assert {name: Path(domain["adapter"]).name for name, domain in domains.items()} == {
        "b": "b",
        "other": "a",
    }


def test_parameters_and_limits_of_an_adapter_are_flags(
    run: Run,  # noqa: F811
    pair: tuple[Path, list[Path]],
) -> None:
    chosen = ["--method", "core_space", "--set", "inner=task_arithmetic", "--set", "lambda=0.5"]

    code, out, err = run(
        "merge", "m", *flags(pair), *chosen, "--as", "adapter", "--rank", "3", "--json"
    )
    assert code == 0, err
    metrics = json.loads(out)["metrics"]
    assert metrics["rank"] == 3
    assert 0 < metrics["relative_error"] < 1

    code, _, err = run("merge", "m", *flags(pair), "--rank", "3")
    assert (code, "add --as adapter" in err) == (2, True)

    code, _, err = run("merge", "m", *flags(pair), "--set", "lambda")
    assert (code, "--set takes PARAMETER=VALUE" in err) == (2, True)

    code, _, err = run("merge", "m", *flags(pair), "--set", "lamda=1")
    assert (code, "lamda" in err) == (2, True)


@pytest.mark.parametrize("word", ["analyze", "analyses", "Check", "method"])
def test_a_slip_of_a_command_is_no_model(word: str, run: Run, tmp_path: Path) -> None:  # noqa: F811
    code, _, err = run("merge", word, "--adapter", "a", "--adapter", "b")

    assert code == 2
    assert f"no command '{word}'; did you mean 'adapt merge" in " ".join(err.split())
    assert not (tmp_path / "workspace").exists()


def test_help_shows_the_everyday_form_and_the_other_commands(run: Run) -> None:  # noqa: F811
    for group, option in (("merge", "--method"), ("search", "--top-k")):
        code, out, _ = run(group, "--help")

        assert code == 0
        assert option in out
        assert f"Usage: adapt {group} [OPTIONS]" in out
        assert "default" not in out.split("Options")[0]
        assert f"adapt {group} " in out.rpartition("Other commands")[2]


def test_a_merge_of_one_adapter_says_what_it_is(
    run: Run,  # noqa: F811
    pair: tuple[Path, list[Path]],
) -> None:
    base, adapters = pair

    code, _, err = run("merge", "alone", "--adapter", adapters[0], "--base", base)

    assert code == 0
    assert "one adapter: alone will be its base with" in " ".join(err.split())
