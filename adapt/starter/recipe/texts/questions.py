"""Real questions over real paragraphs, read from files in SQuAD's JSON form (TyDiQA's gold passages, SQuAD, MLQA).

A paragraph belongs for good to training or to evaluation, by a checksum of its text, with all its questions.
"""

import random
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from adapt.errors import DataError
from adapt.language.sentences import sentence_spans

HELD_OUT_ONE_IN = 9
_REFERENCE = re.compile(r"\[[^\]\s]{1,12}(?: \d+)?\](?::\s?\d+(?:[\u2013-]\d+)?)?")
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True)
class Question:
    """A question that people asked, the sentence that answers it by its index, and the words that do."""

    text: str
    sentence: int
    span: str


@dataclass(frozen=True)
class Paragraph:
    """A paragraph of one article as sentences, with its questions; `unanswered` fit the topic, but it does not say."""

    sentences: tuple[str, ...]
    questions: tuple[Question, ...]
    article: str
    unanswered: tuple[str, ...] = ()


@dataclass(frozen=True)
class ReadingSet:
    """Paragraphs of one set of questions, with those of the same article side by side."""

    paragraphs: list[Paragraph]
    asked: list[int]  # those that have a question
    articles: dict[str, list[int]] = field(default_factory=dict)

    def near(self, rng: random.Random, index: int, count: int) -> list[int]:
        """Return other paragraphs to read beside one: from the same article half the time, if there are any."""
        same = [i for i in self.articles[self.paragraphs[index].article] if i != index]
        others: list[int] = []
        while len(others) < min(count, len(self.paragraphs) - 1):
            pool = same if same and rng.random() < 0.5 else range(len(self.paragraphs))
            other = rng.choice(pool)
            if other != index and other not in others:
                others.append(other)
            elif pool is same:
                same = [i for i in same if i not in others]
        return others


def build_reading_set(paragraphs: Iterable[Paragraph]) -> ReadingSet:
    """Index paragraphs by article."""
    kept = list(paragraphs)
    articles: dict[str, list[int]] = defaultdict(list)
    for index, paragraph in enumerate(kept):
        articles[paragraph.article].append(index)
    return ReadingSet(
        kept, [i for i, paragraph in enumerate(kept) if paragraph.questions], dict(articles)
    )


def is_held_out(context: str) -> bool:
    """Return whether a paragraph is for evaluation only."""
    return int(sha256(context.encode()).hexdigest(), 16) % HELD_OUT_ONE_IN == 0


def read_squad(where: str, content: object) -> list[tuple[bool, Paragraph]]:
    """Return (held out, paragraph) for every paragraph of a file in SQuAD's form that has two sentences or more.

    Raises:
        DataError: the content has another form; `where` names it in the message.
    """
    rows: list[tuple[bool, Paragraph]] = []
    if not isinstance(content, dict):
        raise DataError(f"{where}: not in SQuAD's form (an object with data)")
    try:
        for number, article in enumerate(content["data"]):
            title = str(article.get("title") or f"{where}:{number}")
            for paragraph in article["paragraphs"]:
                read = _paragraph(paragraph["context"], paragraph["qas"], title)
                if read is not None:
                    rows.append((is_held_out(paragraph["context"]), read))
    except (AttributeError, KeyError, TypeError, IndexError) as error:
        raise DataError(f"{where}: not in SQuAD's form (data, paragraphs, context, qas)") from error
    return rows


def _paragraph(context: str, asked: Sequence[dict[str, object]], title: str) -> Paragraph | None:
    spans = _clean_spans(context)
    sentences = [sentence for sentence, _ in spans]
    questions: list[Question] = []
    unanswered: list[str] = []
    for entry in asked:
        text = _SPACE.sub(" ", str(entry["question"])).strip()
        answers = entry.get("answers")
        if entry.get("is_impossible") or not isinstance(answers, list) or not answers:
            unanswered.append(text)
            continue
        start, span = int(answers[0]["answer_start"]), clean(str(answers[0]["text"]))
        began = max((begin for _, begin in spans if begin <= start), default=spans[0][1])
        there = [
            i for i, (sentence, begin) in enumerate(spans) if begin == began and span in sentence
        ]
        if span and there:
            questions.append(Question(text, there[0], span))
    if not questions and not unanswered:
        return None
    return Paragraph(tuple(sentences), tuple(questions), title, tuple(unanswered))


def _clean_spans(context: str) -> list[tuple[str, int]]:
    """Return the sentences of a context as they read once they are clean, each with where its like begins in the context.

    Without its reference marks, what was one sentence may read as two.
    """
    spans: list[tuple[str, int]] = []
    for start, end in sentence_spans(context):
        text = clean(context[start:end])
        spans += [(text[a:b], start) for a, b in sentence_spans(text)]
    return spans


def clean(text: str) -> str:
    """Return text without Wikipedia's reference marks, on one line."""
    return _SPACE.sub(" ", _REFERENCE.sub("", text)).strip()
