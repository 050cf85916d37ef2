"""The shipped data of `adapt demo`: made by its script, honest between training, validation and test, readable."""

import datetime
import json
import re
from itertools import combinations
from pathlib import Path

import pypdf
import pytest

from adapt.errors import WorkspaceError
from ui.demo.make_data import DATA, main, make_files, write_files
from ui.demo.recipe import conversation, dates, documents, support
from ui.demo.recipe.baseline import naive_bayes_accuracy
from ui.demo.recipe.rows import SIDES, Row, Side, gather

DOMAINS = ("support", "dates")
HELD_OUT: tuple[Side, ...] = ("valid", "test")
COUNTS: dict[Side, int] = {"train": 2400, "valid": 150, "test": 150}
Pairs = list[tuple[str, str]]


def read(domain: str, side: str) -> Pairs:
    text = (DATA / domain / f"{side}.jsonl").read_text(encoding="utf-8")
    rows = [json.loads(line)["messages"] for line in text.splitlines()]
    assert all([m["role"] for m in row] == ["user", "assistant"] for row in rows)
    return [(row[0]["content"], row[1]["content"]) for row in rows]


def document_text(name: str) -> str:
    """Return the words of a shipped document, markup and line ends taken away."""
    path = DATA / "documents" / name
    if path.suffix == ".pdf":
        text = "\n".join(page.extract_text() for page in pypdf.PdfReader(path).pages)
    else:
        text = re.sub(r"<[^>]*>", " ", path.read_text(encoding="utf-8"))
    return " ".join(text.split())


def all_documents() -> dict[str, str]:
    return {path.name: document_text(path.name) for path in (DATA / "documents").iterdir()}


def test_the_script_makes_exactly_the_shipped_bytes(tmp_path: Path) -> None:
    assert main(["--out", str(tmp_path)]) == 0

    written = {path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()}
    shipped = {path.relative_to(DATA) for path in DATA.rglob("*") if path.is_file()}
    assert shipped - written == {Path("LICENSE"), Path("README.md"), Path("questions.jsonl")}
    assert written <= shipped
    for name in written:
        assert (tmp_path / name).read_bytes() == (DATA / name).read_bytes(), name


def test_a_folder_that_cannot_be_written_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("", encoding="utf-8")

    with pytest.raises(WorkspaceError, match=r"cannot be written .* another folder with --out"):
        write_files(blocked)
    assert main(["--out", str(blocked)]) == 2

    assert "cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize("domain", DOMAINS)
def test_no_prompt_occurs_on_two_sides_and_none_twice(domain: str) -> None:
    prompts = {side: [prompt for prompt, _ in read(domain, side)] for side in SIDES}

    for first, second in combinations(SIDES, 2):
        assert not {text.lower() for text in prompts[first]} & {
            text.lower() for text in prompts[second]
        }, (first, second)
    for side, count in COUNTS.items():
        assert len(prompts[side]) == len(set(prompts[side])) == count, side


@pytest.mark.parametrize("domain", DOMAINS)
def test_no_two_sides_share_a_template(domain: str) -> None:
    by_side = {
        side: support.make_rows(support.read_source(), side)
        if domain == "support"
        else dates.make_rows(dates.read_source(), side)
        for side in SIDES
    }

    used = {side: {row.template for row in rows} for side, rows in by_side.items()}

    for first, second in combinations(SIDES, 2):
        assert not used[first] & used[second], (first, second)
    for side, rows in by_side.items():
        assert len(used[side]) >= 12, side
        assert [(row.prompt, row.answer) for row in rows] == read(domain, side)


def test_the_readme_counts_the_templates_that_each_held_out_set_comes_from() -> None:
    readme = (DATA / "README.md").read_text(encoding="utf-8")

    for side in HELD_OUT:
        routing = {row.template for row in support.make_rows(support.read_source(), side)}
        days = {row.template for row in dates.make_rows(dates.read_source(), side)}
        assert f"| {side} | {len(routing)} | {len(days)} |" in readme


