"""Which language a question, or a passage, is in: English or Spanish, by their commonest words."""

from collections.abc import Iterable
from typing import Literal

from adapt.models.choice.wording.words import words_of

Language = Literal["en", "es"]

COMMON = {
    "en": frozenset(
        words_of(
            """the of and to in is are was were do does did how what when where who why which can could should
            would will my your i we it you they for on with from at by be been this that there have has not if
            or an much many long any about say says tell know want documents"""
        )
    ),
    "es": frozenset(
        words_of(
            """el la los las de del y en es son fue era que como cuando donde quien por para con se su sus un una
            al lo mi tu yo hay tiene tengo puedo puede cuanto cuantos cuanta cuantas cual cuales esta estan ser
            si o sobre desde hasta cuesta le nos dice dicen pone quiero saber documentos"""
        )
    ),
}
LETTERS = frozenset("¿¡ñáéíóú")


def content_words(text: str) -> list[str]:
    """Return the words of a text that are not among the commonest, each once."""
    common = COMMON["en"] | COMMON["es"]
    return [word for word in dict.fromkeys(words_of(text)) if word not in common]


def language_of(text: str) -> str:
    """Return `en` or `es`, or nothing where the words do not decide."""
    words = words_of(text)
    counts = {
        language: sum(word in common for word in words) for language, common in COMMON.items()
    }
    counts["es"] += sum(sign in LETTERS for sign in text.casefold()) > 0
    if counts["en"] == counts["es"]:
        return ""
    return max(counts, key=counts.__getitem__)


def asked_in(question: str, texts: Iterable[str]) -> Language:
    """Return the language of a question; where its words do not decide, that of the texts.

    Another or an unknown language counts as Spanish: an English encoder's evidence is worth less in it.
    """
    language = language_of(question) or language_of(" ".join(texts))
    return "en" if language == "en" else "es"
