"""The evidence for each candidate, as figures: nearness by three encoders, words, names, the kind of thing asked for.

Not here: what each figure weighs (`adapt.models.choice.chooser`).
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from adapt.models.choice.match import TokenMatch
from adapt.models.choice.wording.kinds import asked_kinds, holds
from adapt.models.choice.wording.languages import asked_in, content_words, language_of
from adapt.models.choice.wording.words import Rarity, names_of, share_held, terms, words_of
from adapt.models.decoding.candidates import Candidate

EVIDENCE = (
    "closeness", "cosine", "match",  # of tokens, by MiniLM (`adapt.models.choice.match`)
    # by the multilingual encoder: alone, under its headings, after the sentence before, and the whole passage
    "alone", "headed", "after", "passage",
    # by the encoder of questions and what answers them: the same without the sentence before
    "answers", "answers_headed", "answers_passage",
    "words", "words_around", "words_passage", "covered", "covered_passage", "names", "names_passage",
    "kind", "kind_around", "opens", "points_back",
    "foreign",  # whether its passage is in another language than the question
)  # fmt: skip
FOREIGN = EVIDENCE.index("foreign")
MODEL_FIGURES = (
    "chosen",
    "free",
)  # of the model that answers, in nats (`adapt.models.choice.likelihood`)
POINTERS = frozenset(
    words_of(
        """he she it they this these his her its their el ella ellos ellas esto este esta estos estas su sus"""
    )
)

Figures = npt.NDArray[np.float64]


class Encoder(Protocol):
    """What is needed of the multilingual encoder."""

    def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Return one vector of length 1 for each text."""
        ...


class Reader(Protocol):
    """What is needed of the encoder of questions and what answers them."""

    def question(self, text: str) -> npt.NDArray[np.float32]:
        """Return the vector of a question, of length 1."""
        ...

    def passages(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Return one vector of length 1 for each text that may answer."""
        ...


class Evidence:
    """Gathers the figures; safe to share between threads."""

    def __init__(self, match: TokenMatch, encoder: Encoder, reader: Reader) -> None:
        self._match = match
        self._encoder = encoder
        self._reader = reader

    def gather(self, question: str, candidates: Sequence[Candidate]) -> Figures:
        """Return the figures of each candidate, shape [n, figures], in the order of `EVIDENCE`."""
        columns = [
            *self._match.figures(question, candidates).T,
            *self._meaning(question, candidates),
            *self._answers(question, candidates),
            *_words(question, candidates),
            *_form(question, candidates),
            _foreign(question, candidates),
        ]
        return np.stack([np.asarray(column, np.float64) for column in columns], axis=1)

    def likeness(self, question: str, others: Sequence[str]) -> list[float]:
        """Return how alike in meaning some questions are to one, each from -1 to 1."""
        vectors = self._encoder.encode([question, *others])
        near: list[float] = (vectors[1:] @ vectors[0]).tolist()
        return near

    def _answers(self, question: str, candidates: Sequence[Candidate]) -> npt.NDArray[np.float32]:
        """Return how near each comes alone, headed, and by its whole passage; a text that stands twice is read once."""
        wholes = passages_of(candidates)
        columns = [
            [candidate.reading for candidate in candidates],
            _headed(candidates),
            [wholes[candidate.number] for candidate in candidates],
        ]
        texts = list(dict.fromkeys(text for column in columns for text in column))
        near = self._reader.passages(texts) @ self._reader.question(question)
        known = dict(zip(texts, near, strict=True))
        return np.array([[known[text] for text in column] for column in columns], np.float32)

    def _meaning(self, question: str, candidates: Sequence[Candidate]) -> npt.NDArray[np.float32]:
        alone, headed = [candidate.reading for candidate in candidates], _headed(candidates)
        after = [
            f"{candidate.before} {candidate.reading}" if candidate.before else candidate.reading
            for candidate in candidates
        ]
        wholes = passages_of(candidates)
        vectors = self._encoder.encode([question, *alone, *headed, *after, *wholes.values()])
        near = vectors[1:] @ vectors[0]
        count = len(candidates)
        of_passage = dict(zip(wholes, near[3 * count :], strict=True))
        parts = [near[place * count : (place + 1) * count] for place in range(3)]
        return np.stack(
            [*parts, np.array([of_passage[candidate.number] for candidate in candidates])]
        )


def _headed(candidates: Sequence[Candidate]) -> list[str]:
    return [
        f"{candidate.context}\n{candidate.reading}" if candidate.context else candidate.reading
        for candidate in candidates
    ]


def _foreign(question: str, candidates: Sequence[Candidate]) -> list[float]:
    wholes = passages_of(candidates)
    asked = asked_in(question, wholes.values())
    languages = {number: language_of(text) or asked for number, text in wholes.items()}
    return [float(languages[candidate.number] != asked) for candidate in candidates]


def passages_of(candidates: Sequence[Candidate]) -> dict[int | None, str]:
    """Return the text of each passage as its candidates have it, by number."""
    texts: dict[int | None, list[str]] = {}
    for candidate in candidates:
        lines = texts.setdefault(candidate.number, [])
        lines += [
            *(line for line in candidate.context.split("\n") if line and line not in lines),
            candidate.reading,
        ]
    return {number: " ".join(lines)[:1_500] for number, lines in texts.items()}


def _words(question: str, candidates: Sequence[Candidate]) -> list[list[float]]:
    own = [terms(candidate.reading) for candidate in candidates]
    around = [
        term_set | terms(f"{candidate.context} {candidate.before}")
        for term_set, candidate in zip(own, candidates, strict=True)
    ]
    wholes = {number: terms(text) for number, text in passages_of(candidates).items()}
    rarity = Rarity(question, [candidate.reading for candidate in candidates])
    names, content = names_of(question), content_words(question)
    shares = [rarity.share(term_set) for term_set in own]
    return [
        shares,
        [rarity.share(term_set) - share for term_set, share in zip(around, shares, strict=True)],
        [rarity.share(wholes[candidate.number]) for candidate in candidates],
        [share_held(content, term_set) for term_set in own],
        [share_held(content, wholes[candidate.number]) for candidate in candidates],
        [share_held(names, term_set) for term_set in own],
        [share_held(names, wholes[candidate.number]) for candidate in candidates],
    ]


def _form(question: str, candidates: Sequence[Candidate]) -> list[list[float]]:
    kinds = asked_kinds(question)
    seen: set[int | None] = set()
    opens, points = [], []
    for candidate in candidates:
        opens.append(float(candidate.number not in seen))
        seen.add(candidate.number)
        first = words_of(candidate.text)[:1]
        points.append(float(bool(first) and first[0] in POINTERS))
    return [
        [float(any(holds(kinds, candidate.text))) for candidate in candidates],
        [
            float(any(holds(kinds, f"{candidate.context} {candidate.before}")))
            for candidate in candidates
        ],
        opens,
        points,
    ]
