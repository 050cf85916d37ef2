"""Feedback as rows to train on: what becomes a pair, what a thumb, and what neither."""

import json
from pathlib import Path

from adapt.records import Feedback, Message
from feedback.dataset import export, preference_pairs

CORRECTED = Feedback("1", "When?", "At eight.", correction="At nine.")
BOTH = Feedback("2", "Where?", "Here.", rating=-1, correction="There.")
SAME = Feedback("3", "Who?", "Ana.", correction=" Ana. ")
UNANSWERED = Feedback("4", "Why?", "", rating=1, correction="Because.")
LIKED = Feedback("5", "¿Qué?", "Nada.", rating=1)
COMMENTED = Feedback("6", "How?", "So.", comment="hm")
ALL = [CORRECTED, BOTH, SAME, UNANSWERED, LIKED, COMMENTED]


def test_a_correction_is_chosen_over_the_answer_that_it_corrects() -> None:
    pairs = preference_pairs(ALL)

    assert [(p.prompt, p.chosen, p.rejected) for p in pairs] == [
        ((Message("user", "When?"),), "At nine.", "At eight."),
        ((Message("user", "Where?"),), "There.", "Here."),
    ]


def test_an_export_has_pairs_first_then_thumbs(tmp_path: Path) -> None:
    file = tmp_path / "feedback.jsonl"

    counts = export(ALL, file)

    assert counts == {"pairs": 2, "thumbs": 2}
    assert [json.loads(line) for line in file.read_text("utf-8").splitlines()] == [
        {"prompt": "When?", "chosen": "At nine.", "rejected": "At eight."},
        {"prompt": "Where?", "chosen": "There.", "rejected": "Here."},
        {"prompt": "Where?", "completion": "Here.", "label": False},
        {"prompt": "¿Qué?", "completion": "Nada.", "label": True},
    ]
    assert "¿Qué?" in file.read_text("utf-8")  # readable, not escaped
