"""What the starter learns from: repeatable exercises whose answers are right, and nothing of evaluation in training."""

import datetime
import json
import random
import re
from pathlib import Path

import pytest
from tokenizers import Tokenizer
from transformers import AutoTokenizer

from adapt.errors import DataError
from adapt.language.sentences import sentence_spans
from adapt.starter.recipe.exercises.dates import ENGLISH_HELD_OUT, SPANISH_HELD_OUT, make_date
from adapt.starter.recipe.exercises.exercise import ExerciseSource
from adapt.starter.recipe.exercises.exercises import KINDS, make_exercise
from adapt.starter.recipe.exercises.preferences import (
    KINDS as PREFERENCES,
    NOT_SAID,
    make_preference,
)
from adapt.starter.recipe.exercises.tools import make_tool
from adapt.starter.recipe.measuring.measures import valid_call
from adapt.starter.recipe.texts.coined import coin_name, coin_value, is_held_out
from adapt.starter.recipe.texts.corpus import Corpus, read_corpus
from adapt.starter.recipe.texts.facts import templates
from adapt.starter.recipe.texts.questions import read_squad
from adapt.starter.recipe.training.tokenizer import write_tokenizer


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_seed_gives_the_same_exercises_and_another_seed_others(
    training: ExerciseSource, kind: str
) -> None:
    def messages_of(seed: int) -> list[tuple[tuple[str, str], ...]]:
        rng = random.Random(seed)
        return [make_exercise(rng, training, kind).messages for _ in range(8)]

    assert messages_of(1) == messages_of(1)
    assert messages_of(1) != messages_of(2)


def test_names_of_training_and_of_evaluation_never_meet() -> None:
    rng = random.Random(0)

    training = {coin_name(rng, held_out=False) for _ in range(2000)}
    evaluation = {coin_name(rng, held_out=True) for _ in range(500)}

    assert not training & evaluation
    assert all(is_held_out(name) for name in evaluation)


@pytest.mark.parametrize("spanish", [False, True])
def test_facts_questions_and_statements_of_training_and_of_evaluation_never_meet(
    spanish: bool,
) -> None:
    training, evaluation = (
        {
            text
            for template in templates(spanish=spanish, held_out=held_out)
            for text in (*template.questions, *template.statements)
        }
        for held_out in (False, True)
    )

    assert evaluation
    assert not training & evaluation


def test_tools_preferences_and_dates_of_training_and_of_evaluation_never_meet() -> None:
    rng = random.Random(1)

    def seen(held_out: bool) -> tuple[set[str], set[str]]:
        drawn = [make_tool(rng, ["river", "survey", "size"], held_out=held_out) for _ in range(400)]
        tools = {tool.name for tool in drawn} | {
            part.name for tool in drawn for part in tool.parameters
        }
        lines = {
            make_preference(rng, kind, held_out=held_out).line
            for kind in PREFERENCES
            if kind != "name"
            for _ in range(40)
        }
        return tools, lines

    (tools, lines), (other_tools, other_lines) = seen(False), seen(True)

    assert not tools & other_tools
    assert not lines & other_lines


@pytest.mark.parametrize("spanish", [False, True])
def test_training_writes_no_date_in_a_way_of_evaluation(spanish: bool) -> None:
    rng = random.Random(4)
    forms = SPANISH_HELD_OUT if spanish else ENGLISH_HELD_OUT
    ways: set[str] = set()

    for _ in range(3000):
        _, iso, written, _ = make_date(rng, spanish=spanish, held_out=False)
        day = datetime.date.fromisoformat(iso)
        assert written not in {form(day).removeprefix("el ") for form in forms}
        ways.add(re.sub(r"[^\W\d]{3,}", "a", re.sub(r"\d+", "1", written)))

    assert len(ways) > 100


@pytest.mark.parametrize("kind", ["quote", "real", "fact"])
def test_a_cited_answer_stands_word_for_word_in_the_passage_of_its_number(
    training: ExerciseSource, kind: str
) -> None:
    rng = random.Random(3)

    for _ in range(60):
        exercise = make_exercise(rng, training, kind, absent=False)
        body, number = exercise.answer.rsplit(" [", 1)
        passages = exercise.messages[0][1].split("cite them as [n].\n")[1]
        shown = passages.split(f"[{number[:-1]}] ", 1)[1].split("\n\n[", 1)[0]
        assert body in shown
        assert body in exercise.passages[int(number[:-1]) - 1]


