"""Questions over three passages with the sentence that answers, from sets in SQuAD's form and the recipe's coined facts.

Only training parts: of TyDiQA the paragraphs that the starter's recipe trains on, of squad_es those of the articles in its
development half (`is_development`), MLQA's development files, coined facts and textbook sentences of the training forms.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from adapt.models.choice.wording.languages import Language
from adapt.models.decoding.candidates import Candidate, find_candidates
from adapt.records import Grounding
from adapt.starter.recipe.exercises.exercise import ExerciseSource
from adapt.starter.recipe.exercises.scenes import fact_scene, quote_scene
from adapt.starter.recipe.texts.questions import Paragraph, ReadingSet

PASSAGES = 3
PASSAGE_LENGTH = 800  # characters
TITLED = 0.5  # of the items whose articles have titles: as headings


@dataclass(frozen=True)
class Item:
    """A question, its candidates, which of them answers (None where none does), its source, its language."""

    question: str
    grounding: Grounding
    candidates: tuple[Candidate, ...]
    right: int | None
    source: str
    article: str
    asked_in: Language


@dataclass(frozen=True)
class QuestionSet:
    """Paragraphs of one set, cut into passages, with those of the same article side by side."""

    name: str
    asked_in: Language
    paragraphs: Sequence[Paragraph]
    titled: bool
    articles: dict[str, list[int]] = field(default_factory=dict)

    @classmethod
    def of(
        cls, name: str, asked_in: Language, reading_set: ReadingSet, *, titled: bool
    ) -> "QuestionSet":
        """Return the set of a reading set's paragraphs."""
        return cls(name, asked_in, reading_set.paragraphs, titled, reading_set.articles)

    @property
    def asked(self) -> list[tuple[int, int]]:
        """Return (paragraph, question) of every question."""
        return [
            (place, number)
            for place, paragraph in enumerate(self.paragraphs)
            for number in range(len(paragraph.questions))
        ]

    def item(self, rng: random.Random, place: int, number: int) -> Item | None:
        """Return a question among other passages, half of them of the same article; None where the sentence stands twice."""
        paragraph = self.paragraphs[place]
        question = paragraph.questions[number]
        sentence = paragraph.sentences[question.sentence]
        own = next(part for part in _parts(paragraph.sentences) if question.sentence in part)
        texts = [(place, [paragraph.sentences[index] for index in own])]
        near = [neighbour for neighbour in self.articles[paragraph.article] if neighbour != place]
        while len(texts) < PASSAGES:
            other = (
                rng.choice(near)
                if near and rng.random() < 0.5
                else rng.randrange(len(self.paragraphs))
            )
            near = [neighbour for neighbour in near if neighbour != other]
            if other not in {at for at, _ in texts}:
                chosen = rng.choice(_parts(self.paragraphs[other].sentences))
                texts.append((other, [self.paragraphs[other].sentences[index] for index in chosen]))
        rng.shuffle(texts)
        right = next(number for number, (at, _) in enumerate(texts, start=1) if at == place)
        headings = (
            tuple(self.paragraphs[at].article for at, _ in texts)
            if self.titled and rng.random() < TITLED
            else ()
        )
        return make_item(
            question.text, [" ".join(lines) for _, lines in texts], (right, sentence),
            headings=headings, source=self.name, article=paragraph.article, asked_in=self.asked_in,
        )  # fmt: skip


def make_item(  # noqa: PLR0913  what an item is
    question: str,
    passages: Sequence[str],
    answer: tuple[int, str],
    *,
    headings: tuple[str, ...] = (),
    source: str,
    article: str,
    asked_in: Language,
) -> Item | None:
    """Return an item; None where the sentence that answers is no candidate, or stands more than once."""
    grounding = Grounding(tuple(enumerate(passages, start=1)), question=question, headings=headings)
    candidates = tuple(find_candidates(grounding))
    right = [
        place
        for place, candidate in enumerate(candidates)
        if (candidate.number, candidate.text) == answer
    ]
    twice = sum(candidate.text == answer[1] for candidate in candidates) > 1
    if len(right) != 1 or twice:
        return None
    return Item(question, grounding, candidates, right[0], source, article, asked_in)


def coined(source: ExerciseSource, kind: str, count: int, *, seed: int) -> Iterator[Item]:
    """Yield items of coined facts (`fact`) or textbook sentences (`quote`), two of five in Spanish."""
    rng = random.Random(f"choosing:{kind}:{seed}")
    make = fact_scene if kind == "fact" else quote_scene
    number = 0
    while number < count:
        spanish = rng.random() < 0.4
        scene = make(
            rng, source.library(spanish=spanish), spanish=spanish, held_out=source.held_out
        )
        asked = scene.asked[-1]
        item = make_item(
            asked.question, [" ".join(lines) for lines in scene.passages], (asked.passage + 1, asked.sentence),
            source=kind, article=f"{kind}{number}", asked_in="es" if spanish else "en",
        )  # fmt: skip
        if item is not None:
            number += 1
            yield item


def is_development(article: str) -> bool:
    """Return whether an article of squad_es may be learned from; the others prove."""
    return int(sha256(article.encode()).hexdigest(), 16) % 2 == 0


def fold_of(article: str, folds: int) -> int:
    """Return the part that an article belongs to, so that none is learned from and judged by."""
    return int(sha256(f"fold {article}".encode()).hexdigest(), 16) % folds


def _parts(sentences: Sequence[str]) -> list[list[int]]:
    """Return sentences, by place, in passages of at most `PASSAGE_LENGTH` characters."""
    parts: list[list[int]] = []
    length = 0
    for place, sentence in enumerate(sentences):
        if not parts or length + len(sentence) > PASSAGE_LENGTH:
            parts.append([])
            length = 0
        parts[-1].append(place)
        length += len(sentence)
    return parts
