"""Scenes: passages with the questions that they answer, and some that they do not; of coined facts or of real text."""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass

from adapt.starter.recipe.texts.altered import alter
from adapt.starter.recipe.texts.facts import Fact, make_fact, templates
from adapt.starter.recipe.texts.passages import Library, pseudo_question, real_passage, source_name
from adapt.starter.recipe.texts.questions import ReadingSet

Passages = list[list[str]]


@dataclass(frozen=True)
class Asked:
    """A question, the sentence that answers it with the index of its passage, and the words that do, if known."""

    question: str
    sentence: str
    passage: int
    span: str = ""


@dataclass(frozen=True)
class Scene:
    """Named passages in one language, questions that they answer and questions that they do not."""

    names: tuple[str, ...]
    passages: tuple[tuple[str, ...], ...]
    asked: tuple[Asked, ...]
    absent: tuple[str, ...]
    spanish: bool

    @property
    def sentences(self) -> list[str]:
        """All sentences, in their order."""
        return [sentence for passage in self.passages for sentence in passage]


def _scene(
    rng: random.Random,
    passages: Passages,
    asked: Sequence[Asked],
    absent: Sequence[str],
    *,
    spanish: bool,
    held_out: bool,
) -> Scene:
    names = tuple(source_name(rng, held_out=held_out) for _ in passages)
    shuffled = list(asked)
    rng.shuffle(shuffled)
    return Scene(names, tuple(map(tuple, passages)), tuple(shuffled), tuple(absent), spanish)


def quote_scene(rng: random.Random, library: Library, *, spanish: bool, held_out: bool) -> Scene:
    """Return passages of real text and up to four made questions for their sentences."""
    while True:
        passages = [real_passage(rng, library) for _ in range(rng.choice((1, 2, 2, 3, 3, 4)))]
        sentences = [(sentence, index) for index, part in enumerate(passages) for sentence in part]
        texts = [sentence for sentence, _ in sentences]
        asked: list[Asked] = []
        for sentence, index in rng.sample(sentences, k=min(4, len(sentences))):
            if texts.count(sentence) > 1:
                continue
            question = pseudo_question(
                rng, sentence, library.frequency,
                others=[text for text in texts if text != sentence], spanish=spanish, held_out=held_out,
            )  # fmt: skip
            if question:
                asked.append(Asked(question[0], sentence, index, question[1]))
        elsewhere = real_passage(rng, library)
        absent = pseudo_question(
            rng, rng.choice(elsewhere), library.frequency, others=texts, spanish=spanish, held_out=held_out
        )  # fmt: skip
        if asked:
            return _scene(
                rng,
                passages,
                asked,
                [absent[0]] if absent else [],
                spanish=spanish,
                held_out=held_out,
            )


def real_scene(
    rng: random.Random,
    reading_set: ReadingSet,
    *,
    spanish: bool,
    held_out: bool,
    count: int | None = None,
) -> Scene:
    """Return paragraphs with the questions that people asked about them, and some asked about others.

    Paragraphs are cut to about 900 characters around what is asked, in training altered and often cut to 560; `count` of them, else one to four.
    """
    first = rng.choice(reading_set.asked)
    count = count or rng.choice((1, 2, 3, 3, 3, 4))
    chosen = [first, *reading_set.near(rng, first, count - 1)]
    rng.shuffle(chosen)
    shown = [reading_set.paragraphs[index] for index in chosen]
    if not held_out:
        shown = alter(rng, shown)
    passages: Passages = []
    asked: list[Asked] = []
    absent: list[str] = []
    for place, index in enumerate(chosen):
        paragraph = shown[place]
        wanted = list(paragraph.questions)
        if index != first:
            wanted = wanted[:2]
        most = 900 if held_out or rng.random() < 0.2 else 560
        start, end = _window(rng, paragraph.sentences, [q.sentence for q in wanted], most=most)
        passages.append(list(paragraph.sentences[start:end]))
        absent += paragraph.unanswered
        asked += [
            Asked(q.text, paragraph.sentences[q.sentence], place, q.span)
            for q in wanted
            if start <= q.sentence < end
        ]
    texts = [text for part in passages for text in part]
    asked = [question for question in asked if texts.count(question.sentence) == 1]
    other = rng.choice(reading_set.asked)
    if reading_set.paragraphs[other].article not in {
        reading_set.paragraphs[i].article for i in chosen
    }:
        absent.append(rng.choice(reading_set.paragraphs[other].questions).text)
    if not asked:
        return real_scene(rng, reading_set, spanish=spanish, held_out=held_out, count=count)
    return _scene(rng, passages, asked, absent, spanish=spanish, held_out=held_out)


