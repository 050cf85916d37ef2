"""Real paragraphs, altered: other names, fewer sentences. So a question is answered by reading, not by having seen it before.

Of the questions that it was trained on a starter had 86 % right, of others 51 % (150 each).
"""

import random
import re
from collections.abc import Sequence
from dataclasses import replace

from adapt.starter.recipe.texts.coined import DAYS, MONTHS, coin_name
from adapt.starter.recipe.texts.questions import Paragraph, Question

_NAME = re.compile(r"(?<![.!?] )\b(?<!^)[A-ZÁÉÍÓÚÑ][a-záéíóúüñ]{3,}\b")
RENAMED, DROPPED = 0.6, 0.4  # of scenes; of paragraphs
_DATES = {*MONTHS, *DAYS}


def alter(rng: random.Random, paragraphs: Sequence[Paragraph]) -> list[Paragraph]:
    """Return the paragraphs of one prompt, some of their names replaced by coined ones, some sentences left out that nobody asks for."""
    altered = [
        _dropped(rng, paragraph) if rng.random() < DROPPED else paragraph
        for paragraph in paragraphs
    ]
    return _renamed(rng, altered) if rng.random() < RENAMED else altered


def _dropped(rng: random.Random, paragraph: Paragraph) -> Paragraph:
    wanted = {question.sentence for question in paragraph.questions} or {0}
    kept = [i for i in range(len(paragraph.sentences)) if i in wanted or rng.random() > 0.35]
    places = {old: new for new, old in enumerate(kept)}
    questions = tuple(
        replace(question, sentence=places[question.sentence]) for question in paragraph.questions
    )
    sentences = tuple(paragraph.sentences[i] for i in kept)
    return replace(paragraph, sentences=sentences, questions=questions)


def _renamed(rng: random.Random, paragraphs: Sequence[Paragraph]) -> list[Paragraph]:
    texts = [
        text
        for paragraph in paragraphs
        for text in (*paragraph.sentences, *(q.text for q in paragraph.questions))
    ]
    mentioned = sorted({name for text in texts for name in _NAME.findall(text)} - _DATES)
    names = {name: coin_name(rng, held_out=False) for name in mentioned if rng.random() < 0.6}
    if not names:
        return list(paragraphs)
    pattern = re.compile(rf"\b(?:{'|'.join(map(re.escape, names))})\b")

    def renamed(text: str) -> str:
        return pattern.sub(lambda match: names[match.group()], text)

    return [
        replace(
            paragraph,
            sentences=tuple(map(renamed, paragraph.sentences)),
            questions=tuple(Question(renamed(q.text), q.sentence, renamed(q.span)) for q in paragraph.questions),
            unanswered=tuple(map(renamed, paragraph.unanswered)),
        )
        for paragraph in paragraphs
    ]  # fmt: skip
