"""Questions in words of several sentences, and real paragraphs altered: what answers stays what answers."""

import random
import re
from collections import Counter

import pytest

from adapt.starter.recipe.texts.altered import alter
from adapt.starter.recipe.texts.mixed import make_mixed, stem
from adapt.starter.recipe.texts.questions import Paragraph, Question

SENTENCES = (
    "The old harbour museum keeps 312 paintings behind thick glass.",
    "Visitors reach the harbour by the early ferry from Porto.",
    "Every winter the council paints the wooden fence again.",
)
FREQUENCY = Counter(
    {"harbour": 400, "museum": 20, "winter": 900, "paintings": 8, "ferry": 5, "visitors": 40}
)


@pytest.mark.parametrize("spanish", [False, True])
def test_a_mixed_question_shares_more_with_its_sentence_than_with_any_other(spanish: bool) -> None:
    sentence, others = SENTENCES[0], SENTENCES[1:]
    drawn = [
        make_mixed(random.Random(seed), sentence, others, FREQUENCY, spanish=spanish)
        for seed in range(80)
    ]

    questions = [question for question in drawn if question]
    assert len(questions) > 60
    foreign = 0
    for question in questions:
        asked = {stem(word)[:4] for word in re.findall(r"\w+", question)}
        shared = [
            len({stem(word)[:4] for word in re.findall(r"\w{4,}|\d+", text)} & asked)
            for text in SENTENCES
        ]
        assert shared[0] > 0, question
        foreign += any(shared[1:])
    assert foreign > 20  # words of other sentences are in many of them


def test_a_sentence_of_few_words_gives_no_question() -> None:
    sentence = "Rare quartz."  # two words are too few
    assert make_mixed(random.Random(0), sentence, SENTENCES, FREQUENCY, spanish=False) is None


@pytest.mark.parametrize(
    "forms",
    [("open", "opens", "opened", "opening"), ("casa", "casas"), ("close", "closes", "closed")],
)
def test_forms_of_a_word_have_one_stem(forms: tuple[str, ...]) -> None:
    assert len({stem(form) for form in forms}) == 1


def test_an_altered_paragraph_still_answers_its_question() -> None:
    paragraph = Paragraph(
        sentences=(
            "Most of it is sand.",
            "In January the town of Vetra was founded by Ana Molin in 1911.",
            "The ferry from Porto goes there.",
            "Nobody knows why.",
        ),
        questions=(Question("When was Vetra founded by Molin?", 1, "1911"),),
        article="Vetra",
        unanswered=("Who left Vetra?",),
    )
    other = Paragraph(("Vetra has a museum.", "It is old."), (), "Vetra")
    renamed = dropped = 0
    for seed in range(60):
        first, second = alter(random.Random(seed), [paragraph, other])
        (question,) = first.questions
        sentence = first.sentences[question.sentence]
        assert question.span == "1911"
        assert "1911" in sentence
        assert "January" in sentence
        name = re.search(r"When was (\w+) founded", question.text)
        assert name
        assert name.group(1) in sentence
        assert first.unanswered == (f"Who left {name.group(1)}?",)
        assert second.sentences[0] == f"{name.group(1)} has a museum."
        renamed += name.group(1) != "Vetra"
        dropped += len(first.sentences) < 4
    assert renamed > 15
    assert dropped > 8
    assert paragraph.sentences[0] == "Most of it is sand."
