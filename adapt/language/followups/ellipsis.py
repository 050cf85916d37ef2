"""What only a piece of a question asks: "And on Sunday?", "in what year?", "which one is cheaper?", "and if I am late?".

Each rule returns the whole question, or None where it does not apply. Not here: how a piece finds its place
(`adapt.language.followups.slots`), pronouns, subjects left out.
"""

import re

from adapt.language.followups.phrases import phrases
from adapt.language.followups.pronouns import resolve
from adapt.language.followups.questions import Asked, Talk, Whole, read_question
from adapt.language.followups.slots import fill, insert
from adapt.language.followups.tokens import read
from adapt.language.followups.topics import choose
from adapt.language.followups.words.languages import LANGUAGES
from adapt.language.followups.words.table import word_set

_OF_SEVERAL = word_set("two dos three tres difference diferencia")


def comparison(asked: Asked, talk: Talk) -> Whole | None:
    """Return "Which one is cheaper?" with the things named before."""
    if not asked.words.comparison.search(asked.text) or any(
        p.definite and asked.tokens[p.head].word not in _OF_SEVERAL for p in asked.phrases
    ):
        return None
    several = [topic for topic in talk.topics if not topic.asked]
    if len(several) < 2:
        several = [topic for topic in talk.earlier if not topic.asked]
    named = list(dict.fromkeys(topic.text for topic in several))[:3]
    if not named:
        return None
    conjunction = " o " if asked.language == "es" else " or "
    return Whole(insert(asked.text, ", " + conjunction.join(named)), "comparison")


def condition(asked: Asked, talk: Talk) -> Whole | None:
    """Return the question before with "and if I am not at home?" at its end."""
    body = asked.body.strip("¿ ")
    start = asked.words.condition.match(body)
    inner = read_question(body, asked.language)
    questions = [t for t in inner.tokens[1:] if t.kind == "asking"]
    if not start or not (asked.led or asked.text.endswith("?")) or questions or "," in body:
        return None
    if not asked.led and not re.match(r"(?:what )?if\b|si\b", body, re.IGNORECASE):
        return None
    pointing = resolve(inner, talk)
    clause = pointing.text if pointing else body
    return Whole(insert(talk.question, ", " + clause.rstrip("?. ")), "condition")


def verb(asked: Asked, talk: Talk) -> Whole | None:
    """Return the question before with another verb: "And close?"."""
    body = [t for t in read(asked.body, asked.language) if t.kind != "mark"]
    if not asked.led or len(body) != 1 or body[0].kind not in ("verb", "filler"):
        return None
    tokens = read(talk.question, talk.language)
    verbs = [t for t in tokens if t.kind == "verb"] or [
        t for t in tokens if t.word in ("open", "closed")
    ]
    if not verbs:
        return None
    old = verbs[-1]
    return Whole(talk.question[: old.start] + body[0].text + talk.question[old.end :], "ellipsis")


def slot(asked: Asked, talk: Talk) -> Whole | None:
    """Return the question before with a piece of it replaced: "And on Sunday?", "And Fibre Max?"."""
    body = read_question(asked.body, asked.language)
    if body.has("verb", "auxiliary", "asking", "thing", "human", "possessive", "place", "person"):
        return None
    if not body.has("noun", "time"):
        return None
    if not asked.led and not _is_fragment(asked):
        return None
    filler = asked.body.strip("¿?.! ")
    first = body.phrases[0] if body.phrases else None
    owned = [t for t in body.tokens if t.kind == "preposition" and t.word in asked.words.complement]
    attribute = first is not None and body.tokens[first.head].word in asked.words.attributes
    topic = choose(talk.topics)
    if attribute and not owned and topic is not None:
        link = " de " if asked.language == "es" else " of "
        return Whole(insert(asked.text, link + topic.text), "ellipsis")
    return Whole(fill(talk.question, talk.language, filler), "ellipsis")


def _is_fragment(asked: Asked) -> bool:
    """Return whether a question without "and" goes on with the one before: "on Sunday?", "the Marlow office?", "price?"."""
    kinds = [token.kind for token in asked.tokens if token.kind != "mark"]
    first = next(token for token in asked.tokens if token.kind != "mark")
    if len(kinds) > 5:
        return False
    if first.word in asked.words.attributes and len(kinds) == 1:
        return True
    return asked.text.endswith("?") and (
        kinds[0] in ("preposition", "determiner", "time") or all(t.name for t in asked.tokens[:-1])
    )


def fragment(asked: Asked, talk: Talk) -> Whole | None:
    """Return the question before with other question words: "In what year?", "how much?"."""
    if not asked.has("asking") or asked.has("verb", "auxiliary", "thing", "human", "place"):
        return None
    if any(p.definite or not p.asked for p in asked.phrases if not asked.generic(p)):
        return None
    return Whole(_asked_for(asked.body.strip("¿? "), talk), "fragment")


def _asked_for(asking: str, talk: Talk) -> str:
    """Return the question before with other question words: "Why was the railway closed?" for "When was …"."""
    start = 0
    tokens = read(talk.question, talk.language)
    asks = next((i for i, t in enumerate(tokens) if t.kind == "asking"), None)
    opening = tokens[: asks + 1] if asks is not None and asks < 3 else []
    side = next(
        (p for p in phrases(tokens, talk.language) if p.asked and p.start == len(opening)), None
    )
    if side is not None and tokens[side.head].word in LANGUAGES[talk.language].attributes:
        opening = tokens[: side.end]
    for token in tokens[len(opening) :] if opening else tokens:
        if token.kind not in ("mark", "asking", "filler"):
            start = token.start
            break
    core = talk.question[start:].rstrip("?. ")
    if tokens and not any(t.start == start and t.name for t in tokens):
        core = core[:1].lower() + core[1:]
    mark = "¿" if talk.language == "es" else ""
    return f"{mark}{asking} {core}?"
