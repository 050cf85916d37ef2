"""Pronouns of a question that point out of it, and the question with what they point to in their place."""

import re
from collections.abc import Sequence

from adapt.language.followups.phrases import Phrase
from adapt.language.followups.questions import Asked, Talk, Whole
from adapt.language.followups.slots import contract, insert
from adapt.language.followups.tokens import Token
from adapt.language.followups.topics import Topic, choose
from adapt.language.followups.words.languages import LANGUAGES
from adapt.language.followups.words.table import Words, word_set

# "it" that stands for nothing: is it possible to …, how long does it take to change a plan
_EMPTY_IT = re.compile(
    r"\b(?:is|was) it (?=(?:\w+ )?(?:possible|necessary|true|allowed|ok|okay|safe|mandatory|required|free|legal|worth) "
    r"(?:to|that|for|if)\b)|\bis it (?=raining|late\b)|\bwhat time is it\b|"
    r"\b(?:does|will|would|did) it (?=(?:take|cost) (?:\w+ )?to \w+ (?:an?|the|my|our|up|there|to|from|\w+ing)\b)",
    re.IGNORECASE,
)
_DONE = re.compile(
    r"\b(?:do|doing|done|did) (?:it|that|this|so)\b|\bhacer(?:l[oa]s?| eso| esto)\b|\blo \w+ hacer\b",
    re.IGNORECASE,
)
_ENCLITIC = re.compile(r"[aei]r(l[oa]s?)$")  # recogerlo, pagarla
_WHOLE = word_set("that this eso esto")  # point to all of what was said
_CLITICS = word_set("lo la los las")
_GENDER = {"la": "f", "las": "f", "lo": "m", "los": "m", "ella": "f", "ellas": "f", "ellos": "m"}


def resolve(asked: Asked, talk: Talk) -> Whole | None:
    """Return a question with what its pronouns point to in their place: "How long does it last?"."""
    pointing = Pointing(asked.text, asked.language, asked.tokens, asked.phrases)
    resolved = pointing.whole(talk.topics, talk.name, talk.person)
    if resolved is None:
        return None
    text = resolved if resolved else insert(asked.text, f" ({talk.question.rstrip('?. ')})")
    return Whole(text, "pronoun")


