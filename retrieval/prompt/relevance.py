"""Whether the passages that were found seem to hold the answer, so that a chat can say "not in your documents".

A logistic model of a few features that a person can check (`retrieval.prompt.evidence`): how close a passage comes to the
question, how near its nearest sentence, how many of the question's words, or how much of their sense, it holds, and how
many chunks were looked through, as among more of them something is near to anything. Which features count depends on how
question and passage relate: English with English, another language with itself, two languages; and on who is there to read
them. Without any encoder the share of the question's words, weighted by rarity, that one passage holds has to do.

What it cannot see: a passage on the very subject that leaves out the one thing asked. Figures of both: `NOTES.md`.
Not here: how passages are found (`retrieval.search.search`), what becomes of the judgement (`retrieval.prompt.source`).
"""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import mul
from typing import NamedTuple

from pydantic import Field

from adapt.language.question_language import language_of_question
from adapt.protocols import PassageReader, TextEmbedder
from adapt.records import Passage
from adapt.workspace.settings import Settings
from retrieval.index.fields import indexed_text
from retrieval.language.folding import composed, fold
from retrieval.language.terms import STOP_WORDS, WORD, named_words, terms
from retrieval.prompt.evidence import nearest_sentence, shared_sense

# how the identities of the embedders begin that the models were fitted on
MINILM, MUSE = "minilm@", "muse@"


class Weights(NamedTuple):
    """What each piece of evidence weighs in a score that warns below 0; `border` stands alone."""

    nearest: float = 0.0  # cosine of the question and the nearest sentence, by the embedder
    words: float = 0.0  # ln(1 + how many of its words one passage holds)
    sense: float = 0.0  # share of their sense that one holds
    closeness: float = 0.0  # of the closest passage, as the reader has it
    size: float = 0.0  # ln(chunks)
    border: float = 0.0


# Fitted by `python -m tests.benchmarks.answers.fit_relevance`, which prints them with the files that they come from: maximum
# likelihood, ridge 1e-3 on standardised features, each set and side of equal weight, the border where 2 % of the questions
# whose passage was found lie below. By the embedder, whether question and passage are in two languages, and whether a reader
# is there.
WEIGHTS = {
    (MINILM, False, True): Weights(nearest=13.27, closeness=40.32, size=-0.46, border=-33.57),
    (MUSE, False, True): Weights(sense=9.09, closeness=70.40, size=-0.75, border=-57.06),
    (MUSE, True, True): Weights(sense=16.08, closeness=75.05, size=-0.54, border=-64.29),
    ("", False, True): Weights(closeness=74.03, size=-0.49, border=-55.23),
    ("", True, True): Weights(closeness=95.53, size=-0.40, border=-70.27),
    (MINILM, False, False): Weights(nearest=18.08, words=1.77, size=-0.45, border=-5.80),
    (MUSE, False, False): Weights(nearest=12.24, sense=16.05, size=-0.64, border=-9.38),
    (MUSE, True, False): Weights(nearest=16.80, sense=21.67, size=-0.60, border=-15.38),
}
# The share of the words, where no embedder and no reader is: on MLQA es-es dev and SQuAD-es; border at 3 % of the answered.
COVERAGE, COVERAGE_OFFSET = 10.02, -3.259
CHUNKS = 500  # of a collection of unknown size; the fit used such
READ = 3  # passages that are looked at; a prompt rarely holds more
SPOKEN = ("en", "es")  # languages that a question is distinguished in
SPANISH_SIGN = re.compile("[¿¡ñáéíóú]")
# what people say to an assistant without asking about documents; folded
TALK = frozenset(
    WORD.findall(
        """hello hi hey thanks thank many lot good morning evening afternoon night bye goodbye see tomorrow welcome please
        ok okay yes great nice cool well done job helpful right wrong real human name tell know yourself help joke
        hola gracias muchas buenos buenas dias tardes noches adios luego manana bien mal favor vale si encantado perfecto
        correcto equivocas va llamas humano puedes hacer ayuda ayudarme chiste"""
    )
)