def pools(domain: str) -> list[dict[Side, list[str]]]:
    """Return every set of templates, openings or closings by its side, whether a row uses it or not."""
    if domain == "dates":
        languages = (dates.read_source().english, dates.read_source().spanish)
        return [{side: getattr(language, side) for side in SIDES} for language in languages]
    source = support.read_source()
    frames = (source.openings, source.closings, source.openings_es, source.closings_es)
    return [{side: getattr(frame, side) for side in SIDES} for frame in frames] + [
        {side: intent.pool(side, spanish=spanish) for side in SIDES}
        for intent in source.intents.values()
        for spanish in (False, True)
    ]


@pytest.mark.parametrize("domain", DOMAINS)
def test_templates_openings_and_closings_each_serve_one_side(domain: str) -> None:
    by_side = {
        side: {text.strip() for pool in pools(domain) for text in pool[side]} - {""}
        for side in SIDES
    }

    for first, second in combinations(SIDES, 2):
        assert not by_side[first] & by_side[second], (first, second)


def runs(text: str, length: int) -> set[tuple[str, ...]]:
    """Return every run of so many words."""
    words = re.findall(r"\w+", text.lower())
    return {tuple(words[at : at + length]) for at in range(len(words) - length + 1)}


@pytest.mark.parametrize("domain", DOMAINS)
def test_no_two_sides_share_six_words_in_a_row(domain: str) -> None:
    texts = {side: [prompt.split(": ", 1)[1] for prompt, _ in read(domain, side)] for side in SIDES}
    if domain == "dates":  # what is written of the day itself is the task, not the template
        form = re.compile(
            r"(the )?\d.*\d{4}|\w+ \d.*\d{4}|(the )?[\w-]+ of \w+ \d{4}|\w+( y uno)? de \w+ del? \d{4}"
        )
        texts = {side: [form.sub("", text) for text in rows] for side, rows in texts.items()}

    known = {side: set().union(*(runs(text, 6) for text in rows)) for side, rows in texts.items()}

    for first, second in combinations(SIDES, 2):
        assert not known[first] & known[second], (first, second)


@pytest.mark.slow
def test_every_routing_label_of_a_held_out_set_is_learned_in_training() -> None:
    labels = {side: [label for _, label in read("support", side)] for side in SIDES}
    train = labels["train"]

    for side in SIDES:
        assert set(labels[side]) == set(support.read_source().intents), side
    assert len(set(train)) == 24
    assert min(train.count(label) for label in set(train)) == 100


def test_counting_words_does_not_solve_the_routing_task() -> None:
    rows = {
        side: [Row(prompt, label, "") for prompt, label in read("support", side)] for side in SIDES
    }
    readme = (DATA / "README.md").read_text(encoding="utf-8")

    accuracy = {side: naive_bayes_accuracy(rows["train"], rows[side]) for side in HELD_OUT}

    assert all(0.4 < share < 0.9 for share in accuracy.values())
    for side, share in accuracy.items():
        assert f"{100 * share:.1f} % of `support/{side}.jsonl`" in " ".join(readme.split())


def test_no_day_occurs_on_two_sides() -> None:
    days = {side: {answer for _, answer in read("dates", side)} for side in SIDES}

    for first, second in combinations(SIDES, 2):
        assert not days[first] & days[second], (first, second)
    assert all(re.fullmatch(r"202[4-9]-\d\d-\d\d", day) for side in SIDES for day in days[side])


@pytest.mark.parametrize("language", [dates.ENGLISH, dates.SPANISH])
def test_each_written_form_is_the_one_that_its_name_shows(language: dict[str, dates.Form]) -> None:
    day = datetime.date(2027, 3, 3)

    assert {name: form(day) for name, form in language.items()} == {name: name for name in language}


def test_days_are_written_with_the_right_endings_and_words() -> None:
    days = [1, 2, 3, 4, 11, 12, 13, 21, 22, 23, 30, 31]

    assert [dates.ordinal(day) for day in days] == [
        "1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "22nd", "23rd", "30th", "31st",
    ]  # fmt: skip
    assert [dates.ORDINALS[day - 1] for day in (1, 20, 21, 29, 30, 31)] == [
        "first", "twentieth", "twenty-first", "twenty-ninth", "thirtieth", "thirty-first",
    ]  # fmt: skip
    assert len(dates.ORDINALS) == len(dates.NUMEROS) == 31
    assert [dates.NUMEROS[day - 1] for day in (16, 22, 31)] == [
        "dieciséis",
        "veintidós",
        "treinta y uno",
    ]


