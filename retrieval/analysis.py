"""Text to terms: folded, cut into words, stemmed as its language asks (Snowball).

A chunk is analysed in the language of its document. A question is too short to tell its language, and a collection may hold
several, so each of its words stands for all that it may be in the languages of the collection (`groups`).
"""

import functools
import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path

import Stemmer

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
    for language in ("en", "es")
}
ACCENTS = re.compile(
    r"(?<=[\u0000-\u03ff])[\u0300-\u036f]+"
)  # of Latin and Greek; elsewhere they are letters
WORD = re.compile(r"[^\W_]+")
# scripts that put no space between words: each pair of signs is a term
UNSPACED = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+")
SAMPLE = 4_000  # characters that tell a document's language
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
    found = []
    for word in WORD.findall(fold(text)):
        if word.isascii() or not UNSPACED.search(word):
            found.append(word)
        else:
            found += _cut(word)
    return found


def terms(text: str, language: str) -> list[str]:
    """Return the terms of a text in a language, in order."""
    return _stemmed(words(text), language)


def groups(question: str, shares: Mapping[str, float]) -> dict[frozenset[str], int]:
    """Return the words of a question as groups of terms, each one word as the languages write it, and how often it is asked.

    Words that name nothing in most of the collection are left out; they stay in the index, where a text whose language was
    told wrongly would otherwise be the only one to hold them.

    Args:
        shares: the share of the collection that is in each language.
    """
    found: dict[frozenset[str], int] = {}
    spoken = tuple(shares.items())
    for word in words(question):
        group = _group(word, spoken)
        if group is not None:
            found[group] = found.get(group, 0) + 1
    return found


def fold(text: str) -> str:
    """Return a text in small letters without accents."""
    text = text.casefold()
    if text.isascii():
        return text
    parts = ACCENTS.sub("", unicodedata.normalize("NFKD", text))
    return unicodedata.normalize("NFC", parts).casefold()  # of letters in circles and the like too


@functools.lru_cache(maxsize=ASKED)
def _group(word: str, shares: tuple[tuple[str, float], ...]) -> frozenset[str] | None:
    """Return the terms of a question's word, None for one that names nothing in most of the collection."""
    if sum(share for one, share in shares if word in STOP_WORDS.get(one, ())) >= MOST:
        return None
    parts = words(word)
    return frozenset(term for one, _ in shares for term in _stemmed(parts, one))


def _stemmed(found: list[str], language: str) -> list[str]:
    return found if language == NEUTRAL else _stemmer(language).stemWords(found)


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
