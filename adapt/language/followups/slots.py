"""A piece put into a question in the place of what it replaces: "And Fibre Max?" into "How much is the Basic plan?"."""

import re
from collections.abc import Callable, Sequence

from adapt.language.followups.phrases import Phrase, chains, phrases
from adapt.language.followups.tokens import Token, read
from adapt.language.followups.words.languages import LANGUAGES
from adapt.language.followups.words.table import Words, word_set

_FINAL = re.compile(r"[\s?.!]*$")


def insert(question: str, piece: str) -> str:
    """Return a question with a piece at its end, before its question mark."""
    end = _FINAL.search(question)
    body, mark = (question[: end.start()], end.group().strip()) if end else (question, "")
    if piece[:1] == " " and piece[1:4].lower() == "el " and body.lower().endswith(" de"):
        body, piece = body[:-3], " del " + piece[4:]
    return contract(f"{body}{piece}{mark if '?' in mark else '?'}")


def contract(text: str) -> str:
    """Return Spanish text with "de el" and "a el" as one word each."""
    return re.sub(r"\b([Dd]e|[Aa]) el (?=\w)", lambda m: f"{m[1]}l ", text)


class _Slots:
    """A question, and a filler for one of its phrases."""

    def __init__(self, question: str, language: str, filler: str) -> None:
        self.question = question
        self.words: Words = LANGUAGES[language]
        self.tokens = read(question, language)
        groups = chains(self.tokens, phrases(self.tokens, language))
        self.phrases = [p for group in groups if not group[0].asked for p in group]
        self.filler = filler
        # a word stands before it, so that its first capital is that of a name
        self.parts: Sequence[Token] = read(f"- {filler}", language)[1:]
        self.shift = 2
        self.inner = [
            Phrase(p.start - 1, p.end - 1, p.head - 1, p.definite, p.asked, p.bare)
            for p in phrases(read(f"- {filler}", language), language)
        ]

    def put(self, start: int, end: int, filler: str) -> str:
        """Return the question with a filler in place of its tokens `start` to `end`."""
        first, last = self.tokens[start], self.tokens[end - 1]
        if start == 0:
            filler = filler[0].upper() + filler[1:]
        return contract(self.question[: first.start] + filler + self.question[last.end :])

    def written(self, start: int, end: int) -> str:
        """Return the filler's tokens `start` to `end` as they are written."""
        return self.filler[self.parts[start].start - 2 : self.parts[end - 1].end - 2]


def fill(question: str, language: str, filler: str) -> str:
    """Return the question that a piece of one asks, in the words of the question before.

    The piece takes the place of the part that it is most like: a time that of a time, "in Japan" that of "in Morocco", a
    phrase that of one with the same noun, a name that of a name; what is like nothing stands at the end.
    """
    slots = _Slots(question, language, filler)
    if not slots.parts:
        return question
    ways: tuple[Callable[[_Slots], str | None], ...] = (
        _number,
        _time,
        _after_preposition,
        _same_noun,
        _for_a_noun_left_out,
        _name,
        _like,
    )
    for way in ways:
        text = way(slots)
        if text is not None:
            return text
    return insert(question, f", {filler}")


def _number(slots: _Slots) -> str | None:
    """Put a number in the place of a number: "and 43?" after "what does error 42 mean?"."""
    own = [t for t in slots.parts if t.kind == "noun"]
    places = [i for i, t in enumerate(slots.tokens) if t.text[0].isdigit()]
    if not places or len(own) != 1 or not own[0].text[0].isdigit() or len(slots.parts) > 2:
        return None
    return slots.put(places[-1], places[-1] + 1, own[0].text)


def _time(slots: _Slots) -> str | None:
    if not any(t.kind == "time" for t in slots.parts) or any(t.kind == "noun" for t in slots.parts):
        return None
    places = [i for i, t in enumerate(slots.tokens) if t.kind == "time"]
    if not places:
        return insert(slots.question, f" {slots.filler}")
    start, end = places[0], places[-1] + 1
    while start and slots.tokens[start - 1].kind in ("preposition", "determiner"):
        start -= 1
    return slots.put(start, end, slots.filler)


def _after_preposition(slots: _Slots) -> str | None:
    first = slots.parts[0]
    if first.kind != "preposition" or not slots.inner:
        return None
    same = {first.word, *_ALIKE.get(first.word, ())}
    for phrase in reversed(slots.phrases):
        before = slots.tokens[phrase.start - 1] if phrase.start else None
        means = phrase.bare and not phrase.definite and slots.inner[0].bare and first.word in _MEANS
        if before is not None and before.word in (same | _MEANS if means else same):
            new, old = slots.inner[0], phrase
            adjusted = _keep_head(slots, old, new)
            lead = slots.filler[: slots.parts[new.start].start - slots.shift]
            return slots.put(phrase.start - 1, phrase.end, f"{lead}{adjusted}")
    if first.word in ("of", "de", "del"):
        return None
    return insert(slots.question, f" {slots.filler}")


_ALIKE = {
    "a": ("al",),
    "al": ("a",),
    "de": ("del",),
    "del": ("de",),
    "in": ("at",),
    "at": ("in",),
    "en": ("a", "al"),
}


_MEANS = word_set("by in with con en por")  # in cash, by card