def test_a_fifth_or_so_of_the_messages_is_spanish() -> None:
    spanish = re.compile(r"[¿¡ñáéíóú]|\b(de|la|el|mi|no puedo)\b", re.IGNORECASE)

    for domain in DOMAINS:
        prompts = [prompt.split(": ", 1)[1] for prompt, _ in read(domain, "train")]
        share = sum(bool(spanish.search(prompt)) for prompt in prompts) / len(prompts)
        assert 0.15 < share < 0.35, domain


def test_each_domain_begins_with_its_own_cue() -> None:
    for domain, source in (("support", support.read_source()), ("dates", dates.read_source())):
        rows = [row for side in SIDES for row in read(domain, side)]
        assert all(prompt.startswith(source.cue) for prompt, _ in rows)
    assert support.read_source().cue != dates.read_source().cue


def test_the_pages_of_a_pdf_are_read_as_they_were_written() -> None:
    written = {
        document.name: document
        for document in documents.read_source()
        if document.name.endswith(".pdf")
    }

    assert {len(document.sections) for document in written.values()} == {2, 3}
    for name, document in written.items():
        reader = pypdf.PdfReader(DATA / "documents" / name, strict=True)
        assert reader.metadata is not None
        assert reader.metadata.title == document.title
        for page, section in zip(reader.pages, document.sections, strict=True):
            expected = " ".join([section.heading, *section.text])
            assert " ".join(page.extract_text().split()) == expected


def test_documents_are_short_and_come_in_all_four_forms() -> None:
    texts = all_documents()

    assert {Path(name).suffix for name in texts} == {".txt", ".md", ".html", ".pdf"}
    assert 6 <= len(texts) <= 8
    assert all(100 <= len(text.split()) <= 400 for text in texts.values())


def test_each_scripted_answer_stands_in_its_document_and_in_no_other() -> None:
    texts = all_documents()
    chat = json.loads((DATA / "chat.json").read_text(encoding="utf-8"))

    for turn in chat["turns"]:
        assert [name for name, text in texts.items() if turn["answer"] in text] == [
            turn["document"]
        ]
        if turn["page"]:
            pages = pypdf.PdfReader(DATA / "documents" / turn["document"]).pages
            assert turn["answer"] in " ".join(pages[turn["page"] - 1].extract_text().split())


def test_the_follow_up_asks_again_what_was_corrected_in_other_words() -> None:
    chat = conversation.Conversation.model_validate_json((DATA / "chat.json").read_bytes())
    corrected = [turn for turn in chat.turns if turn.correction]

    assert len(chat.turns) == 5
    assert all(turn.fact in turn.answer for turn in chat.turns)
    assert len(corrected) == 2
    again = [turn for turn in corrected if turn.correction == chat.follow_up.correction]
    assert len(again) == 1
    assert again[0].question != chat.follow_up.question
    assert not any(
        turn.correction in text for turn in corrected for text in all_documents().values()
    )


def test_every_search_question_names_documents_that_exist() -> None:
    lines = (DATA / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]

    assert len(rows) == 60
    assert {name for row in rows for name in row["relevant"]} == set(all_documents())
    assert len({row["question"] for row in rows}) == len(rows)


def test_the_readme_tells_what_is_there_and_all_of_it_is_small() -> None:
    readme = (DATA / "README.md").read_text(encoding="utf-8")

    for name in (*make_files(), "questions.jsonl"):
        assert f"`{name}`" in readme, name
    assert "CC0-1.0" in (DATA / "LICENSE").read_text(encoding="utf-8")
    assert sum(path.stat().st_size for path in DATA.rglob("*") if path.is_file()) < 1_500_000


def test_templates_that_yield_too_few_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="only 3 different rows, 4 are wanted"):
        gather(4, lambda number: Row(str(number % 3), "answer", "template"))
