"""Rough questions for a part of a sentence: the part is not in the question, and the asking word fits it."""

import random

import pytest

from adapt.starter.recipe.texts.cloze import make_cloze


@pytest.mark.parametrize(
    ("sentence", "part", "asking"),
    [
        ("The council left its tower on 4 May 1911 after debates.", "4 May 1911", ("when", "what da", "on what date")),
        ("That tall monument measures 45 metres without counting its heavy base.", "45 metres", ("how", "what is the")),
        ("Their harbour museum keeps 312 paintings behind thick glass.", "312", ("how many", "what number")),
        ("The engine stopped because its filter was blocked.", "its filter was blocked", ("why", "what is the reason")),
        ("El consejo antiguo abrió la puerta en 1911 sin avisar.", "1911", ("¿cuándo", "¿en qué año", "¿qué año")),
        ("Aquella torre grande mide 45 metros sin contar la base.", "45 metros", ("¿cuánto", "¿qué", "¿a qué")),
    ],
)  # fmt: skip
def test_the_asking_word_fits_what_is_asked_for(
    sentence: str, part: str, asking: tuple[str, ...]
) -> None:
    spanish = asking[0].startswith("¿")
    questions = {make_cloze(random.Random(seed), sentence, spanish=spanish) for seed in range(60)}

    fitting = [question for question in questions if question and question[1] == part]
    assert len(fitting) > 5
    for question, span in fitting:
        assert question.lower().startswith(asking)
        assert span not in question
        assert span in sentence


def test_a_sentence_with_nothing_to_ask_for_gives_no_question() -> None:
    assert make_cloze(random.Random(0), "they walked along slowly", spanish=False) is None
