"""Pronouns of a question that point out of it, and the question with what they point to in their place."""

import re
from collections.abc import Sequence

from adapt.followups.phrases import Phrase, Token
from adapt.followups.slots import contract, insert
from adapt.followups.topics import Topic, choose
from adapt.followups.words import LANGUAGES, Words

# "it" that stands for nothing: is it possible to …, how long does it take to change a plan
_EMPTY_IT = re.compile(
    r"\b(?:is|was) it (?:\w+ )?(?:possible|necessary|true|allowed|ok|okay|safe|mandatory|required|free|legal|worth|raining|late)\b"
    r"|\bwhat time is it\b|\b(?:does|will|would|did) it (?:take|cost) (?:\w+ )?to \w+ (?:an?|the|my|our|up|\w+ing)\b",
    re.IGNORECASE,
)
_EMPTY_IT_OBJECT = re.compile(r"\b(?:to|for) \w+ .*\b(?:it|them)\b", re.IGNORECASE)
_WHOLE = frozenset("that this eso esto".split())  # point to all of what was said
_CLITICS = frozenset("lo la los las".split())
_GENDER = {"la": "f", "las": "f", "lo": "m", "los": "m", "ella": "f", "ellas": "f", "ellos": "m"}


class Pointing:
    """A question whose pronouns are looked up among topics."""

    def __init__(
        self,
        text: str,
        language: str,
        tokens: Sequence[Token],
        found: Sequence[Phrase],
    ) -> None:
        self.text = text
        self.words: Words = LANGUAGES[language]
        self.spanish = language == "es"
        self.tokens = tokens
        self.phrases = found

    def whole(self, topics: Sequence[Topic], name: str, person: str) -> str | None:
        """Return the question with the topics in place of its pronouns; None where no pronoun points out of it.

        It is empty where one does and there is no topic for it. `name` is one that the last answer gave, `person` who the
        last question asked for.
        """
        pointing = [i for i in range(len(self.tokens)) if self._points(i) and not self._bound(i)]
        if not pointing:
            return None
        text, ends = self.text, []
        for index in reversed(pointing):
            token = self.tokens[index]
            meant = self._meant(token, topics, name, person)
            if not meant:
                return ""
            if self.spanish and token.word in _CLITICS:
                ends.append(meant)
                continue
            text = self._put(text, index, meant)
        return contract(insert(text, f", {ends[0]}") if ends else text)

    def _points(self, index: int) -> bool:
        token = self.tokens[index]
        if token.kind in ("human", "possessive", "place"):
            return True
        if token.kind == "thing":
            return not (token.word == "it" and _EMPTY_IT.search(self.text)) and not self._of_which(index)
        return self._points_with_noun(index)

    def _of_which(self, index: int) -> bool:
        """Return whether a word stands in "which one", which asks for something rather than pointing to it."""
        before = self.tokens[index - 1] if index else None
        if self.tokens[index].word in ("one", "ones"):
            return before is not None and before.kind != "asking"  # "that one": `that` is replaced
        return False

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
            if phrase.end > index or phrase.asked and token.kind != "possessive" or self._empty(phrase):
                continue
            between = self.tokens[phrase.end : index]
            if any(t.kind == "joining" or t.text in ",;.?!:" for t in between):
                return True
            if token.kind == "possessive" and not self.spanish:
                return True
            if token.word in _CLITICS and self.spanish and phrase.definite and not between:
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
            gender=_GENDER.get(token.word, "") if self.spanish else "",
        )
        if human and (name or person):
            return f"{name} ({topic.whole})" if name and topic else name or person
        if topic is None:
            return name
        if token.kind == "place":
            return f"{topic.root} ({name})" if name else topic.root
        return topic.whole if token.word in _WHOLE or human else topic.text

    def _put(self, text: str, index: int, meant: str) -> str:
        token = self.tokens[index]
        start, end = token.start, token.end
        following = self.tokens[index + 1] if index + 1 < len(self.tokens) else None
        if token.kind == "possessive":
            return self._owned(text, index, meant)
        if token.kind == "place":
            lead = "en" if self.spanish else "to" if self._moves(index) else "at"
            meant = f"{lead} {meant}"
        if token.kind == "determiner" and following is not None:
            if following.word in ("one", "ones") or following.word in meant.lower().split():
                end = following.end
            else:
                start = end = following.end
                meant = f" ({meant})"
        elif token.word.endswith(("'s", "'re")):
            meant += " is" if token.word.endswith("'s") else " are"
        return text[:start] + meant + text[end:]

    def _moves(self, index: int) -> bool:
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