# what people read
SAID = {
    "en": {
        "talk": "it asks nothing of the documents",
        "nothing": "nothing in them is close to the question",
        "sentence": "the sentence nearest to the question has a similarity of {:.2f}",
        "sense": "the best passage holds {:.0f} % of the sense of the question's words",
        "words": "the best passage holds {:.0f} % of the question's words, the rare ones counting most",
        "missing": "; none of the passages mentions {}",
    },
    "es": {
        "talk": "no pregunta nada a los documentos",
        "nothing": "no hay en ellos nada cercano a la pregunta",
        "sentence": "la frase más cercana a la pregunta tiene una similitud de {:.2f}",
        "sense": "el mejor pasaje contiene el {:.0f} % del sentido de las palabras de la pregunta",
        "words": "el mejor pasaje contiene el {:.0f} % de las palabras de la pregunta, contando más las raras",
        "missing": "; ningún pasaje menciona {}",
    },
}


class RelevanceSettings(Settings):
    """Section `[relevance]`."""

    # 0 never warns where anything was found; 0.5 is the border that the figures of `NOTES.md` are for
    min_answered: float = Field(0.5, ge=0, le=1)


@dataclass(frozen=True)
class Relevance:
    """How far the answer seems to be there, in [0, 1] with the border at 0.5; whether to warn; and why, for people.

    `answered` ranks questions; it is no probability.
    """

    answered: float
    warn: bool
    why: str
    asks: bool = True  # the message asks something of the documents


def judge(
    question: str,
    passages: Sequence[Passage],
    embedder: TextEmbedder | None = None,
    settings: RelevanceSettings | None = None,
    *,
    reader: PassageReader | None = None,
    chunks: int = CHUNKS,
) -> Relevance:
    """Return whether the passages found for a question seem to hold its answer.

    Args:
        passages: as a search returns them, best first, with their scores by part.
        embedder: compares question and passages; one that the models were not fitted on is left out.
        reader: reads them in any two languages; without it and an embedder that knows them, words decide.
        chunks: how many the search looked through.
    """
    border = (settings or RelevanceSettings()).min_answered
    words = content(question)
    language = spoken(question, passages)
    if all(word in TALK for word in words):
        return Relevance(1.0, False, SAID[language]["talk"], asks=False)
    read = passages[:READ]
    if not read:
        return Relevance(0.0, True, SAID[language]["nothing"])
    asked = Question(question, words, language, math.log(max(chunks, 1)), reader)
    score, why = max(_score(asked, way, group) for way, group in ways(asked, read, embedder))
    same = [
        passage for passage in read if passage.chunk.language in {"", language}
    ]  # others have other words
    present = {word for passage in same for word in _present(words, passage)}
    missing = [word for word in words if word not in present]
    if same and missing:
        written = {fold(word): word for word in WORD.findall(question.casefold())}
        shown = ", ".join(written.get(word, word) for word in missing[:5])
        why += SAID[language]["missing"].format(shown)
    answered = 1 / (1 + math.exp(-max(-30.0, min(30.0, score))))
    return Relevance(round(answered, 4), answered < border, why)


@dataclass(frozen=True)
class Way:
    """How a question and some passages relate: the embedder that knows both, None for none; whether in two languages."""

    encoder: TextEmbedder | None
    across: bool

    @property
    def name(self) -> str:
        """Return how the embedder's identity begins."""
        identity = self.encoder.identity if self.encoder else ""
        return next((prefix for prefix in (MINILM, MUSE) if identity.startswith(prefix)), "")


@dataclass(frozen=True)
class Question:
    """A question, its words that name something, its language, ln of how many chunks were searched, and who reads."""

    question: str
    words: list[str]
    language: str
    size: float
    reader: PassageReader | None


def ways(
    asked: Question, passages: Sequence[Passage], embedder: TextEmbedder | None
) -> list[tuple[Way, list[Passage]]]:
    """Return the passages by the way that they relate to the question."""
    asked_in = language_of_question(asked.question) or asked.language
    groups: dict[tuple[str, bool], tuple[Way, list[Passage]]] = {}
    for passage in passages:
        language = passage.chunk.language
        encoder = _encoder(asked.language, language, embedder)
        english = encoder is not None and encoder.identity.startswith(MINILM)
        way = Way(encoder, across=not english and language not in {"", asked_in})
        groups.setdefault((way.name, way.across), (way, []))[1].append(passage)
    return list(groups.values())


