import yaml

from adapt.registry.artifacts import BaseRecord, DataRecord
from adapt.registry.cards import CardText, continue_card, render_card, without_paths

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
        "license": "cc0-1.0",
        "tags": ["adapt"],
    }


def test_a_missing_licence_is_said() -> None:
    assert "Licence: not stated" in render_card(CardText(name="x", kind="model"))


def test_a_licence_that_the_hub_does_not_know_is_named_as_another() -> None:
    front = yaml.safe_load(
        render_card(CardText("x", "model", licence="MIT AND ISC")).split("---")[1]
    )

    assert (front["license"], front["license_name"]) == ("other", "MIT AND ISC")


def test_a_continued_card_keeps_its_body_and_gets_only_what_it_lacks() -> None:
    text = render_card(FULL)

    longer = continue_card(
        text, front={"license": "mit"}, sections={"Data": "no", "Licences": "- a: MIT"}
    )

    front = yaml.safe_load(longer.split("---\n")[1])
    assert (front["license"], front["library_name"]) == ("mit", "peft")
    assert longer.count("## Data") == 1
    assert "train.jsonl" in longer
    assert longer.endswith("## Licences\n\n- a: MIT\n")


def test_a_text_without_front_matter_is_continued_all_the_same() -> None:
    assert continue_card("# A\n", front={"license": "mit"}, sections={}) == (
        "---\nlicense: mit\n---\n# A\n"
    )


def test_paths_of_this_machine_are_cut_and_addresses_are_not() -> None:
    text = '{"base": "/home/ana/models/tiny", "of": "hub/x+/srv/a/b@1", "url": "https://a.org/b/c", "n": 1/2}'

    assert without_paths(text) == (
        '{"base": "tiny", "of": "hub/x+b@1", "url": "https://a.org/b/c", "n": 1/2}'
    )
