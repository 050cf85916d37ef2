"""A question's words with what each does there, and its noun phrases; English and Spanish, by tables and neighbours.

No parser: a few hundred words (`adapt.followups.words`) and what stands beside them. An unknown word is taken for a noun.
Not here: what a follow-up question points to (`adapt.followups.whole`).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from adapt.followups.words import ENGLISH, ENGLISH_PAST, LANGUAGES, SPANISH, Words, fold

Kind = Literal[
    "mark",
    "determiner",
    "preposition",
    "auxiliary",
    "verb",
    "asking",
    "joining",
    "person",  # a speaker: I, you
    "thing",  # a pronoun: it, them, eso, la (cobra)
    "human",  # he, her
    "possessive",
    "place",
    "filler",
    "time",
    "noun",
]
_TOKEN = re.compile(r"[^\W_]+(?:[.,:/'’@-][^\W_]+)*(?:['’](?=\s))?|[^\w\s]")
_SENTENCE_ENDS = ".?!¿¡:"
_BE = frozenset("is are was were be been isn't aren't will there's".split())
_DO = frozenset(
    "do does did can could will would should must may might don't doesn't didn't can't won't".split()
)
_BEFORE_VERBS = frozenset("who quien quienes cuando donde como".split())
_LA_O = frozenset("mano foto moto radio libido modelo".split())  # nouns in -o that take "la"
_EN_MARKS = frozenset("the is are was does do did how what when where who which of it and to in".split())
_ES_MARKS = frozenset(
    "el la los las es son que como cuando donde quien cual cuanto cuanta de del y en se un una por para".split()
)


@dataclass(frozen=True, slots=True)
class Token:
    """One word or mark; `word` is its folded form, `name` says that it is written as a name."""

    text: str
    word: str
    start: int
    end: int
    kind: Kind
    name: bool = False


@dataclass(frozen=True, slots=True)
class Phrase:
    """A noun phrase: tokens `start` to `end`; `head` is its noun, `asked` says that a question word opens it."""

    start: int
    end: int
    head: int
    definite: bool
    asked: bool
    bare: bool  # without a determiner


def language_of(text: str, default: str = "") -> str:
    """Return `en` or `es` by the small words of a text, and `default` where none tells."""
    words = [fold(word) for word in re.findall(r"[^\W\d_]+", text)]
    spanish = sum(word in _ES_MARKS for word in words) + 2 * bool(re.search("[¿¡ñáéíóúÑÁÉÍÓÚ]", text))
    english = sum(word in _EN_MARKS for word in words)
    if spanish == english:
        return default
    return "es" if spanish > english else "en"


def read(text: str, language: str) -> list[Token]:
    """Return the words and marks of a text in order."""
    words = LANGUAGES[language]
    matches = list(_TOKEN.finditer(text))
    tokens: list[Token] = []
    for index, match in enumerate(matches):
        written = match.group()
        word = fold(written)
        initial = not tokens or tokens[-1].text in _SENTENCE_ENDS
        following = fold(matches[index + 1].group()) if index + 1 < len(matches) else ""
        known = _known(word, words)
        name = written[0].isupper() and not initial and not text.isupper() and known in ("noun", "verb")
        name = name or (written[0].isupper() and initial and known == "noun" and _named(matches, index))
        kind: Kind = "noun" if name else _kind(written, following, tokens, words)
        tokens.append(Token(written, word, match.start(), match.end(), kind, name))
    return _settle(tokens, words)


def _named(matches: Sequence[re.Match[str]], index: int) -> bool:
    return index + 1 < len(matches) and matches[index + 1].group()[0].isupper()


def _known(word: str, words: Words) -> Kind:
    """Return what the tables alone say of a word; `noun` for one that they do not hold."""
    tables: tuple[tuple[frozenset[str], Kind], ...] = (
        (words.people, "human"),
        (words.determiners, "determiner"),
        (words.possessives, "possessive"),
        (words.things, "thing"),
        (words.places, "place"),
        (words.prepositions, "preposition"),
        (words.asking, "asking"),
        (words.auxiliaries, "auxiliary"),
        (words.joining, "joining"),
        (words.persons, "person"),
        (words.times, "time"),
        (words.fillers, "filler"),
        (words.verbs, "verb"),
    )
    return next((kind for table, kind in tables if word in table), "noun")


def _kind(written: str, following: str, before: Sequence[Token], words: Words) -> Kind:
    word = fold(written)
    if not written[0].isalnum():
        return "mark"
    opens = following[:1].isalnum() and _known(following, words) in ("noun", "determiner", "time")
    chosen = _english(word, following, before, opens=opens) if words is ENGLISH else None
    if words is SPANISH:
        chosen = _spanish(written, following, before, opens=opens)
    known = chosen or _known(word, words)
    after = before[-1].word if before else ""
    return "verb" if known == "noun" and after in _BEFORE_VERBS and written.islower() else known


def _english(word: str, following: str, before: Sequence[Token], *, opens: bool) -> Kind | None:
    previous = before[-1].word if before else ""
    if word in ENGLISH.demonstratives:
        after_noun = word == "that" and bool(before) and before[-1].kind in ("noun", "verb")
        relative = _known(following, ENGLISH) in ("person", "auxiliary", "verb")
        return "joining" if after_noun and relative else "determiner" if opens else "thing"
    if word in ("his", "her", "its", "their"):
        noun = opens or _known(following, ENGLISH) in ("filler", "verb")
        return "possessive" if noun or word in ("its", "their") else "human"
    if word in ("last", "next"):
        return "time" if _known(following, ENGLISH) == "time" else "verb" if word == "last" else "noun"
    if word == "there":
        return "filler" if previous in _BE or following in _BE else "place"
    if word == "when" and before and before[-1].kind not in ("mark", "joining", "preposition"):
        return "joining"
    if word in ("one", "ones") and _stands_for_a_noun(before) and not opens:
        return "thing" if previous in ("which", "that", "this", "other", "these", "those") else "noun"
    return None


def _stands_for_a_noun(before: Sequence[Token]) -> bool:
    return bool(before) and (before[-1].kind in ("noun", "determiner", "asking", "filler", "thing"))


def _spanish(
    written: str, following: str, before: Sequence[Token], *, opens: bool
) -> Kind | None:
    word, lower = fold(written), written.lower()
    verb_next = following in SPANISH.verbs or following in ("me", "te", "nos", "se", "pesa", "cobra")
    if word in ("lo", "la", "los", "las"):
        verb_next = verb_next or (word == "la" and following.endswith("o") and following not in _LA_O)
        return "thing" if verb_next else "filler" if word == "lo" else "determiner"
    if word == "hacia" and lower == "hacía":
        return "verb"
    if word in SPANISH.elliptic and word not in SPANISH.determiners and before and before[-1].kind in ("noun", "determiner"):
        return "noun"
    if word == "el":
        return "human" if lower == "él" or not following or not following[0].isalnum() else "determiner"
    if word in SPANISH.demonstratives:
        if opens and lower != "está":
            return "determiner"
        return "verb" if word in ("esta",) else "thing"
    if word in SPANISH.asking and word == lower and word not in ("quienes",):
        opening = all(t.kind in ("mark", "joining", "preposition", "filler") for t in before)
        return "asking" if opening else "joining"
    return None


def _settle(tokens: list[Token], words: Words) -> list[Token]:
    """Decide which of the words that may be verbs are nouns here: after an article, or before the clause's real verb."""
    settled = list(tokens)
    for index, token in enumerate(tokens):
        if token.kind == "verb" and _is_noun(settled, index, words):
            settled[index] = replace(token, kind="noun")
    return _give_a_verb(settled) if words is ENGLISH else settled