def _encoder(asked: str, language: str, embedder: TextEmbedder | None) -> TextEmbedder | None:
    """Return the part of an embedder whose similarities are evidence for a question and a passage in these languages."""
    parts = embedder.parts if embedder else ()
    for part in parts:
        english = language == "en" or (not language and len(parts) == 1)
        if part.identity.startswith(MINILM) and asked == "en" and english:
            return part
        if part.identity.startswith(MUSE) and language in {"", *(part.languages or ())}:
            return part
    return None


def _score(asked: Question, way: Way, passages: Sequence[Passage]) -> tuple[float, str]:
    """Return how far passages seem to answer, 0 being the border, and why, for people."""
    wording = SAID[asked.language]
    weights = WEIGHTS.get((way.name, way.across, asked.reader is not None))
    covered = _covered(asked.words, passages)
    if weights is None:
        return COVERAGE * covered + COVERAGE_OFFSET, wording["words"].format(100 * covered)
    figures = evidence(asked, way, passages, weights)
    score = sum(map(mul, weights, figures))
    if weights.nearest:
        return score, wording["sentence"].format(figures.nearest)
    if weights.sense:
        return score, wording["sense"].format(100 * figures.sense)
    return score, wording["words"].format(100 * covered)


def evidence(asked: Question, way: Way, passages: Sequence[Passage], wanted: Weights) -> Weights:
    """Return the evidence for some passages, as far as it has a weight; the border counts once."""
    figures = Weights(size=asked.size, border=1.0)
    if wanted.words:
        count = max(len(_present(asked.words, passage)) for passage in passages)
        figures = figures._replace(words=math.log1p(count))
    if way.encoder and wanted.nearest:
        near = nearest_sentence(asked.question, passages, way.encoder)
        figures = figures._replace(nearest=near)
    if way.encoder and wanted.sense:
        figures = figures._replace(sense=shared_sense(asked.question, passages, way.encoder))
    if asked.reader and wanted.closeness:
        texts = [indexed_text(passage.chunk) for passage in passages]
        close = max(asked.reader.closeness(asked.question, texts))
        figures = figures._replace(closeness=close)
    return figures


def _covered(words: Sequence[str], passages: Sequence[Passage]) -> float:
    """Return the largest share of a question's words that one passage holds, as the search found it where it did."""
    coverages = [passage.scores["coverage"] for passage in passages if "coverage" in passage.scores]
    if coverages:
        return max(coverages)
    return max(len(_present(words, passage)) for passage in passages) / len(words)


def spoken(text: str, passages: Iterable[Passage] = ()) -> str:
    """Return `en` or `es`, whichever a question is in; where its words do not decide, the language of the passages."""
    words = WORD.findall(fold(text))
    counts = {language: sum(word in STOP_WORDS[language] for word in words) for language in SPOKEN}
    if counts["en"] != counts["es"]:
        return max(SPOKEN, key=counts.__getitem__)
    if SPANISH_SIGN.search(text.casefold()):
        return "es"
    languages = [passage.chunk.language for passage in passages]
    return "es" if languages.count("es") * 2 > len(languages) else "en"


def content(question: str) -> list[str]:
    """Return the words of a question that name something, each once."""
    words = dict.fromkeys(word for word, _, _ in named_words(composed(question)))
    return [word for word in words if not any(word in STOP_WORDS[language] for language in SPOKEN)]


def _present(words: Sequence[str], passage: Passage) -> list[str]:
    """Return which words a passage holds, its heading with it, in any form that either language's stemmer knows."""
    text = f"{passage.chunk.heading} {passage.chunk.text}"
    there = _forms(text)
    return [word for word in words if not there.isdisjoint(_forms(word))]


def _forms(text: str) -> set[str]:
    return {*WORD.findall(fold(text)), *terms(text, "en"), *terms(text, "es")}