@pytest.mark.parametrize("kind", ["real", "fact"])
def test_an_absent_fact_is_answered_by_saying_so(evaluation: ExerciseSource, kind: str) -> None:
    rng = random.Random(4)

    replies = {make_exercise(rng, evaluation, kind, absent=True).answer for _ in range(30)}

    assert replies <= set(NOT_SAID.values())


def test_a_told_fact_is_never_called_absent(training: ExerciseSource) -> None:
    rng = random.Random(5)
    for _ in range(300):
        exercise = make_exercise(rng, training, "fact", spanish=False)
        turns = exercise.messages[1:]
        replies = {
            asked: reply for (_, asked), (_, reply) in zip(turns[::2], turns[1::2], strict=True)
        }
        for asked, reply in replies.items():
            if reply == NOT_SAID[False] and asked.startswith("How much is the "):
                thing = asked.removeprefix("How much is the ").rstrip("?")
                assert f"The {thing} costs" not in " ".join(exercise.passages)


@pytest.mark.parametrize("kind", PREFERENCES)
def test_the_answer_that_is_taught_obeys_and_the_plain_one_does_not(
    training: ExerciseSource, kind: str
) -> None:
    rng = random.Random(6)
    count = 0
    while count < 20:
        exercise = make_exercise(rng, training, "preference", turns=1, absent=False)
        assert exercise.preference is not None
        assert exercise.asked is not None
        if exercise.preference.kind != kind:
            continue
        count += 1
        plain = f"{exercise.asked.sentence} [{exercise.asked.passage + 1}]"
        assert exercise.preference.obeyed(exercise.answer, exercise.asked)
        assert not exercise.preference.obeyed(plain, exercise.asked)


@pytest.mark.parametrize("held_out", [False, True])
@pytest.mark.parametrize("spanish", [False, True])
def test_a_date_is_asked_in_words_and_answered_in_iso(held_out: bool, spanish: bool) -> None:
    rng = random.Random(7)
    for _ in range(300):
        asked, answer, _, _ = make_date(rng, spanish=spanish, held_out=held_out)
        day = datetime.date.fromisoformat(answer)
        assert "{" not in asked
        assert 1900 <= day.year <= 2062


@pytest.mark.parametrize("held_out", [False, True])
def test_a_taught_tool_call_fits_its_schema(
    training: ExerciseSource, evaluation: ExerciseSource, held_out: bool
) -> None:
    rng = random.Random(8)
    for _ in range(100):
        exercise = make_exercise(rng, evaluation if held_out else training, "tool")
        assert valid_call(exercise.answer, exercise)
        call = json.loads(exercise.answer)
        assert not valid_call(json.dumps({**call, "name": "other"}), exercise)
        assert not valid_call(json.dumps({**call, "arguments": {}}), exercise)
        assert not valid_call(exercise.answer[:-1], exercise)
        for name, value in call["arguments"].items():
            wrong = {**call["arguments"], name: [value]}
            assert not valid_call(json.dumps({**call, "arguments": wrong}), exercise)
            if isinstance(value, int) and not isinstance(value, bool):
                wrong = {**call["arguments"], name: True}
                assert not valid_call(json.dumps({**call, "arguments": wrong}), exercise)


def test_an_unknown_kind_of_value_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="no value of kind 'mood'"):
        coin_value(random.Random(0), "mood", spanish=False, held_out=False)


def test_questions_are_read_with_their_sentence_and_without_reference_marks(
    corpus: Corpus,
) -> None:
    paragraphs = [
        paragraph
        for side in (corpus.questions_train, corpus.questions_valid)
        for paragraph in side["en"]["asked_en"]
    ]

    assert len(paragraphs) == 120
    for paragraph in paragraphs:
        question = paragraph.questions[0]
        assert question.span in paragraph.sentences[question.sentence]
        assert paragraph.sentences[question.sentence].startswith("Tower")
        assert "[3]" not in " ".join(paragraph.sentences)
        assert "  " not in question.text
        assert paragraph.unanswered == ("Who built it?",)