def _keep_head(slots: _Slots, old: Phrase, new: Phrase) -> str:
    """Return a new phrase with the noun of the old one, where it is a name alone and the old one is a name with a noun."""
    inside = slots.parts[new.start : new.end]
    names = [t for t in inside if t.kind == "noun"]
    text = slots.filler[slots.parts[new.start].start - slots.shift :]
    head = slots.tokens[old.head]
    known = {t.word for t in inside}
    named = any(slots.tokens[i].name for i in range(old.start, old.end) if i != old.head)
    if not all(t.name for t in names) or not named or head.name or head.word in known:
        return text
    modifiers = " ".join(t.text for t in names)
    start, end = slots.tokens[old.start].start, slots.tokens[old.end - 1].end
    written = slots.question[start:end]
    run = [i for i in range(old.start, old.end) if slots.tokens[i].name]
    first, last = slots.tokens[run[0]].start - start, slots.tokens[run[-1]].end - start
    return written[:first] + modifiers + written[last:]


def _same_noun(slots: _Slots) -> str | None:
    """A phrase with the same noun: "the Eastbrook office" for "the Marlow office"."""
    if not slots.inner or slots.parts[0].kind == "preposition":
        return None
    new = slots.inner[0]
    head = slots.parts[new.head].word
    for old in slots.phrases:
        if _singular(slots.tokens[old.head].word) == _singular(head):
            end = old.end
            if (
                len(slots.inner) > 1
            ):  # "la oficina de Eastbrook": the rest of the old one goes as well
                following = next((p for p in slots.phrases if p.start == old.end + 1), None)
                end = following.end if following else end
            return slots.put(old.start, end, slots.filler)
    return None


def _singular(word: str) -> str:
    return word.removesuffix("s")


def _for_a_noun_left_out(slots: _Slots) -> str | None:
    """Fill with "a blue one", "la azul", "la de Eastbrook", whose noun is that of the phrase before."""
    parts = slots.parts
    modified = [p for p in slots.phrases if p.end - p.start > 1]
    if not modified:
        return None
    if parts[-1].word in ("one", "ones"):
        old = next((p for p in modified if _modifiers(slots, p)), modified[0])
        head = slots.tokens[old.head].text
        return slots.put(old.start, old.end, f"{slots.written(0, len(parts) - 1)} {head}")
    spanish = parts[0].word in ("el", "la", "los", "las") and len(parts) > 1
    old = next((p for p in modified if slots.tokens[p.start].word == parts[0].word), modified[0])
    head = slots.tokens[old.head].text
    if spanish and parts[1].word in ("de", "del", "que"):
        following = next((p for p in slots.phrases if p.start == old.end + 1), None)
        end = following.end if following else old.end
        return slots.put(old.start, end, f"{parts[0].text} {head} {slots.written(1, len(parts))}")
    if spanish and len(parts) == 2 and (parts[1].word in slots.words.elliptic):
        return slots.put(old.start, old.end, f"{parts[0].text} {head} {parts[1].text}")
    return None


def _modifiers(slots: _Slots, phrase: Phrase) -> bool:
    return (
        sum(slots.tokens[i].kind in ("noun", "filler") for i in range(phrase.start, phrase.end)) > 1
    )


def _name(slots: _Slots) -> str | None:
    """A name for a name, which leaves the noun beside it: "Fibre Max" for "Basic" in "the Basic plan"."""
    if not slots.inner or slots.parts[0].kind == "preposition":
        return None
    new = slots.inner[0]
    names = [t for t in slots.parts[new.start : new.end] if t.kind == "noun"]
    if not all(t.name for t in names):
        return None
    named = [p for p in slots.phrases if any(t.name for t in slots.tokens[p.start : p.end])]
    beside = [
        p for p in named if not slots.tokens[p.head].name
    ]  # a name with a noun: the Basic plan
    alone = [p for p in named if p not in beside]
    if beside and alone and new.bare:
        return insert(slots.question, f", {slots.filler}")  # either may be meant
    if beside:
        return slots.put(beside[0].start, beside[0].end, _keep_head(slots, beside[0], new))
    return slots.put(alone[0].start, alone[0].end, slots.filler) if alone else None


def _like(slots: _Slots) -> str | None:
    """A phrase for the phrase that is opened alike; a word or two without an article for what stands before a noun."""
    if not slots.inner or slots.parts[0].kind == "preposition":
        return None
    new = slots.inner[0]
    own = [p for p in slots.phrases if slots.tokens[p.head].word not in slots.words.attributes]
    if new.definite:
        own = [p for p in own if p.definite] or own
        return slots.put(own[-1].start, own[-1].end, slots.filler) if own else None
    indefinite = [p for p in own if not p.definite]
    if indefinite:
        return slots.put(indefinite[0].start, indefinite[0].end, slots.filler)
    for old in own:
        nouns = [i for i in range(old.start, old.end) if slots.tokens[i].kind == "noun"]
        if len(nouns) > 1 and new.bare:
            first, last = (
                (nouns[1], nouns[-1] + 1) if nouns[0] == old.head else (nouns[0], nouns[-1])
            )
            return slots.put(first, last, slots.filler)
    return slots.put(own[-1].start, own[-1].end, slots.filler) if own else None
