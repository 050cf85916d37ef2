"""The noun phrases of a question, and those that prepositions join.

Not here: which of them a later pronoun means (`adapt.language.followups.topics`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from adapt.language.followups.tokens import Token
from adapt.language.followups.words.english import ENGLISH
from adapt.language.followups.words.languages import LANGUAGES


@dataclass(frozen=True, slots=True)
class Phrase:
    """A noun phrase: tokens `start` to `end`; `head` is its noun, `asked` says that a question word opens it."""

    start: int
    end: int
    head: int
    definite: bool
    asked: bool
    bare: bool  # without a determiner


def phrases(tokens: Sequence[Token], language: str) -> list[Phrase]:
    """Return the noun phrases, each without what a preposition adds to it."""
    words = LANGUAGES[language]
    noun_phrases: list[Phrase] = []
    index = 0
    while index < len(tokens):
        end = _end_of_phrase(tokens, index)
        nouns = [i for i in range(index, end) if tokens[i].kind == "noun"]
        if not nouns:
            index += 1
            continue
        head = nouns[-1] if words is ENGLISH else nouns[0]
        opener = tokens[index]
        before = tokens[index - 1] if index else None
        much = before is not None and before.word in ("many", "much", "big", "long")
        asking = tokens[index - 2] if much and index > 1 else before
        noun_phrases.append(
            Phrase(
                start=index,
                end=end,
                head=head,
                definite=opener.word in words.definite
                or (before is not None and before.word in ("del", "al"))
                or any(tokens[i].name for i in nouns),
                asked=opener.kind != "determiner"
                and asking is not None
                and asking.kind == "asking",
                bare=opener.kind != "determiner",
            )
        )
        index = end
    return noun_phrases


def _end_of_phrase(tokens: Sequence[Token], start: int) -> int:
    """Return where a noun phrase that begins at a token ends; `start` where none does."""
    index = start
    while index < len(tokens) and tokens[index].kind == "determiner":
        index += 1
    opened = index > start
    while index < len(tokens):
        kind = tokens[index].kind
        inside = kind == "filler" and (opened or index > start) and _noun_at(tokens, index + 1)
        if kind != "noun" and not inside:
            break
        index += 1
    return index


def _noun_at(tokens: Sequence[Token], index: int) -> bool:
    return index < len(tokens) and tokens[index].kind == "noun"


def chains(tokens: Sequence[Token], noun_phrases: Sequence[Phrase]) -> list[list[Phrase]]:
    """Return noun phrases in groups that prepositions join: "the clinic in Storr", "el plan de la familia"."""
    joined: list[list[Phrase]] = []
    for phrase in noun_phrases:
        before = joined[-1][-1].end if joined else -1
        linked = joined and before == phrase.start - 1 and tokens[before].kind == "preposition"
        if linked:
            joined[-1].append(phrase)
        else:
            joined.append([phrase])
    return joined
