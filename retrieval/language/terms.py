"""Text to terms: folded, cut into words, stemmed as its language asks (Snowball); beside them what it refers to.

A chunk is analysed in the language of its document. A question is too short to show its language, and a collection may hold
several, so each of its words stands for all that it may be in the languages of the collection (`asked`). Numbers, dates,
codes and names that are stop words have terms of their own (`retrieval.language.forms.references`).
"""

import functools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import Stemmer

from retrieval.language.folding import composed, fold
from retrieval.language.forms.labels import labels
from retrieval.language.forms.normal_form import Form
from retrieval.language.forms.references import quoted, references

# Snowball's name of each language, by the code that py3langid gives
STEMMERS = {
    "ar": "arabic", "ca": "catalan", "cs": "czech", "da": "danish", "de": "german", "el": "greek", "en": "english",
    "es": "spanish", "et": "estonian", "eu": "basque", "fa": "persian", "fi": "finnish", "fr": "french", "ga": "irish",
    "hi": "hindi", "hu": "hungarian", "hy": "armenian", "id": "indonesian", "it": "italian", "lt": "lithuanian",
    "nb": "norwegian", "ne": "nepali", "nl": "dutch", "nn": "norwegian", "no": "norwegian", "pl": "polish",
    "pt": "portuguese", "ro": "romanian", "ru": "russian", "sr": "serbian", "sv": "swedish", "ta": "tamil", "tr": "turkish",
}  # fmt: skip
# words of questions and sentences that name nothing; folded
STOP_WORDS = {
    language: frozenset(
        (Path(__file__).parent / f"stop_words_{language}.txt").read_text(encoding="utf-8").split()
    )
    for language in ("de", "en", "es", "fr", "it", "nl", "pt")
}
SMALL_WORDS = frozenset().union(*STOP_WORDS.values())
WORD = re.compile(r"[^\W_]+")
# what is left of "what's" and "isn't" where they are cut at the apostrophe; no words of a question
APOSTROPHES = "'\u2019\u02bc"
CONTRACTED = frozenset(["s", "t", "re", "ve", "ll", "d", "m"])
NOT = "ain't aren't can't couldn't didn't doesn't don't hadn't hasn't haven't isn't mustn't needn't shouldn't"
NOT += " wasn't weren't won't wouldn't"
BEFORE_NOT = frozenset(word.removesuffix("'t") for word in NOT.split())
# scripts that put no space between words: each pair of signs is a term
UNSPACED = re.compile(
    r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff]+"
)
# Korean has spaces, but particles stand on its words: pairs of signs too, and a word of one sign without its particle
HANGUL = re.compile(r"[\uac00-\ud7af]+")
PARTICLES = re.compile(
    r"(?:에서는|에서도|으로는|으로도|이라는|에게서|에서|에게|으로|이나|까지|부터|보다|처럼|마다|하고|한테|이라|라는|에는|에도"
    r"|은|는|이|가|을|를|의|에|로|와|과|도|만|나|라)$"
)
SAMPLE = 4_000  # characters that show a document's language
MOST = 0.5  # of a collection
ASKED = 4_096  # words of questions whose terms are remembered
NEUTRAL = ""  # of a document whose language has no stemmer, or is not known


def language_of(text: str) -> str:
    """Return the code of a text's language, or `NEUTRAL` where it has no words or no stemmer."""
    import py3langid  # half a second at its first text; only who ingests pays

    sample = text[:SAMPLE]
    if not WORD.search(sample):
        return NEUTRAL
    code = str(py3langid.classify(sample)[0])
    return code if code in STEMMERS else NEUTRAL


def words(text: str) -> list[str]:
    """Return the words of a text in order, folded; what is written without spaces as pairs of signs."""
    parts = []
    for word in WORD.findall(fold(text)):
        if word.isascii() or not UNSPACED.search(word):
            parts.append(word)
        elif HANGUL.fullmatch(word):
            parts += _korean(word)
        else:
            parts += _cut(word)
    return parts


def terms(text: str, language: str) -> list[str]:
    """Return the terms of a text in a language, in order."""
    return _stemmed(words(text), language)


def other_terms(text: str, language: str) -> list[str]:
    """Return the terms that a text is found by beside its words: of numbers, dates, codes, labels and names."""
    others: list[str] = []
    for form in references(composed(text), SMALL_WORDS):
        others += form.terms if form.named else _stemmed(list(form.terms), language)
        others += form.also
    return others


