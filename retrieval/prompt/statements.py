"""Whether a passage says what a sentence says: word for word, or as far as figures, names, negation and words can show.

A sentence in other words holds if its figures and names stand in the passage or its heading, no figure is taken from beside
another name or verb, "not" is not lost or added, and enough of its words are there. Between English and Spanish, words
cannot be compared: figures and names alone decide, and a sentence without any cannot be checked. What it cannot see: that
words which all stand in a passage are put together wrongly without a figure among them. Measured: `NOTES.md`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from retrieval.language.folding import fold
from retrieval.language.forms.figures import Figure, figures
from retrieval.language.terms import STOP_WORDS, WORD, terms

# Chosen on the even TyDiQA training questions and the first half of SQuAD-es' articles, see NOTES.md
MIN_WORDS_BESIDE_FACTS = 0.5  # of a sentence whose figures or names stand in the passage
MIN_WORDS_ALONE = 0.7
MIN_WORDS_MIXED = 0.75  # of a sentence of two languages; its small words count as well
MOST_IN_A_ROW = 2  # words that name something and stand nowhere in the passage
MARK = re.compile(r"\[\d{1,3}(?:\s*[,;\u2013-]\s*\d{1,3})*\]")
GAP = re.compile(r"\[?(?:\u2026|\.\.\.)\]?")
SENTENCE_END = re.compile(r"(?<=[.!?\u2026])[\"'\u201d\u2019»)\]]*\s+(?=[^\sa-z])|\n+")
NEGATION = re.compile(
    r"\b(?:not|no|never|none|nobody|nothing|without|neither|nor|cannot|\w+n['\u2019]t"
    r"|nunca|jamas|nadie|nada|ningun[ao]?s?|sin|tampoco)\b"
)
NAME_LIKE = re.compile(r"[^\W\d_]*\d+[^\W\d_]|[^\W\d_]+\d|^[^\W\d_a-z]{2,}$|.[A-Z]")
NO_NAMES = frozenset({"i"})
SPOKEN = ("en", "es")


@dataclass(frozen=True)
class _Sentence:
    text: str
    stems: frozenset[str]
    names: frozenset[str]
    figures: tuple[Figure, ...]
    language: str


@dataclass(frozen=True)
class Evidence:
    """A passage made ready for comparing: `text` is its own, `around` its heading and the name of its document."""

    text: str
    around: str = ""
    language: str = ""
    words: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "words", running_words(self.text))


def running_words(text: str) -> str:
    """Return the words of a text in order, folded, with a space around each; numbers of references left out."""
    return f" {' '.join(WORD.findall(fold(MARK.sub(' ', text))))} "


def is_quoted(sentence: str, passage: Evidence, *, least: int = 1) -> bool:
    """Return whether a sentence is words of a passage in their order; `…` stands for a gap.

    Args:
        least: how many words a quotation has.
    """
    place = 0
    parts = [running_words(part) for part in GAP.split(sentence)]
    if sum(part.count(" ") - 1 for part in parts if part.strip()) < least:
        return False
    for part in parts:
        if not part.strip():
            continue
        at = passage.words.find(part, place)
        if at < 0:
            return False
        place = at + len(part) - 1
    return True


def is_supported(sentence: str, passage: Evidence) -> bool | None:
    """Return whether a passage says what a sentence says; None where the two have nothing that can be compared."""
    if is_quoted(sentence, passage):
        return True
    sentence = MARK.sub(" ", sentence)
    language = _spoken(sentence) or passage.language
    claim = _analysed(sentence, language)
    own = _sentences(passage.text, passage.language)
    around = _analysed(passage.around, passage.language)
    if not (_figures_agree(claim, (*own, around)) and _names_occur(claim, passage)):
        return False
    has_facts = bool(claim.figures or claim.names)
    if passage.language and language != passage.language:
        if _is_mixed(claim, passage):
            return _share(claim.text, passage) >= MIN_WORDS_MIXED
        return not _figures_swapped(claim, own, claim.names) if has_facts else None
    if not claim.stems:
        return has_facts or None
    stems = around.stems.union(*(other.stems for other in own))
    least = MIN_WORDS_BESIDE_FACTS if has_facts else MIN_WORDS_ALONE
    return (
        len(claim.stems & stems) >= least * len(claim.stems)
        and _longest_gap(claim, stems) <= MOST_IN_A_ROW
        and not _figures_swapped(claim, own, claim.stems - around.stems)
        and not _negation_flipped(claim, own)
    )


def _is_mixed(claim: _Sentence, passage: Evidence) -> bool:
    """Return whether half of what a sentence names are words of a passage, its small words of another language."""
    words = [word for word in WORD.findall(fold(claim.text)) if not (_is_small(word) or word.isdigit())]  # fmt: skip
    others = [word for word in words if word not in claim.names]
    shared = sum(f" {word} " in passage.words for word in others)
    return shared >= 2 and shared * 2 >= len(others)


def _share(sentence: str, passage: Evidence) -> float:
    words = running_words(sentence).split()
    return sum(f" {word} " in passage.words for word in words) / len(words)


def _longest_gap(claim: _Sentence, stems: frozenset[str]) -> int:
    """Return how many words of a claim in a row, small ones aside, are none of these."""
    longest = run = 0
    for word in WORD.findall(fold(claim.text)):
        if _is_small(word) or word.isdigit():
            continue
        run = run + 1 if stems.isdisjoint(terms(word, claim.language)) else 0
        longest = max(longest, run)
    return longest


def _figures_agree(claim: _Sentence, sentences: Sequence[_Sentence]) -> bool:
    known = [figure for sentence in sentences for figure in sentence.figures]
    return all(
        any(_agrees(figure, other) for other in known)
        for figure in claim.figures
        if not figure.vague
    )


def _agrees(figure: Figure, other: Figure) -> bool:
    """Return whether a figure of the claim is one of the passage; of days, all that it names."""
    if figure.kind == "day" == other.kind:
        return figure.values <= other.values
    return figure.agrees(other)


def _names_occur(claim: _Sentence, passage: Evidence) -> bool:
    there = set(WORD.findall(fold(f"{passage.text} {passage.around}")))
    return all(
        name in there or name.removesuffix("s") in there or f"{name}s" in there
        for name in claim.names
    )


def _figures_swapped(claim: _Sentence, own: Sequence[_Sentence], wanted: frozenset[str]) -> bool:
    """Return whether a figure of the claim stands in the passage, but with what belongs to another one there.

    Args:
        wanted: the words of the claim that show what its figures are of.
    """
    known = {name for sentence in (claim, *own) for name in sentence.names}
    names = {stem for name in known for stem in (name, *terms(name, claim.language))}
    for figure in claim.figures:
        same = [other for sentence in own for other in sentence.figures if _agrees(figure, other)]
        holders = [place for place, sentence in enumerate(own) if _has(sentence, figure)]
        rivals = [
            place
            for place, sentence in enumerate(own)
            if place not in holders
            and any(_is_alike(here, other) for here in same for other in sentence.figures)
        ]
        fits = [wanted & _with_subject(own, place) for place in holders]
        others = [wanted & _with_subject(own, place) for place in rivals]
        if fits and all(any(_fits_worse(fit, other, names) for other in others) for fit in fits):
            return True
        if _verb_swapped(claim, figure, [own[place] for place in holders]):
            return True
    return False


def _is_alike(figure: Figure, other: Figure) -> bool:
    """Return whether two figures may describe the same thing: hours, years, prices."""
    years = [
        compared.kind == "number"
        and not compared.unit
        and any(len(value) == 4 for value in compared.values)
        for compared in (figure, other)
    ]
    return (figure.kind, figure.unit, years[0]) == (other.kind, other.unit, years[1])


def _fits_worse(fit: frozenset[str], other: frozenset[str], names: set[str]) -> bool:
    """Return whether another sentence has all of the claim that this one has, and a name or two words besides."""
    more = other - fit
    return fit < other and (len(more) > 1 or not names.isdisjoint(more))


def _verb_swapped(claim: _Sentence, figure: Figure, holders: Sequence[_Sentence]) -> bool:
    """Return whether the word before a figure stands before other figures of these sentences, never before this one."""
    word = _word_before(claim, figure)
    if not word:
        return False
    before = [
        (_word_before(holder, other), other) for holder in holders for other in holder.figures
    ]
    here = {name for name, other in before if figure.agrees(other)}
    elsewhere = {name for name, other in before if not figure.agrees(other) and other.kind == figure.kind}  # fmt: skip
    return word in elsewhere and word not in here


def _word_before(sentence: _Sentence, figure: Figure) -> str:
    words = WORD.findall(fold(sentence.text[: figure.start]))
    for word in reversed(words):
        if word.isdigit():
            return ""
        if not _is_small(word):
            return "" if word in sentence.names else word
    return ""


def _is_small(word: str) -> bool:
    """Return whether a folded word names nothing."""
    return any(word in STOP_WORDS[language] for language in SPOKEN)


def _with_subject(sentences: Sequence[_Sentence], place: int) -> frozenset[str]:
    """Return the words of a sentence; with those of the one before where it names nothing itself."""
    here = sentences[place]
    words = here.stems | here.names
    if here.names or not place:
        return words
    return words | sentences[place - 1].stems | sentences[place - 1].names


def _has(sentence: _Sentence, figure: Figure) -> bool:
    return any(_agrees(figure, other) for other in sentence.figures)


def _negation_flipped(claim: _Sentence, own: Sequence[_Sentence]) -> bool:
    """Return whether the one sentence that holds the claim's words is negated and the claim is not, or the reverse."""
    nearest = max(own, key=lambda sentence: len(sentence.stems & claim.stems), default=None)
    if nearest is None or len(nearest.stems & claim.stems) < 0.8 * len(claim.stems):
        return False
    return _negates(nearest, claim.stems) != _negates(claim, nearest.stems)


