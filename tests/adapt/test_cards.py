import yaml

from adapt.artifacts import BaseRecord, DataRecord
from adapt.cards import CardText, render_card

FULL = CardText(
    name="support",
    kind="adapter",
    summary="Routes messages.",
    base=BaseRecord(id="/home/ana/models/tiny", sha256="ab" * 32),
    parents=("support@1",),
    data=(DataRecord(name="train.jsonl", sha256="cd" * 32, rows=7),),
    metrics={"exact": 0.5},
    licence="CC0-1.0",
)


def test_the_card_names_base_parents_data_and_figures() -> None:
    text = render_card(FULL)

    assert "Parents: `support@1`" in text
    assert "| train.jsonl | train | 7 | `cdcdcdcdcdcdcdcd…` |" in text
    assert '"exact": 0.5' in text


def test_the_card_holds_no_path_of_this_machine() -> None:
    text = render_card(FULL)

    assert "`tiny`" in text
    assert "/home/ana" not in text


def test_the_front_matter_is_what_the_hub_reads() -> None:
    front = render_card(FULL).split("---")[1]

    assert yaml.safe_load(front) == {
        "library_name": "peft",
        "license": "CC0-1.0",
        "tags": ["adapt"],
    }


def test_a_missing_licence_is_said() -> None:
    assert "Licence: not stated" in render_card(CardText(name="x", kind="model"))
