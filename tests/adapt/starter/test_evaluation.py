"""The table of the starter's card: every figure is counted, with its interval, free and held to the passages."""

import json
import math
import random
import shutil
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer
from transformers import LlamaForCausalLM

from adapt.errors import DataError, ModelError
from adapt.models.runtime import ModelRuntime
from adapt.registry.bases.find import STARTER, Base, find_base
from adapt.starter.recipe.exercises.exercise import ExerciseSource
from adapt.starter.recipe.exercises.exercises import make_exercise
from adapt.starter.recipe.measuring.card import write_card
from adapt.starter.recipe.measuring.evaluate import evaluate, main, table
from adapt.starter.recipe.measuring.measures import fitting, item, share
from adapt.starter.recipe.measuring.ngrams import NGrams
from adapt.starter.recipe.training.files import export_model
from adapt.starter.recipe.training.initialise import configuration
from adapt.workspace.folder import Workspace


@pytest.fixture
def base(tokenizer: Tokenizer, tmp_path: Path, workspace: Workspace) -> Base:
    torch.manual_seed(0)
    config = configuration(
        tokenizer.get_vocab_size(), pad=0, end=4, hidden=64, layers=1, intermediate=16
    )
    export_model(LlamaForCausalLM(config), tokenizer, tmp_path / "model")
    return find_base(str(tmp_path / "model"), workspace)


@pytest.mark.slow
def test_evaluation_counts_every_figure(
    data: list[Path], base: Base, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapt.starter.recipe.measuring.evaluate.MAX_NEW_TOKENS", 2)
    seen: list[tuple[str, int, int]] = []

    figures = evaluate(base, data, count=2, report=lambda *event: seen.append(event))

    names = [figure.name for figure in figures]
    assert len(set(names)) == len(names)
    assert all(figure.low <= figure.value <= figure.high for figure in figures)
    assert any("TyDiQA" in name and "held to the passages" in name for name in names)
    assert [figure.value > 0 for figure in figures if figure.name.startswith("bits per byte")] == [
        True
    ] * 2
    assert all(0 < done <= total for _, done, total in seen)
    assert all(name in table(figures) for name in names)


@pytest.mark.slow
def test_without_data_what_needs_it_is_left_out(
    base: Base, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapt.starter.recipe.measuring.evaluate.MAX_NEW_TOKENS", 2)

    names = [figure.name for figure in evaluate(base, count=2)]

    assert not [name for name in names if "TyDiQA" in name or "bits per byte" in name]
    assert any("own held-out documents" in name for name in names)


@pytest.mark.slow
def test_the_command_of_the_recipe_writes_figures_and_card_beside_the_weights(
    data: list[Path], base: Base, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr("adapt.starter.recipe.measuring.evaluate.MAX_NEW_TOKENS", 2)
    folder = tmp_path / "model"
    shutil.copy(STARTER / "recipe.json", folder)
    words = ["--model", str(folder), "--data", *map(str, data), "--count", "2", "--threads", "1"]

    assert main(words) == 0

    figures = json.loads((folder / "figures.json").read_text())
    card = (folder / "README.md").read_text()
    printed = capsys.readouterr().out
    assert len(figures) > 20
    assert all(figure["name"] in card and figure["name"] in printed for figure in figures)


def test_the_command_of_the_recipe_names_a_missing_model(
    data: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--model", str(tmp_path / "no"), "--data", *map(str, data)]) == 2

    assert str(tmp_path / "no") in capsys.readouterr().err


def test_an_interval_holds_its_share_and_narrows_with_n() -> None:
    few, many = share("x", [True, False] * 5), share("x", [True, False] * 500)

    assert few.low < many.low < 0.5 < many.high < few.high


def test_the_chances_of_a_5_gram_model_sum_to_one_and_favour_what_it_saw() -> None:
    rng = random.Random(0)
    ids = [rng.choice((1, 2, 3)) for _ in range(30)] + [4, 5, 6, 7] * 40 + [8, 9]
    model = NGrams(ids, size=10)

    for context in ([4, 5, 6], [1, 2], [9], [8, 8, 8, 8]):
        start = model.bits(context)
        chances = [2 ** -(model.bits([*context, token]) - start) for token in range(10)]
        assert math.isclose(sum(chances), 1, rel_tol=1e-6)
    assert model.bits([4, 5, 6, 7, 4, 5, 6, 7]) < 8 < model.bits([9, 1, 8, 3, 7, 7, 9, 2])


def test_the_card_of_a_run_that_has_not_ended_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="missing, or not the record of a run"):
        write_card(tmp_path)


def test_the_folder_says_how_answers_are_held(base: Base, tmp_path: Path) -> None:
    config = json.loads((tmp_path / "model" / "config.json").read_text(encoding="utf-8"))

    assert config["adapt"] == {"grounding": "auto"}
    assert ModelRuntime(base).grounding_way == "auto"


def test_exercises_that_do_not_fit_are_drawn_again_or_refused(evaluation: ExerciseSource) -> None:
    sizes = [
        sum(len(message.content) for message in item(make_exercise(random.Random(seed), evaluation, "fact")).messages)
        for seed in range(40)
    ]  # fmt: skip
    limit = sorted(sizes)[10]
    draw = fitting(lambda messages: sum(len(message.content) for message in messages) <= limit)

    for seed in range(40):
        drawn = item(draw(random.Random(seed), evaluation, "fact"))
        assert sum(len(message.content) for message in drawn.messages) <= limit
    with pytest.raises(ModelError, match="too long for this model's context"):
        fitting(lambda _: False)(random.Random(0), evaluation, "fact")