def leading_terms(text: str) -> set[str]:
    """Return the terms of the labels that name lines of a text as headings do: "Annex R. This annex …"."""
    return {term for form in labels(composed(text)) if form.leads for term in form.terms}


@dataclass(frozen=True)
class Asked:
    """What a question asks for once: terms of which a text holds any, how often it says so, and whether it names it.

    Named is what has a form of its own, a number, a date, a code, a label; small what names nothing in some language.
    """

    terms: frozenset[str]
    times: int
    named: bool = False
    small: bool = False


def asked(question: str, shares: Mapping[str, float]) -> list[Asked]:
    """Return what a question asks for: each of its words as the languages write it, and each thing that it names.

    Words that name nothing in most of the collection are left out, unless they are in quotation marks; they stay in the
    index, where a text whose language was recognised wrongly would otherwise be the only one to hold them.

    Args:
        shares: the share of the collection that is in each language.
    """
    text = composed(question)
    forms, quotes = references(text, SMALL_WORDS), quoted(text)
    spoken = tuple(shares.items())
    counts: dict[frozenset[str], int] = {}
    small: set[frozenset[str]] = set()
    for word, start, end in named_words(text):
        kept = any(first <= start and end <= last for first, last in quotes)
        around = _around(forms, start, end)
        for part in words(word):
            group = _group(part, spoken, kept)
            if group is not None:
                group = group.union(*around)
                counts[group] = counts.get(group, 0) + 1
                small |= {group} if part in SMALL_WORDS else set()
    of_words = [Asked(group, times, small=group in small) for group, times in counts.items()]
    whole: dict[tuple[int, int], frozenset[str]] = {}
    for form in forms:
        if form.named and not any(_contains(other, form) for other in forms):
            span = form.start, form.end
            whole[span] = whole.get(span, frozenset()) | form.terms
    return [*of_words, *(Asked(group, 1, True) for group in dict.fromkeys(whole.values()))]


def named_words(text: str) -> list[tuple[str, int, int]]:
    """Return the words of a text, folded, with their places, without what only an apostrophe cut off."""
    named = []
    for match in WORD.finditer(text):
        start, end = match.span()
        before, after = text[start - 1 : start], text[end : end + 1]
        word = fold(match.group())
        if word in CONTRACTED and before and before in APOSTROPHES and start > 1:
            continue
        if (
            word in BEFORE_NOT
            and after
            and after in APOSTROPHES
            and text[end + 1 : end + 2] in "tT"
        ):
            continue
        named.append((word, start, end))
    return named


def _contains(form: Form, other: Form) -> bool:
    """Return whether a form is more than another that is part of it: `INV-2024/0031` than `2024/0031`."""
    inside = form.start <= other.start and other.end <= form.end
    return inside and form.whole and form.end - form.start > other.end - other.start


def _around(forms: Iterable[Form], start: int, end: int) -> list[frozenset[str]]:
    """Return the terms of the forms that a word is part of."""
    return [form.terms for form in forms if form.start <= start and end <= form.end]


@functools.lru_cache(maxsize=ASKED)
def _group(word: str, shares: tuple[tuple[str, float], ...], kept: bool) -> frozenset[str] | None:
    """Return the terms of a question's word, None for one that names nothing in most of the collection."""
    small = sum(share for language, share in shares if word in STOP_WORDS.get(language, ())) >= MOST
    if small and not kept:
        return None
    parts = words(word)
    return frozenset(term for language, _ in shares for term in _stemmed(parts, language))


def _stemmed(parts: list[str], language: str) -> list[str]:
    return parts if language == NEUTRAL else _stemmer(language).stemWords(parts)


def _korean(word: str) -> list[str]:
    """Return the pairs of signs of a Korean word; of one of a single sign behind which a particle stands, the sign too."""
    pairs = _cut(word)
    bare = PARTICLES.sub("", word)
    return [*pairs, bare] if len(bare) == 1 and bare != word else pairs


def _cut(word: str) -> list[str]:
    """Return the pairs of signs of what is written without spaces, and what stands between as words."""
    parts: list[str] = []
    start = 0
    for match in UNSPACED.finditer(word):
        parts += [word[start : match.start()]] if match.start() > start else []
        run = match.group()
        parts += [run[i : i + 2] for i in range(max(len(run) - 1, 1))]
        start = match.end()
    return parts + ([word[start:]] if start < len(word) else [])


@functools.cache
def _stemmer(language: str) -> Stemmer.Stemmer:
    return Stemmer.Stemmer(STEMMERS[language])