def _negates(sentence: _Sentence, words: frozenset[str]) -> bool:
    """Return whether a sentence says "not" before one of these words, with nothing but small words between."""
    text = fold(sentence.text)
    for match in NEGATION.finditer(text):
        behind = (word for word in WORD.findall(text[match.end() :]) if not _is_small(word))
        if not words.isdisjoint(terms(next(behind, ""), sentence.language)):
            return True
    return False


@lru_cache(maxsize=64)
def _sentences(text: str, language: str) -> tuple[_Sentence, ...]:
    return tuple(
        _analysed(part, language) for part in SENTENCE_END.split(MARK.sub(" ", text)) if part.strip()
    )  # fmt: skip


@lru_cache(maxsize=1024)
def _analysed(text: str, language: str) -> _Sentence:
    known = tuple(figures(text))
    taken = [(figure.start, figure.end) for figure in known if not figure.vague]
    stems: set[str] = set()
    names: set[str] = set()
    for place, match in enumerate(WORD.finditer(text)):
        word, start = match.group(), match.start()
        folded = fold(word)
        if any(first <= start < last for first, last in taken) or folded.isdigit():
            continue
        if _is_small(folded):
            continue
        if NAME_LIKE.search(word) or (place and word[0].isupper() and folded not in NO_NAMES):
            names.add(folded)
        stems.update(terms(word, language))
    return _Sentence(text, frozenset(stems), frozenset(names), known, language)


def _spoken(text: str) -> str:
    """Return `en` or `es`, whichever a sentence is in; empty where its words do not decide."""
    words = WORD.findall(fold(text))
    counts = {language: sum(word in STOP_WORDS[language] for word in words) for language in SPOKEN}
    if counts["en"] == counts["es"]:
        return ""
    return max(SPOKEN, key=counts.__getitem__)
