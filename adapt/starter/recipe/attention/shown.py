"""Where the sentences of a prompt's passages stand among its tokens, and so where a reply should look while it quotes."""

import bisect
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from tokenizers import Encoding

from adapt.starter.recipe.attention.guides import Guide
from adapt.starter.recipe.texts.mixed import stem

_NUMBER = re.compile(r"^\[(\d+)\] ", re.MULTILINE)
EVERY = 5  # tokens of a sentence that are shown its beginning; they all learn the same
MOST_SENTENCES = 2  # that hold a word of the question, for it to show which one is asked for
_ASKING = re.compile(
    r"\b(?:when|who|whom|whose|where|why|how(?: (?:many|much|long|old|big|large|tall|far|high|deep|often))?"
    r"|(?:what|which) (?:year|date|day|time|city|country|number|price)|what|which"
    r"|cuándo|cuando|quién(?:es)?|dónde|donde|por qué|qué(?: (?:año|día|hora|ciudad|país))?|cuánt[oa]s?|cuál(?:es)?|cómo)\b",
    re.IGNORECASE,
)
_CITED = re.compile(r" \[(\d+)\]$")


@dataclass(frozen=True)
class ShownQuestion:
    """A question as it stands in the sample: its text, its tokens, the index of the first, and the words that answer it."""

    content: str
    encoding: Encoding
    first: int
    span: str = ""


class Shown:
    """The sentences of one system message; `first` is the index of its first token in the sample."""

    def __init__(
        self, content: str, encoding: Encoding, first: int, choices: Sequence[str]
    ) -> None:
        offsets = encoding.offsets  # a new list at every access
        self._starts = [start for start, _ in offsets]
        self._first = first
        self._sentences: list[tuple[str, int]] = []
        place = max(content.find("Earlier feedback from this user:"), 0)
        for choice in choices:
            start_of = content.find(choice, place)
            if start_of < 0:
                start_of = content.find(choice)
            if start_of >= 0:
                self._sentences.append((choice, start_of))
                place = start_of
        self._numbers = {
            int(match.group(1)): self._token(match.start(1)) for match in _NUMBER.finditer(content)
        }
        self._numbered = sorted(
            (match.start(), int(match.group(1))) for match in _NUMBER.finditer(content)
        )
        # by word, or what a token holds of it: (sentence, token) wherever it stands
        self._words: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for index, (sentence, place) in enumerate(self._sentences):
            for token in range(*self._span(sentence, place)):
                start, end = offsets[token - first]
                self._words[_key(content[start:end])].append((index, token))

    def _token(self, place: int) -> int:
        """Return the index in the sample of the token that holds a character."""
        return self._first + bisect.bisect_right(self._starts, place) - 1

    def _span(self, sentence: str, place: int) -> tuple[int, int]:
        return self._token(place), self._token(place + len(sentence) - 1) + 1

    def guide_passages(self, guide: Guide) -> None:
        """Show some tokens of each passage the beginning of their sentence and the number of their passage."""
        for sentence, place in self._sentences:
            start, end = self._span(sentence, place)
            some = range(start + place % EVERY, end, EVERY)
            guide.sentence.extend((token, start) for token in some)
            earlier = [number for begun, number in self._numbered if begun < place]
            if earlier:
                number = self._numbers[earlier[-1]]
                guide.number.extend((token, number) for token in some)

    def guide_reply(
        self,
        guide: Guide,
        asked: ShownQuestion,
        content: str,
        body: Encoding,
        first: int,
        *,
        pointed: Sequence[tuple[int, int]] = (),
    ) -> None:
        """Show a reply what to copy and its question where to look; `first` is the index of the reply's first token.

        What is `pointed` to, as spans of characters, is copied from elsewhere.

        A token is predicted by the one before it, so that is the one that looks.
        """
        index, quoted = self._quoted(content)
        if index is None:
            guide.gather.append((first - 1, 0))
            guide.copy.extend((first - 1 + offset, 0) for offset in range(len(body.ids) - 1))
            return
        sentence, place = self._sentences[index]
        self._guide_question(guide, asked, index, first - 1)
        begins = content.index(quoted)
        cited = _CITED.search(content)
        for offset, (at, ends) in enumerate(body.offsets[:-1]):
            if any(start < ends and at < end for start, end in pointed):
                continue
            target = 0
            if begins <= at < begins + len(quoted):
                target = self._token(place + sentence.index(quoted) + at - begins)
            elif cited and at == cited.start(1):
                target = self._numbers[int(cited.group(1))]
            begun = begins <= at < begins + 1
            (guide.begin if begun else guide.copy).append((first - 1 + offset, target))

    def _quoted(self, content: str) -> tuple[int | None, str]:
        """Return the index of the sentence that a reply quotes, with the words of it that stand in the reply."""
        whole = [
            (len(sentence), i)
            for i, (sentence, _) in enumerate(self._sentences)
            if sentence in content
        ]
        if whole:
            index = max(whole)[1]
            return index, self._sentences[index][0]
        cited = _CITED.search(content)
        words = (
            content[: cited.start()] if cited else ""
        )  # a short answer: some words of a sentence
        if words:
            for index, (sentence, _) in enumerate(self._sentences):
                if words in sentence:
                    return index, words
        return None, ""

    def _guide_question(self, guide: Guide, asked: ShownQuestion, index: int, looks: int) -> None:
        """Show the question's words their like in one sentence, where few sentences have them, and the reply those words.

        The words that ask (when, who, how many) are shown the words that answer, so that they learn to look for such.
        """
        answer = self._answer(asked, index)
        asking = [match.span() for match in _ASKING.finditer(asked.content)] if answer else []
        for offset, (start, end) in enumerate(asked.encoding.offsets):
            key = _key(asked.content[start:end])
            if not key:
                continue
            if answer and any(begin <= end - 1 < stop for begin, stop in asking):
                guide.gather.append((looks, asked.first + offset))
                guide.match.append((asked.first + offset, answer))
                continue
            occurrences = self._words.get(key, [])
            here = [token for sentence, token in occurrences if sentence == index]
            if not here or len({sentence for sentence, _ in occurrences}) > MOST_SENTENCES:
                continue
            guide.gather.append((looks, asked.first + offset))
            if len(occurrences) == 1:
                guide.match.append((asked.first + offset, here[0]))

    def _answer(self, asked: ShownQuestion, index: int) -> int | None:
        """Return the index of the token with which the words that answer begin in a sentence."""
        sentence, place = self._sentences[index]
        within = sentence.find(asked.span) if asked.span else -1
        return self._token(place + within) if within >= 0 else None


def _key(text: str) -> str:
    """Return what is compared of a token: letters and digits, without case and common endings."""
    return stem(text.strip()) if any(map(str.isalnum, text)) else ""
