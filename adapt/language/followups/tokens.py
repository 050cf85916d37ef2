"""A question's words and marks, and what each does there; English and Spanish, by tables and neighbours.

No parser: a few hundred words (`adapt.language.followups.words.english`, `spanish`) and what stands beside them. An unknown
word is taken for a noun. Not here: noun phrases (`adapt.language.followups.phrases`).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from adapt.language.followups.words.english import ENGLISH, ENGLISH_PAST
from adapt.language.followups.words.languages import LANGUAGES
from adapt.language.followups.words.spanish import SPANISH
from adapt.language.followups.words.table import Words, fold, word_set

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
_TOKEN = re.compile(r"[^\W_]+(?:[.,:/'\u2019@-][^\W_]+)*(?:['\u2019](?=\s))?|[^\w\s]")
_SENTENCE_ENDS = ".?!¿¡:"
_BE = word_set("is are was were be been isn't aren't will there's")
_DO = word_set(
    "do does did can could will would should must may might don't doesn't didn't can't won't"
)
_BEFORE_A_VERB = word_set("person human asking mark joining thing")  # kinds
_BEFORE_VERBS = word_set("who quien quienes cuando donde como")
_BEFORE_ONE = word_set("which that this other these those")
_LA_O = word_set("mano foto moto radio libido modelo")  # nouns in -o that take "la"
_EN_MARKS = word_set("the is are was does do did how what when where who which of it and to in")
_ES_MARKS = word_set(
    "el la los las es son que como cuando donde quien cual cuanto cuanta de del y en se un una por para"
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


def language_of(text: str, default: str = "") -> str:
    """Return `en` or `es` by the small words of a text, and `default` where none tells."""
    words = [fold(word) for word in re.findall(r"[^\W\d_]+", text)]
    spanish = sum(word in _ES_MARKS for word in words) + 2 * bool(
        re.search("[¿¡ñáéíóúÑÁÉÍÓÚ]", text)
    )
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
        name = (
            written[0].isupper()
            and not initial
            and not text.isupper()
            and known in ("noun", "verb")
        )
        name = name or (
            written[0].isupper() and initial and known == "noun" and _named(matches, index)
        )
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
    """Return what an English word is by its neighbours; None where the tables decide."""
    next_kind = _known(following, ENGLISH)
    if word in ENGLISH.demonstratives:
        after_noun = word == "that" and bool(before) and before[-1].kind in ("noun", "verb")
        relative = next_kind in ("person", "auxiliary", "verb")
        return "joining" if after_noun and relative else "determiner" if opens else "thing"
    if word in ("his", "her"):
        return "possessive" if opens or next_kind in ("filler", "verb") else "human"
    if word in ("last", "next"):
        otherwise: Kind = "verb" if word == "last" else "noun"
        return "time" if next_kind == "time" else otherwise
    return _english_small_word(word, following, before, opens=opens)


def _english_small_word(
    word: str, following: str, before: Sequence[Token], *, opens: bool
) -> Kind | None:
    previous = before[-1] if before else None
    if word == "there":
        is_there = following in _BE or (previous is not None and previous.word in _BE)
        return "filler" if is_there else "place"
    if previous is None:
        return None
    if word == "when" and previous.kind not in ("mark", "joining", "preposition"):
        return "joining"
    stands = previous.kind in ("noun", "determiner", "asking", "filler", "thing")
    if word in ("one", "ones") and stands and not opens:
        return "thing" if previous.word in _BEFORE_ONE else "noun"
    return None


def _spanish(written: str, following: str, before: Sequence[Token], *, opens: bool) -> Kind | None:
    """Return what a Spanish word is by its accent and neighbours; None where the tables decide."""
    word, lower = fold(written), written.lower()
    if word in ("lo", "la", "los", "las"):
        before_verb = following in SPANISH.verbs or following in ("me", "te", "nos", "se")
        before_verb = before_verb or (
            word == "la" and following.endswith("o") and following not in _LA_O
        )
        return "thing" if before_verb else "filler" if word == "lo" else "determiner"
    if word == "el":
        alone = not following[:1].isalnum()
        return "human" if lower == "él" or alone else "determiner"
    if word in SPANISH.demonstratives:
        alone_kind: Kind = "verb" if word == "esta" else "thing"
        return "determiner" if opens and lower != "está" else alone_kind
    if word in SPANISH.asking and word == lower and word != "quienes":  # without its accent
        opening = all(t.kind in ("mark", "joining", "preposition", "filler") for t in before)
        return "asking" if opening else "joining"
    elliptic = word in SPANISH.elliptic and word not in SPANISH.determiners
    if elliptic and before and before[-1].kind in ("noun", "determiner"):
        return "noun"
    return "verb" if lower == "hacía" else None


def _settle(tokens: list[Token], words: Words) -> list[Token]:
    """Decide which of the words that may be verbs are nouns here: after an article, or before the clause's real verb."""
    settled = list(tokens)
    for index, token in enumerate(tokens):
        if token.kind == "verb" and _is_noun(settled, index, words):
            settled[index] = replace(token, kind="noun")
    return _give_a_verb(settled) if words is ENGLISH else settled


def _is_noun(tokens: Sequence[Token], index: int, words: Words) -> bool:
    before = tokens[index - 1] if index else None
    if before is None or before.kind in _BEFORE_A_VERB:
        return False
    word = tokens[index].word
    if before.kind in ("determiner", "possessive"):
        return True
    if before.kind == "preposition":
        infinitive = words is SPANISH and word.endswith(("ar", "er", "ir"))
        return before.word != "to" and not infinitive
    if words is SPANISH or before.kind in ("auxiliary", "verb"):
        return False
    past = word.endswith("ed") or word in ENGLISH_PAST
    has_verb = any(t.word in _BE and t.kind == "auxiliary" for t in tokens[:index])
    # "is the deadline for the first report …?" has its verb
    return (has_verb and not past) or _verb_follows(tokens, index)


def _verb_follows(tokens: Sequence[Token], index: int) -> bool:
    """Return whether a later word of the clause is its verb: of several that may be, the last is."""
    for later in range(index + 1, len(tokens)):
        if tokens[later].kind in ("mark", "joining"):
            return False
        if tokens[later].kind == "verb":
            return tokens[later - 1].kind not in ("determiner", "possessive", "preposition")
    return False


def _give_a_verb(tokens: list[Token]) -> list[Token]:
    """Take the last word of a run of nouns for the verb where a clause with "does" has none: "does the heater beep"."""
    helpers = [i for i, t in enumerate(tokens) if t.word in _DO and t.kind == "auxiliary"]
    if not helpers or any(
        t.kind == "verb" or t.word in ("have", "be") for t in tokens[helpers[0] :]
    ):
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
