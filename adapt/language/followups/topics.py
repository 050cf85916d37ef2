"""What a question is about: the things that a later "it", "there" or "she" may point to, and which of them it does.

Not here: words and noun phrases (`adapt.language.followups.phrases`).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from adapt.language.followups.phrases import Phrase, chains, phrases
from adapt.language.followups.tokens import Token, read
from adapt.language.followups.words.languages import LANGUAGES
from adapt.language.followups.words.spanish import SPANISH
from adapt.language.followups.words.table import Words, word_set

_CITATION = re.compile(r"\s*\[\d+\]")
_OF = word_set("of for de del para")
_PLACED = word_set("in at to from en a al de del")
# attributes that are things of their own: "can I pay the deposit in cash?"
_THINGS = word_set(
    "deposit discount delivery shipping fianza descuento envio responsable autor autora dueño"
)
_FEMININE = word_set("la las una unas mi nuestra esta esa")
_MASCULINE = word_set("el los un unos nuestro este ese")


@dataclass(frozen=True)
class Topic:
    """A thing that a question named, in its words; `weight` says how likely a pronoun means it."""

    text: str
    weight: float
    plural: bool = False
    asked: bool = False  # what a question word asks for: "which towns"
    whole: str = ""  # with what only says which side is meant: "the price of the lamp"
    root: str = ""  # what all of it belongs to: "the hotel" of "the breakfast at the hotel"
    lead: str = ""  # the preposition before `root`: "in" Japan
    place: bool = False  # `root` is named as a place
    person: bool = False
    gender: str = ""  # Spanish: f, m


def topics(text: str, language: str) -> list[Topic]:
    """Return what a question is about, in the order of its words."""
    words = LANGUAGES[language]
    tokens = read(text, language)
    named: list[Topic] = []
    for chain in chains(tokens, phrases(tokens, language)):
        owner = _owner(chain, tokens, words)
        if owner:
            named.append(_topic(text, tokens, chain, owner, words))
    subject = _asked_subject(text, tokens, words)
    return [subject, *named] if subject else named


def _asked_subject(text: str, tokens: Sequence[Token], words: Words) -> Topic | None:
    """Return what "which bus goes to the station" asks for as a topic: "the bus that goes to the station"."""
    noun_phrases = phrases(tokens, "es" if words is SPANISH else "en")
    asked = next((p for p in noun_phrases if p.asked), None)
    if asked is None or asked.end >= len(tokens) or tokens[asked.end].kind != "verb":
        return None
    before = tokens[asked.start - 1].word
    opening = all(t.kind in ("mark", "asking", "joining") for t in tokens[: asked.start])
    if before not in ("which", "what", "que") or not opening or _generic(asked, tokens, words):
        return None
    noun = text[tokens[asked.start].start : tokens[asked.end - 1].end]
    rest = text[tokens[asked.end].start :].rstrip("?. ")
    if words is SPANISH and (" " not in rest or tokens[asked.head].word in words.attributes):
        return None  # "¿qué garantía tiene el horno?": the verb has another subject
    wording = f"{noun} que {rest}" if words is SPANISH else f"the {noun} that {rest}"
    plural = tokens[asked.head].word.endswith("s")
    return Topic(wording, 2.5, plural=plural, whole=wording, root=wording)


def _owner(chain: list[Phrase], tokens: Sequence[Token], words: Words) -> list[Phrase]:
    """Return a chain without what only says which side of the thing is meant: "the price of", "how many"."""
    kept = list(chain)
    while kept and _is_side(kept[0], tokens, words):
        rest = kept[1:]
        if rest and tokens[kept[0].end].word not in _OF and not _generic(kept[0], tokens, words):
            break
        kept = rest
    while kept and _generic(kept[-1], tokens, words):
        kept = kept[:-1]
    return kept


def _is_side(phrase: Phrase, tokens: Sequence[Token], words: Words) -> bool:
    if any(tokens[i].word.endswith(("'s", "s'")) for i in range(phrase.start, phrase.end)):
        return False  # "the lamp's warranty" names the lamp
    head = tokens[phrase.head].word
    plain = not any(tokens[i].name for i in range(phrase.start, phrase.end))
    side = head in words.attributes and head not in _THINGS
    return plain and (side or _generic(phrase, tokens, words))


def _generic(phrase: Phrase, tokens: Sequence[Token], words: Words) -> bool:
    nouns = [t for t in tokens[phrase.start : phrase.end] if t.kind == "noun"]
    return all(t.word in words.measures or t.word[0].isdigit() for t in nouns)


def _topic(
    text: str, tokens: Sequence[Token], chain: list[Phrase], owner_chain: list[Phrase], words: Words
) -> Topic:
    first, last = owner_chain[0], owner_chain[-1]
    inside = list(tokens[first.start : last.end])
    owner = next(
        (t for t in inside[:-1] if re.search(r"['\u2019]s?$", t.text) and t.kind == "noun"), None
    )
    end = inside[-1].end
    if owner is not None and inside[-1].word in words.attributes:
        end = owner.start + len(re.sub(r"['\u2019]s?$", "", owner.text))
    start = inside[0].start
    named = re.sub(r"['\u2019]s$", "", _lowered(text[start:end], inside[0]))
    if first.start and tokens[first.start - 1].word in ("del", "al"):
        named = f"el {named}"
    root = next((p for p in reversed(owner_chain) if p.definite), last)
    article = "el " if root.start and tokens[root.start - 1].word in ("del", "al") else ""
    head, opener = tokens[first.head].word, inside[0].word
    before = tokens[root.start - 1].word if root.start else ""
    opening, closing = tokens[chain[0].start], tokens[chain[-1].end - 1]
    return Topic(
        text=named,
        weight=0.0 if first.asked else 2.0 if first.definite else 1.0,
        plural=head.endswith("s") and not head.endswith(("ss", "us", "is")),
        asked=first.asked,
        whole=_lowered(text[opening.start : closing.end], opening),
        root=article
        + _lowered(
            text[tokens[root.start].start : max(tokens[root.start].end, end)], tokens[root.start]
        ),
        lead=before if before in _PLACED else "",
        place=before in _PLACED,
        person=tokens[chain[0].head].word in words.roles,
        gender="f" if opener in _FEMININE else "m" if opener in _MASCULINE else "",
    )


def _lowered(written: str, first: Token) -> str:
    """Return a phrase as it stands within a sentence."""
    return written[0].lower() + written[1:] if first.kind == "determiner" else written


def choose(
    candidates: Sequence[Topic],
    *,
    plural: bool | None = None,
    place: bool = False,
    gender: str = "",
) -> Topic | None:
    """Return the topic that is most likely meant, the first of equals; None where there is none."""

    def weight(topic: Topic) -> float:
        number = 1.5 if plural and topic.plural else -0.5 if plural is False and topic.plural else 0
        where = 2.0 if place and topic.place else 0
        agrees = (
            1.0 if gender and topic.gender == gender else -1.0 if gender and topic.gender else 0
        )
        return topic.weight + number + where + agrees

    return max(candidates, key=weight, default=None)


def named_in(answer: str, question: str, language: str) -> str:
    """Return the first name that an answer gives to a question for someone or something; empty where it gives none."""
    words = LANGUAGES[language]
    asked = read(question, language)
    seeks = next((t for t in asked if t.kind == "asking"), None)
    if seeks is None or seeks.word not in _SEEKING:
        return ""
    known = {token.word for token in asked}
    run: list[Token] = []
    tokens = read(_CITATION.sub("", answer), language)
    for token in [*tokens, None]:
        if token is not None and token.name and token.word not in words.times:
            run.append(token)
            continue
        if run and not any(t.word in known or t.word.removesuffix("'s") in known for t in run):
            return " ".join(t.text for t in run)
        run = []
    return ""


_WHO = re.compile(
    r"^[¿ ]*(?:and |y )?(who|qui[eé]n(?:es)?)\b(?! (?:is|are|was|were|es|son|fue|era)\b)(.+)$",
    re.IGNORECASE,
)


def person_asked_for(question: str, language: str) -> str:
    """Return words for the person that a question asks for, "the one who built the bridge"; empty where it asks for none."""
    match = _WHO.match(question.strip().rstrip("?. "))
    if match is None:
        return ""
    return f"quien{match[2]}" if language == "es" else f"the one who{match[2]}"


_SEEKING = word_set(
    "who who's whose which what what's where where's quien quienes que cual cuales donde de"
)