class Pointing:
    """A question whose pronouns are looked up among topics."""

    def __init__(
        self,
        text: str,
        language: str,
        tokens: Sequence[Token],
        noun_phrases: Sequence[Phrase],
    ) -> None:
        self.text = text
        self.words: Words = LANGUAGES[language]
        self.spanish = language == "es"
        self.tokens = tokens
        self.phrases = noun_phrases

    def whole(self, topics: Sequence[Topic], name: str, person: str) -> str | None:
        """Return the question with the topics in place of its pronouns; None where no pronoun points out of it.

        It is empty where one does and there is no topic for it. `name` is one that the last answer gave, `person` who the
        last question asked for.
        """
        pointing = [i for i in range(len(self.tokens)) if self._points(i) and not self._bound(i)]
        if not pointing:
            return None
        if _DONE.search(self.text):
            return ""  # it is an action, not a thing
        text, ends = self.text, []
        for index in reversed(pointing):
            token = self.tokens[index]
            meant = self._meant(token, topics, name, person)
            if not meant:
                return ""
            if self.spanish and _clitic(token):
                ends.append(meant)
                continue
            text = self._put(text, index, meant)
        return contract(insert(text, f", {ends[0]}") if ends else text)

    def _points(self, index: int) -> bool:
        token = self.tokens[index]
        if token.kind in ("human", "possessive", "place"):
            return True
        if token.kind == "thing":
            empty = any(m.start() <= token.start < m.end() for m in _EMPTY_IT.finditer(self.text))
            return not empty and token.word not in ("one", "ones")  # of "which one", "that one"
        if self.spanish and _clitic(token):
            return True
        return self._points_with_noun(index)

    def _points_with_noun(self, index: int) -> bool:
        """Return whether "that", "esa" before a noun points back: "that plan", not "that day"."""
        token = self.tokens[index]
        if token.kind != "determiner" or token.word not in self.words.demonstratives:
            return False
        following = self.tokens[index + 1] if index + 1 < len(self.tokens) else None
        if following is None or following.kind == "time" or following.word in self.words.measures:
            return following is not None and following.word in ("one", "ones")
        return token.word not in ("this", "these", "este", "esta", "estos", "estas")

    def _bound(self, index: int) -> bool:
        """Return whether something within the question is what a pronoun means."""
        token = self.tokens[index]
        for phrase in self.phrases:
            if (
                phrase.end > index
                or (phrase.asked and token.kind != "possessive")
                or self._empty(phrase)
            ):
                continue
            between = self.tokens[phrase.end : index]
            if any(t.kind == "joining" or t.text in ",;.?!:" for t in between):
                return True
            if token.kind == "possessive" and not self.spanish:
                return True
            if self.spanish and _clitic(token) and phrase.definite and not between:
                return True
        return False

    def _empty(self, phrase: Phrase) -> bool:
        inside = [t for t in self.tokens[phrase.start : phrase.end] if t.kind == "noun"]
        return all(t.word in self.words.measures or t.word[0].isdigit() for t in inside)

    def _meant(self, token: Token, topics: Sequence[Topic], name: str, person: str) -> str:
        human = token.kind == "human" or token.word in ("his", "her")
        topic = choose(
            topics,
            plural=token.word in self.words.plural,
            place=token.kind == "place",
            gender=_GENDER.get(_clitic(token) or token.word, "") if self.spanish else "",
        )
        if human and (name or person):
            return f"{name} ({topic.whole})" if name and topic else name or person
        if human and topic and not topic.person:
            return topic.text
        if topic is None:
            return name
        if token.kind == "place":
            lead = topic.lead if topic.lead in ("in", "at") else "at"
            lead = "to" if self._moves(token) else lead
            where = f"{'en' if self.spanish else lead} {topic.root}"
            return f"{where} ({name})" if name else where
        return topic.whole if token.word in _WHOLE or human else topic.text

    def _put(self, text: str, index: int, meant: str) -> str:
        token = self.tokens[index]
        start, end = token.start, token.end
        following = self.tokens[index + 1] if index + 1 < len(self.tokens) else None
        if token.kind == "possessive":
            return self._owned(text, index, meant)
        if token.kind == "determiner" and following is not None:
            if following.word in ("one", "ones") or following.word in meant.lower().split():
                end = following.end
            else:
                start = end = following.end
                meant = f" ({meant})"
        elif token.word.endswith(("'s", "'re")):
            meant += " is" if token.word.endswith("'s") else " are"
        return text[:start] + meant + text[end:]

    def _moves(self, token: Token) -> bool:
        index = self.tokens.index(token)
        return bool(index) and self.tokens[index - 1].word in (
            "get", "go", "goes", "going", "drive", "walk", "travel", "ride", "come", "send",
        )  # fmt: skip

    def _owned(self, text: str, index: int, meant: str) -> str:
        """Return the question with an owner named: "the lamp's warranty", "el programa de la lavadora"."""
        token = self.tokens[index]
        if not self.spanish:
            ending = "'" if meant.endswith("s") else "'s"
            return text[: token.start] + meant + ending + text[token.end :]
        phrase = next((p for p in self.phrases if p.start in (index, index + 1)), None)
        if phrase is None:
            return text[: token.end] + f" ({meant})" + text[token.end :]
        end = self.tokens[phrase.end - 1].end
        return text[:end] + f" de {meant}" + text[end:]


def _clitic(token: Token) -> str:
    """Return the pronoun that a Spanish word is, or ends in; empty where there is none."""
    if token.word in _CLITICS:
        return token.word if token.kind == "thing" else ""
    match = _ENCLITIC.search(token.word)
    return match[1] if match and token.kind == "verb" else ""
