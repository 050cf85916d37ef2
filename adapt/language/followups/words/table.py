"""What a language's table of words holds, by which follow-up questions are recognised; lower case, without accents.

Not here: the tables (`adapt.language.followups.words.english`, `spanish`), kinds of words and noun phrases
(`adapt.language.followups.phrases`).
"""

import re
import unicodedata
from dataclasses import dataclass


def fold(word: str) -> str:
    """Return a word in lower case without accents; ñ stays, as it makes another word."""
    marked = word.lower().replace("ñ", "\0").replace("\u2019", "'")
    plain = "".join(c for c in unicodedata.normalize("NFD", marked) if not unicodedata.combining(c))
    return plain.replace("\0", "ñ")


def word_set(text: str) -> frozenset[str]:
    """Return the words of a text."""
    return frozenset(text.split())


@dataclass(frozen=True)
class Words:
    """One language's words by what they do in a question."""

    determiners: frozenset[str]  # open a noun phrase
    definite: frozenset[str]  # those of them that point to something known
    demonstratives: frozenset[str]  # point back, alone or before a noun
    prepositions: frozenset[str]
    complement: frozenset[str]  # prepositions that bind a noun to what it belongs to
    auxiliaries: frozenset[str]
    verbs: frozenset[str]
    asking: frozenset[str]  # question words
    joining: frozenset[str]  # conjunctions, which open another clause
    persons: frozenset[str]  # pronouns of the speakers, which point to nothing in the conversation
    things: frozenset[str]  # pronouns for a thing or things
    people: frozenset[str]  # pronouns for a person
    possessives: frozenset[str]
    places: frozenset[str]  # words for a place named before
    plural: frozenset[str]  # of these pronouns, the ones for several
    fillers: frozenset[str]  # adverbs and predicates, which name nothing
    attributes: frozenset[str]  # nouns that need an owner: a price is the price of something
    roles: frozenset[str]  # of people: a director is the director of something
    measures: frozenset[str]  # nouns that name nothing by themselves
    times: frozenset[str]
    elliptic: frozenset[str]  # adjectives that stand for a noun left out: the blue one, la azul
    leading: re.Pattern[str]  # "and", "what about": what a follow-up begins with
    correction: re.Pattern[str]
    refusal: re.Pattern[str]  # of what was understood: "no, …", "not Hazelton, …"
    comparison: re.Pattern[str]  # asks which of those named before
    condition: re.Pattern[str]  # an "if" that goes on with the question before
    wish: re.Pattern[str]  # how to answer, what the user is or likes; where it asks nothing
    talk: re.Pattern[str]  # greetings and thanks, about nothing