def test_sentences_are_those_that_remain_without_reference_marks() -> None:
    context = "The first raid was in 795 at Lambay.[Note 1] This was followed by another in 798.[2][3] It ended."
    asked = {"question": "When was another?", "answers": [{"text": "798", "answer_start": 78}]}
    content = {"data": [{"title": "t", "paragraphs": [{"context": context, "qas": [asked]}]}]}

    ((_, paragraph),) = read_squad("x.json", content)

    text = " ".join(paragraph.sentences)
    assert list(paragraph.sentences) == [text[start:end] for start, end in sentence_spans(text)]
    assert len(paragraph.sentences) == 3
    assert (
        paragraph.sentences[paragraph.questions[0].sentence]
        == "This was followed by another in 798."
    )


def test_no_paragraph_is_in_training_and_in_evaluation(corpus: Corpus) -> None:
    train, valid = (
        corpus.questions_train["en"]["asked_en"],
        corpus.questions_valid["en"]["asked_en"],
    )

    assert len(valid) > 3
    assert not {paragraph.sentences for paragraph in train} & {
        paragraph.sentences for paragraph in valid
    }
    assert not any(" ".join(paragraph.sentences) in corpus.train for paragraph in valid)


@pytest.mark.parametrize("content", [[], {"rows": []}, {"data": [{"paragraphs": [{"qas": []}]}]}])
def test_a_file_of_another_form_is_refused_by_name(content: object) -> None:
    with pytest.raises(DataError, match=r"x\.json: not in SQuAD's form"):
        read_squad("x.json", content)


def test_dialogues_are_read_as_text(tmp_path: Path) -> None:
    (tmp_path / "SOURCE.txt").write_text("licence: CC0\n", encoding="utf-8")
    row = {"turns": [["user", "Hello."], ["system", "How are you?"]]}
    (tmp_path / "a.jsonl").write_text(json.dumps(row), encoding="utf-8")

    assert read_corpus([tmp_path]).train == ["Hello.\nHow are you?"]


def test_a_data_folder_without_a_source_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"not a data folder, SOURCE\.txt is missing$"):
        read_corpus([tmp_path])


def test_a_source_file_without_a_licence_is_refused(tmp_path: Path) -> None:
    (tmp_path / "SOURCE.txt").write_text("name: x\n", encoding="utf-8")

    with pytest.raises(DataError, match="no line that begins with 'licence:'"):
        read_corpus([tmp_path])


def test_a_folder_without_data_is_refused(tmp_path: Path) -> None:
    (tmp_path / "SOURCE.txt").write_text("licence: CC0\n", encoding="utf-8")

    with pytest.raises(DataError, match=r"no \.jsonl, \.jsonl\.gz, \.json or \.json\.gz file"):
        read_corpus([tmp_path])


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl.gz", b"not gzip", "cannot be read as .gz text, the file is damaged"),
        ("a.jsonl", b"\xff\xfe{}", "cannot be read as .jsonl text, the file is damaged"),
        ("a.jsonl", b'{"text": "x"}\n{', "a.jsonl:2: not a JSON object"),
        ("a.jsonl", b"[1]", "a.jsonl:1: not a JSON object"),
        ("a.jsonl", b'{"title": "x"}', "a.jsonl:1: no text in this row"),
        ("a.json", b"{", "a.json: not JSON, or damaged"),
        ("a.json", b'{"rows": []}', "a.json: not in SQuAD's form"),
        ("valid.jsonl", b'{"text": "x"}', "no training text in the data folders"),
    ],
)
def test_a_corrupt_data_file_is_refused_in_one_sentence(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    (tmp_path / "SOURCE.txt").write_text("licence: CC0\n", encoding="utf-8")
    (tmp_path / name).write_bytes(content)

    with pytest.raises(DataError) as caught:
        read_corpus([tmp_path])

    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_tools_are_shown_as_the_chat_template_writes_them(
    training: ExerciseSource, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    write_tokenizer(tokenizer, tmp_path, max_length=1024)
    chat = AutoTokenizer.from_pretrained(tmp_path)
    rng = random.Random(9)
    for _ in range(10):
        exercise = make_exercise(rng, training, "tool")
        messages = [{"role": role, "content": text} for role, text in exercise.messages]
        plain = chat.apply_chat_template(messages, tokenize=False)
        system = messages[0]["content"].split("\n\nTools.")[0]

        shown = chat.apply_chat_template(
            [{"role": "system", "content": system}, *messages[1:]],
            tools=list(exercise.tools),
            tokenize=False,
        )
        alone = chat.apply_chat_template(messages[1:], tools=list(exercise.tools), tokenize=False)

        assert shown == plain
        assert alone.startswith("<|system|>\nTools. To use one")
