"""A follow-up question under the rules, and what the conversation before it is about."""

from dataclasses import dataclass

from adapt.language.followups.phrases import Phrase, phrases
from adapt.language.followups.tokens import Token, read
from adapt.language.followups.topics import Topic
from adapt.language.followups.words.languages import LANGUAGES
from adapt.language.followups.words.table import Words


@dataclass(frozen=True)
class Whole:
    """A question as it is to be searched; `rule` names what completed it, and is empty where it was left as it is."""

    text: str
    rule: str = ""


@dataclass(frozen=True)
class Talk:
    """What the conversation is about: its last question, whole, that question's topics, a name that its answer gave.

    `person` is who the question asked for, `earlier` are the topics of the last few questions.
    """

    question: str = ""
    language: str = ""
    topics: tuple[Topic, ...] = ()
    name: str = ""
    person: str = ""
    earlier: tuple[Topic, ...] = ()


@dataclass(frozen=True)
class Asked:
    """A question under a rule: its words and noun phrases; `body` is what follows "and", `led` says that there was one."""

    text: str
    body: str
    led: bool
    language: str
    tokens: tuple[Token, ...]
    phrases: tuple[Phrase, ...]

    @property
    def words(self) -> Words:
        """Return the words of its language."""
        return LANGUAGES[self.language]

    def has(self, *kinds: str) -> bool:
        """Return whether a word of one of these kinds stands in it."""
        return any(token.kind in kinds for token in self.tokens)

    def generic(self, phrase: Phrase) -> bool:
        """Return whether a noun phrase names nothing by itself: "what time", "20 days"."""
        inside = [t for t in self.tokens[phrase.start : phrase.end] if t.kind == "noun"]
        return all(t.word in self.words.measures or t.word[0].isdigit() for t in inside)


def read_question(text: str, language: str) -> Asked:
    """Return a question as the rules take it."""
    words = LANGUAGES[language]
    lead = words.leading.match(text.lstrip("¿ "))
    body = text.lstrip("¿ ")[lead.end() :] if lead else text
    tokens = tuple(read(text, language))
    return Asked(text, body, lead is not None, language, tokens, tuple(phrases(tokens, language)))
