"""Whether the passages that were found seem to hold the answer, so that a chat can say "not in your documents".

A logistic model of a few features that a person can check (`retrieval.evidence`): how near the nearest sentence comes to the
question, how many of its words, or how much of their sense, one passage holds, and how many chunks were looked through, as
among more of them something is near to anything. Which features count depends on how question and passage relate: English
to English by MiniLM, what else the multilingual encoder knows, across languages too, by that; elsewhere the share of the
question's words, weighted by rarity, that one passage holds.

What it cannot see: a passage on the very subject that leaves out the one thing asked. Figures of both: `README.md`.
Not here: how passages are found (`retrieval.search`), what becomes of the judgement (`retrieval.source`).
"""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import mul

from pydantic import Field

from adapt.config import Settings
from adapt.protocols import PassageReader, TextEmbedder
from adapt.records import Passage
from retrieval.analysis import STOP_WORDS, WORD, named_words, terms
from retrieval.evidence import nearest_sentence, shared_sense
from retrieval.folding import composed, fold

# Fitted on an earlier sample than `python -m tests.benchmarks.fit_relevance` draws, in its way: maximum likelihood,
# ridge 1e-3 on standardised features, each set, size and side of equal weight; the intercept puts the border where 1 % of
# the questions whose passage was found lie below.
# Of the nearest sentence's cosine with the question by MiniLM, ln(1 + words held), ln(chunks), and the intercept
ENGLISH = (21.18, 3.32, -0.62, -9.82)
# Where that leaves a score so near the border, the starter reads the passages (0.2 s): per nat of information, and the
# intercept that keeps 1 % of the same questions below
UNDECIDED = 2.0
INFORMATION, INFORMED = 0.0673, -0.1
# Of the same cosine by the multilingual encoder, the sense shared, ln(chunks), and the intercept
MULTILINGUAL = (15.23, 20.77, -0.56, -14.58)
# The same on MLQA es-es dev and SQuAD-es; border at 3 %. MLQA test, leyes_uy and docs_es_tech stood outside.
COVERAGE, COVERAGE_OFFSET = 10.02, -3.259
# how the identities of the embedders begin that the first two were fitted on
MINILM, MUSE = "minilm@", "muse@"
CHUNKS = 500  # of a collection whose size is not told; such were the ones of the fit
READ = 3  # passages that are looked at; a prompt rarely holds more
SPOKEN = ("en", "es")  # languages that a question is told apart in
SPANISH_SIGN = re.compile("[¿¡ñáéíóú]")
# what is said to an assistant and asks nothing of documents; folded
TALK = frozenset(
    WORD.findall(
        """hello hi hey thanks thank many lot good morning evening afternoon night bye goodbye see tomorrow welcome please
        ok okay yes great nice cool well done job helpful right wrong real human name tell know yourself help joke
        hola gracias muchas buenos buenas dias tardes noches adios luego manana bien mal favor vale si encantado perfecto
        correcto equivocas va llamas humano puedes hacer ayuda ayudarme chiste"""
    )
)

# what people are told
SAID = {
    "en": {
        "talk": "it asks nothing of the documents",
        "nothing": "nothing in them is close to the question",
        "sentence": "the sentence nearest to the question has a similarity of {:.2f}",
        "words": "the best passage holds {:.0f} % of the question's words, the rare ones counting most",
        "missing": "; none of the passages mentions {}",
    },
    "es": {
        "talk": "no pregunta nada a los documentos",
        "nothing": "no hay en ellos nada cercano a la pregunta",
        "sentence": "la frase más cercana a la pregunta tiene una similitud de {:.2f}",
        "words": "el mejor pasaje contiene el {:.0f} % de las palabras de la pregunta, contando más las raras",
        "missing": "; ningún pasaje menciona {}",
    },
}