def _window(
    rng: random.Random, sentences: Sequence[str], wanted: Sequence[int], *, most: int
) -> tuple[int, int]:
    """Return the span of sentences to show: the whole paragraph, or around one that is asked for if it is long."""
    centre = rng.choice(wanted) if wanted else 0
    start, end = centre, centre + 1
    room = most - len(sentences[centre])
    if sum(map(len, sentences)) <= most:
        return 0, len(sentences)
    while True:
        before = len(sentences[start - 1]) if start > 0 else most
        after = len(sentences[end]) if end < len(sentences) else most
        if before <= room and (after > room or rng.random() < 0.6):
            start, room = start - 1, room - before
        elif after <= room:
            end, room = end + 1, room - after
        else:
            return start, end


def fact_scene(
    rng: random.Random, library: Library, *, spanish: bool, held_out: bool, facts: int | None = None
) -> Scene:
    """Return documents of coined facts with near misses: the same sort of fact of other names, other facts of the same name."""
    kinds = templates(spanish=spanish, held_out=held_out)
    known = kinds + (templates(spanish=spanish, held_out=False) if held_out else ())
    stated: list[Fact] = []
    for _ in range(facts or rng.randint(1, 5)):
        draw = rng.random()
        if stated and draw < 0.35:
            fact = make_fact(rng, rng.choice(stated).template, held_out=held_out)
        elif stated and draw < 0.6:
            fact = make_fact(
                rng, rng.choice(known), held_out=held_out, name=rng.choice(stated).name
            )
        else:
            fact = make_fact(rng, rng.choice(kinds), held_out=held_out)
        if all((fact.name, _frame(fact)) != (other.name, _frame(other)) for other in stated):
            stated.append(fact)
    fillers = [
        make_fact(rng, rng.choice(known), held_out=held_out).sentence
        for _ in range(rng.randint(0, 4))
    ]
    if rng.random() < 0.4:
        fillers += rng.choice(library.paragraphs)[: rng.randint(1, 3)]
    sentences = [fact.sentence for fact in stated] + fillers
    rng.shuffle(sentences)
    count = min(rng.choice((1, 2, 2, 3, 3, 4)), len(sentences))
    passages = [sentences[start::count] for start in range(count)]
    if rng.random() < 0.25:
        passages.insert(rng.randint(0, len(passages)), real_passage(rng, library))
    text = " ".join(sentences)
    asked = [
        Asked(
            fact.question, fact.sentence,
            next(i for i, part in enumerate(passages) if fact.sentence in part), fact.value,
        )
        for fact in stated
        if fact.template in kinds and sentences.count(fact.sentence) == 1 and _only(fact, stated)
    ]  # fmt: skip
    absent = [q for _ in range(2) if (q := _untold(rng, kinds, stated, text, held_out=held_out))]
    if not asked:
        return fact_scene(rng, library, spanish=spanish, held_out=held_out, facts=facts)
    return _scene(rng, passages, asked, absent, spanish=spanish, held_out=held_out)


def _frame(fact: Fact) -> str:
    """Return what sort of question a fact answers; facts of one frame and one name would both answer it."""
    return fact.template.value


def _only(fact: Fact, stated: Sequence[Fact]) -> bool:
    return (
        sum(fact.name in other.sentence and _frame(fact) == _frame(other) for other in stated) == 1
    )


def _untold(
    rng: random.Random,
    kinds: Sequence[object],
    stated: Sequence[Fact],
    text: str,
    *,
    held_out: bool,
) -> str | None:
    """Return a question that nothing told answers: of another name, or of another value of the same name."""
    template = rng.choice(kinds)
    if rng.random() < 0.45:
        template = rng.choice(stated).template
    name = rng.choice(stated).name if rng.random() < 0.4 else None
    missing = make_fact(rng, template, held_out=held_out, name=name)  # type: ignore[arg-type]
    if missing.name not in text:
        return missing.question
    near = [sentence for sentence in re.split(r"(?<=[.!?]) ", text) if missing.name in sentence]
    same = any(fact.name == missing.name and _frame(fact) == template.value for fact in stated)  # type: ignore[attr-defined]
    return (
        None
        if same or len(near) != sum(fact.name == missing.name for fact in stated)
        else missing.question
    )
