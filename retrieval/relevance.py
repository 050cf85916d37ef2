"""Whether the passages that were found seem to hold the answer, so that a chat can say "not in your documents".

A logistic model of a few features that a person can check. Where the embedder is the shipped MiniLM and knows the language
of question and passages, they are the similarity of the nearest passage and the number of the question's words in one
passage, and with a reader (`adapt.reader`) how near the tokens of both come to each other and what the passage tells of the
question; elsewhere the share of the question's words, weighted by rarity, that one passage holds.

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
from retrieval.folding import composed, fold

# Fitted by maximum likelihood (ridge 1e-3 on standardised features, each set and side of equal weight) on first hits of
# TyDiQA English and feedbackqa, against questions of the other English sets and CLINC150's out-of-scope queries; the
# intercept puts the border where 2 % of those hits lie below. SciFact and all Spanish sets stood outside.
SIMILARITY, WORDS, OFFSET = 19.67, 0.822, -9.354
# The same with a reader, which SciFact, outside, showed to be worth its 0.2 s: similarity, words, closeness of
# tokens, information in nats
READER, READER_OFFSET = (21.233, 3.127, 12.555, 0.12), -21.132
# The same on MLQA es-es dev and SQuAD-es; border at 3 %. MLQA test, leyes_uy and docs_es_tech stood outside.
COVERAGE, COVERAGE_OFFSET = 10.02, -3.259
CALIBRATED = (
    "minilm@"  # how the identity of the embedder begins whose similarities the first was fitted on
)
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


def judge(
    question: str,
    passages: Sequence[Passage],
    embedder: TextEmbedder | None = None,
    settings: RelevanceSettings | None = None,
    *,
    reader: PassageReader | None = None,
) -> Relevance:
    """Return whether the passages found for a question seem to hold its answer.

    Args:
        passages: as a search returns them, best first, with their scores by part.
        embedder: whose similarities those are; without one, or with one that the model was not fitted on, words decide.
        reader: reads the first passages beside the question, where similarities count.
    """
    border = (settings or RelevanceSettings()).min_answered
    words = _content(question)
    if all(word in TALK for word in words):
        return Relevance(1.0, False, "it asks nothing of the documents")
    read = passages[:READ]
    if not read:
        return Relevance(0.0, True, "nothing in them is close to the question")
    held = max((_held(words, passage) for passage in read), key=len)
    missing = [word for word in words if word not in held]
    coverage = [one.scores["coverage"] for one in read if "coverage" in one.scores]
    covered = max(coverage) if coverage else len(held) / len(words)
    similar = max((one.scores["dense"] for one in read if "dense" in one.scores), default=None)
    if similar is not None and _is_calibrated(question, read, embedder):
        common = math.log1p(len(held))
        if reader is None:
            score = SIMILARITY * similar + WORDS * common + OFFSET
        else:
            features = similar, common, *_read(question, read, reader)
            score = sum(map(mul, READER, features)) + READER_OFFSET
        why = f"the nearest passage has a similarity of {similar:.2f}"
    else:
        score = COVERAGE * covered + COVERAGE_OFFSET
        why = f"the best passage holds {covered:.0%} of the question's words, the rare ones counting most"
    if missing:
        why += f"; it lacks {', '.join(missing[:5])}"
    answered = 1 / (1 + math.exp(-max(-30.0, min(30.0, score))))
    return Relevance(round(answered, 4), answered < border, why)


def _read(question: str, passages: Sequence[Passage], reader: PassageReader) -> tuple[float, float]:
    """Return the closest passage's closeness, and what the passage tells that tells most of the question."""
    texts = [f"{one.chunk.heading} {one.chunk.text}" for one in passages]
    close = reader.closeness(question, texts)
    told = reader.information(question, [one.chunk.text for one in passages])
    return max(close), max(told)


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


def _is_calibrated(
    question: str, passages: Sequence[Passage], embedder: TextEmbedder | None
) -> bool:
    """Return whether similarities are evidence: MiniLM's, of a question and passages in languages that it knows."""
    if embedder is None:
        return False
    asked = embedder.for_language(spoken(question, passages))
    if not asked.identity.startswith(CALIBRATED):
        return False
    known = asked.languages
    if known is None:
        return True
    inside = sum(one.chunk.language in {"", *known} for one in passages)
    return spoken(question, passages) in known and inside * 2 > len(passages)


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