class RelevanceSettings(Settings):
    """Section `[relevance]`."""

    # 0 never warns where anything was found; 0.5 is the border that the figures of `README.md` are for
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
        embedder: reads question and passages; without one, or with one that the models were not fitted on, words decide.
        reader: reads English passages beside an English question where the embedder leaves it undecided.
        chunks: how many the search looked through.
    """
    border = (settings or RelevanceSettings()).min_answered
    words = _content(question)
    language = spoken(question, passages)
    if all(word in TALK for word in words):
        return Relevance(1.0, False, SAID[language]["talk"], asks=False)
    read = passages[:READ]
    if not read:
        return Relevance(0.0, True, SAID[language]["nothing"])
    asked = _Asked(question, words, language, math.log(max(chunks, 1)), reader)
    score, why = max(
        _score(asked, group, encoder) for encoder, group in _groups(asked, read, embedder)
    )
    same = [one for one in read if one.chunk.language in {"", language}]  # others have other words
    held = {word for passage in same for word in _held(words, passage)}
    missing = [word for word in words if word not in held]
    if same and missing:
        written = {fold(word): word for word in WORD.findall(question.casefold())}
        shown = ", ".join(written.get(word, word) for word in missing[:5])
        why += SAID[language]["missing"].format(shown)
    answered = 1 / (1 + math.exp(-max(-30.0, min(30.0, score))))
    return Relevance(round(answered, 4), answered < border, why)


@dataclass(frozen=True)
class _Asked:
    """A question, its words that name something, its language, and ln of how many chunks were searched."""

    question: str
    words: list[str]
    language: str
    size: float
    reader: PassageReader | None


def _groups(
    asked: _Asked, passages: Sequence[Passage], embedder: TextEmbedder | None
) -> list[tuple[TextEmbedder | None, list[Passage]]]:
    """Return the passages by the embedder that knows the question's language and theirs; None where none does."""
    groups: dict[str, tuple[TextEmbedder | None, list[Passage]]] = {}
    for passage in passages:
        encoder = _encoder(asked.language, passage.chunk.language, embedder)
        _, group = groups.setdefault(encoder.identity if encoder else "", (encoder, []))
        group.append(passage)
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


def _score(
    asked: _Asked, passages: Sequence[Passage], encoder: TextEmbedder | None
) -> tuple[float, str]:
    """Return how far passages seem to answer, 0 being the border, and why, for people."""
    said = SAID[asked.language]
    held = max(len(_held(asked.words, passage)) for passage in passages)
    if encoder is None:
        coverage = [one.scores["coverage"] for one in passages if "coverage" in one.scores]
        covered = max(coverage) if coverage else held / len(asked.words)
        return COVERAGE * covered + COVERAGE_OFFSET, said["words"].format(100 * covered)
    near = nearest_sentence(asked.question, passages, encoder)
    why = said["sentence"].format(near)
    if not encoder.identity.startswith(MINILM):
        sense = shared_sense(asked.question, passages, encoder)
        return _weighed(MULTILINGUAL, near, sense, asked.size), why
    score = _weighed(ENGLISH, near, math.log1p(held), asked.size)
    if asked.reader and abs(score) <= UNDECIDED:
        texts = [one.chunk.text for one in passages]
        score += INFORMATION * max(asked.reader.information(asked.question, texts)) + INFORMED
    return score, why


def _weighed(weights: Sequence[float], *features: float) -> float:
    """Return the weighted sum of features, and the last weight, which stands alone."""
    return float(sum(map(mul, weights, (*features, 1.0))))


def spoken(text: str, passages: Iterable[Passage] = ()) -> str:
    """Return `en` or `es`, whichever a question is in; where its words do not tell, the language of the passages."""
    words = WORD.findall(fold(text))
    counts = {one: sum(word in STOP_WORDS[one] for word in words) for one in SPOKEN}
    if counts["en"] != counts["es"]:
        return max(SPOKEN, key=counts.__getitem__)
    if SPANISH_SIGN.search(text.casefold()):
        return "es"
    languages = [one.chunk.language for one in passages]
    return "es" if languages.count("es") * 2 > len(languages) else "en"


def _content(question: str) -> list[str]:
    """Return the words of a question that name something, each once."""
    found = dict.fromkeys(word for word, _, _ in named_words(composed(question)))
    return [word for word in found if not any(word in STOP_WORDS[one] for one in SPOKEN)]


def _held(words: Sequence[str], passage: Passage) -> list[str]:
    """Return which words a passage holds, its heading with it, in any form that either language's stemmer knows."""
    text = f"{passage.chunk.heading} {passage.chunk.text}"
    there = _forms(text)
    return [word for word in words if not there.isdisjoint(_forms(word))]


def _forms(text: str) -> set[str]:
    return {*WORD.findall(fold(text)), *terms(text, "en"), *terms(text, "es")}