def _is_noun(tokens: Sequence[Token], index: int, words: Words) -> bool:
    before = tokens[index - 1] if index else None
    if before is None or before.kind in ("person", "human", "asking", "mark", "joining", "thing"):
        return False
    word = tokens[index].word
    if before.kind in ("determiner", "possessive"):
        return True
    if before.kind == "preposition":
        return before.word != "to" and not (words is SPANISH and word.endswith(("ar", "er", "ir")))
    if words is SPANISH or before.kind in ("auxiliary", "verb"):
        return False
    past = word.endswith("ed") or word in ENGLISH_PAST
    if not past and any(t.word in _BE and t.kind == "auxiliary" for t in tokens[:index]):
        return True  # "is the deadline for the first report …?" has its verb
    for later in range(index + 1, len(tokens)):  # after a noun: the last such word of the clause is the verb
        if tokens[later].kind in ("mark", "joining"):
            return False
        previous = tokens[later - 1]
        if tokens[later].kind == "verb":
            return previous.kind not in ("determiner", "possessive", "preposition")
    return False


def _give_a_verb(tokens: list[Token]) -> list[Token]:
    """Take the last word of a run of nouns for the verb where a clause with "does" has none: "does the heater beep"."""
    helpers = [i for i, t in enumerate(tokens) if t.word in _DO and t.kind == "auxiliary"]
    if not helpers or any(t.kind == "verb" or t.word in ("have", "be") for t in tokens[helpers[0] :]):
        return tokens
    run: list[int] = []
    for index in range(helpers[0] + 1, len(tokens)):
        if tokens[index].kind == "noun":
            run.append(index)
        elif run or tokens[index].kind != "determiner":
            break
    if len(run) > 1 and not tokens[run[-1]].name:
        tokens[run[-1]] = replace(tokens[run[-1]], kind="verb")
    return tokens


def phrases(tokens: Sequence[Token], language: str) -> list[Phrase]:
    """Return the noun phrases, each without what a preposition adds to it."""
    words = LANGUAGES[language]
    found: list[Phrase] = []
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
        found.append(
            Phrase(
                start=index,
                end=end,
                head=head,
                definite=opener.word in words.definite
                or (before is not None and before.word in ("del", "al"))
                or any(tokens[i].name for i in nouns),
                asked=opener.kind != "determiner" and asking is not None and asking.kind == "asking",
                bare=opener.kind != "determiner",
            )
        )
        index = end
    return found


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
