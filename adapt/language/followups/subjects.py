"""Questions that leave their subject out: "¿A qué hora abre?", "What is the price?", "Is there parking?"."""

import re
from collections.abc import Sequence

from adapt.language.followups.phrases import Phrase
from adapt.language.followups.questions import Asked, Talk, Whole
from adapt.language.followups.slots import insert
from adapt.language.followups.topics import choose

_NEEDED = re.compile(
    r"\b(?:need|needed|required|necessary|hace(?:n)? falta|necesito|se necesitan?)\b", re.IGNORECASE
)
_OF_A_PERSON = re.compile(
    r"\b(?:naci[oó]|muri[oó]|vivi[oó]|vive|estudi[oó]|trabaja|trabaj[oó]|gana|es hij[oa]|se llama|born|die|live)\b",
    re.IGNORECASE,
)
_OF_ANYTHING = re.compile(
    r"\b(?:is|are|was|were|costs?|lasts?|takes?|opens?|closes?|starts?|ends?|es|son|era|cuestan?|duran?|tardan?|empiezan?|"
    r"terminan?|abren?|cierran?|est[aá]n?|valen?)\b",
    re.IGNORECASE,
)


def subject(asked: Asked, talk: Talk) -> Whole | None:
    """Return the question with the subject of the one before where it names nothing: "¿A qué hora abre?"."""
    topic = choose(talk.topics)
    if topic is None:
        return None
    if _NEEDED.search(asked.text) and not any(p.definite or not p.asked for p in asked.phrases):
        return Whole(
            insert(asked.text, f"{' para ' if asked.language == 'es' else ' for '}{topic.whole}"),
            "subject",
        )
    if not _leaves_subject_out(asked):
        return None
    if any(p.definite for p in asked.phrases if not asked.generic(p)):
        return Whole(
            insert(asked.text, f"{' de ' if asked.language == 'es' else ' of '}{topic.root}"),
            "subject",
        )
    name = f" ({talk.name})" if talk.name and (talk.person or topic.person) else ""
    meant = f"{topic.text}{name}"
    if talk.person and _OF_A_PERSON.search(asked.text):
        meant = talk.name or talk.person
    return Whole(insert(asked.text, f"{_link(asked)}{meant}"), "subject")


def _link(asked: Asked) -> str:
    """Return what joins a subject to the end of a question."""
    last = next((t.word for t in reversed(asked.tokens) if t.kind != "mark"), "")
    side = any(asked.tokens[p.head].word in asked.words.attributes for p in asked.phrases)
    if asked.language == "es":
        if re.search(r"\bhay\b", asked.text, re.IGNORECASE):
            return " para " if side else " en "
        if last.endswith(("ar", "er", "ir")):
            return " en "
        if re.search(r"\bc[oó]mo (?:se )?(?:lleg|va|voy|ir)", asked.text, re.IGNORECASE):
            return " a "
        return " de " if last in asked.words.attributes else " "
    if "there" in {t.word for t in asked.tokens}:
        return " in "
    return " of " if last in asked.words.attributes else " for " if side else ", "


def _leaves_subject_out(asked: Asked) -> bool:
    """Return whether a question says nothing of what it is about: only a verb, a measure, or a side of something."""
    own = [p for p in asked.phrases if not asked.generic(p)]
    sides = [p for p in own if asked.tokens[p.head].word in asked.words.attributes]
    named = [p for p in own if p not in sides]
    if _asks_the_speaker(asked) or any(t.name for p in own for t in asked.tokens[p.start : p.end]):
        return False
    if asked.language == "es" and _asks_of_something(asked, named):
        return True
    if not named:
        return (bool(sides) and not _owned(asked)) or (not sides and _has_verb_of_a_thing(asked))
    alone = len(named) == 1 and named[0].end - named[0].start <= 2
    if named[0].definite:  # "And when is the breakfast?"
        return asked.led and alone and _OF_ANYTHING.search(asked.text) is not None
    return alone and _has_or_there_is(asked)


def _asks_of_something(asked: Asked, named: Sequence[Phrase]) -> bool:
    """Return whether Spanish asks for a side of a subject that it leaves out: "¿de qué material es?"."""
    verbs = [t.word for t in asked.tokens if t.kind == "verb"]
    return (
        len(named) == 1 and named[0].asked and len(verbs) == 1
        and verbs[0] in ("es", "son", "esta", "estan", "tiene", "tienen", "lleva", "incluye", "ofrece")
    )  # fmt: skip


def _asks_the_speaker(asked: Asked) -> bool:
    """Return whether a question is about those who talk: "your address", "can I …", "¿puedo …?"."""
    own = re.search(
        r"\b(?:your?|my|our|i|we|us|me|i'm|you're|tus?|mis?|vuestr[oa]s?|nuestr[oa]s?|usted(?:es)?|puedo|podemos|tengo|debo|quiero|"
        r"necesito|hago|pido)\b",
        asked.text,
        re.IGNORECASE,
    )
    return own is not None


def _owned(asked: Asked) -> bool:
    """Return whether something follows that a side belongs to: "the price of …", "the fee for …"."""
    return any(
        t.kind == "preposition" and t.word in asked.words.complement and following.kind != "mark"
        for t, following in zip(asked.tokens, asked.tokens[1:], strict=False)
        if following.word not in asked.words.measures | asked.words.attributes
    )


def _has_verb_of_a_thing(asked: Asked) -> bool:
    return asked.has("verb") and (asked.has("asking") or asked.language == "es" or asked.led)


def _has_or_there_is(asked: Asked) -> bool:
    """Return whether something is asked to be there: "is there parking?", "¿tiene piscina?"."""
    if asked.language == "es":
        return bool(
            re.match(
                r"[¿ ]*(?:y )?(?:tambi[eé]n )?(?:hay|tienen?|incluye|lleva|trae|ofrece|necesita|admite|acepta|permite)\b",
                asked.text,
                re.IGNORECASE,
            )
        )
    return bool(re.search(r"\b(?:is|are) there\b(?: any| an?)? \w+\W*$", asked.text, re.IGNORECASE))
