"""What trl's losses are given: weights of KTO's two sides, and rows as columns, by hand."""

from pathlib import Path
from typing import Any

import pytest
from trl import DPOConfig
from trl.trainer.kto_config import KTOConfig

from adapt.workspace.folder import Workspace
from finetune.runs.request import TrainingRequest
from finetune.runs.run import finetune
from finetune.settings import SftSettings
from finetune.tokens.preferences import EncodedPair, EncodedRating
from finetune.train import preference
from finetune.train.preference import _pairs, _ratings, side_weights
from tests.finetune.conftest import WriteRows


def ratings(good: int, bad: int) -> list[EncodedRating]:
    sides = [True] * good + [False] * bad
    return [EncodedRating((1,), (10 + n,), good=side) for n, side in enumerate(sides)]


@pytest.mark.parametrize(
    ("good", "bad", "desirable", "undesirable"),
    [(3, 1, 1.0, 3.0), (1, 4, 4.0, 1.0), (2, 2, 1.0, 1.0), (5, 0, 1.0, 5.0), (0, 2, 2.0, 1.0)],
)
def test_the_rarer_side_weighs_as_much_as_the_other(
    good: int, bad: int, desirable: float, undesirable: float
) -> None:
    weights = side_weights(ratings(good, bad))

    assert weights == {"desirable_weight": desirable, "undesirable_weight": undesirable}


def test_pairs_are_columns_of_tokens() -> None:
    rows = [EncodedPair((1, 2), (3,), (4, 5)), EncodedPair((6,), (7, 8), (9,))]

    assert _pairs(rows).to_dict() == {
        "prompt_ids": [[1, 2], [6]],
        "chosen_ids": [[3], [7, 8]],
        "rejected_ids": [[4, 5], [9]],
    }


def test_each_rated_answer_is_beside_that_of_another_row_of_its_batch() -> None:
    rows = ratings(3, 3)

    columns = _ratings(rows, together=3, seed=0).to_dict()

    answers = [answer for [answer] in columns["completion_ids"]]
    others = [answer for [answer] in columns["KL_completion_ids"]]
    assert sorted(answers) == [10, 11, 12, 13, 14, 15]
    assert answers != sorted(answers)  # shuffled
    assert columns["label"] == [answer < 13 for answer in answers]
    for start in (0, 3):
        batch = slice(start, start + 3)
        assert others[batch] == [answers[batch][-1], *answers[batch][:-1]]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rows", "wanted"),
    [
        (
            [{"prompt": f"{n}?", "completion": "yes", "label": n % 4 > 0} for n in range(40)],
            {"beta": 0.3, "desirable_weight": 1.0},
        ),
        (
            [{"prompt": f"{n}?", "chosen": f"yes {n}", "rejected": "no"} for n in range(40)],
            {"beta": 0.3},
        ),
    ],
)
def test_trl_is_given_beta_and_the_weights(
    rows: list[object],
    wanted: dict[str, float],
    write_rows: WriteRows,
    tiny_folder: Path,
    workspace: Workspace,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given: list[dict[str, Any]] = []

    def recorded(config: type[DPOConfig | KTOConfig]) -> Any:
        def make(**arguments: Any) -> DPOConfig | KTOConfig:
            given.append(arguments)
            return config(**arguments)

        return make

    monkeypatch.setattr(preference, "DPOConfig", recorded(DPOConfig))
    monkeypatch.setattr(preference, "KTOConfig", recorded(KTOConfig))
    settings = SftSettings(epochs=1, rank=2, beta=0.3, batch_size=8)
    file = write_rows(rows, "rows.jsonl")

    finetune(
        TrainingRequest(domain="d", files=(file,), base=str(tiny_folder), settings=settings),
        workspace=workspace,
    )

    assert len(given) == 1
    assert {name: given[0][name] for name in wanted} == wanted
    # three good answers to a bad one, less those that are held out
    assert given[0].get("undesirable_weight", 3.0) == pytest.approx(3.0, abs=1.0)
