"""Follow-up questions made whole: "And on Sunday?" after "When does the Marlow office open?" asks about that office.

What a question leaves to the conversation is put into it by rule, before anything is searched: pronouns, "and …?", a question
word alone, a comparison, a correction, a subject left out; English and Spanish. The user's words stay, and a question that says
by itself what it is about is not touched. Not here: kinds of words and noun phrases (`adapt.followups.phrases`), rewriting by a model
(`adapt.followups.rewriting`).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from adapt.followups.phrases import Phrase, Token, language_of, phrases, read
from adapt.followups.pronouns import Pointing
from adapt.followups.slots import fill, insert
from adapt.followups.topics import Topic, choose, named_in, person_asked_for, topics
from adapt.followups.words import LANGUAGES, REFUSAL, Words
from adapt.records import Message

LONGEST = 40  # words; a longer message says itself what it is about
REMEMBERED = 3  # questions back that a comparison may mean


@dataclass(frozen=True)
class Whole:
    """A question as it is to be searched; `rule` says what made it whole, and is empty where it was left as it is."""

    text: str
    rule: str = ""


@dataclass(frozen=True)
class _Talk:
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
class _Asked:
    """A question under a rule: its words and noun phrases; `body` is what follows "and", `led` says that there was one."""

    text: str
    body: str
    led: bool
    language: str
    tokens: tuple[Token, ...]
    phrases: tuple[Phrase, ...]

    @property
    def words(self) -> Words:
        return LANGUAGES[self.language]

    def has(self, *kinds: str) -> bool:
        return any(token.kind in kinds for token in self.tokens)


def whole_question(question: str, history: Sequence[Message]) -> Whole:
    """Return the text to search by for a question that ends a conversation.

    Args:
        history: the conversation so far, user and assistant in turn; of answers, only a name that one gave is used.
    """
    talk = _Talk()
    asked = ""
    for message in history:
        if message.role == "user":
            asked = _complete(message.content, talk).text
        elif message.role == "assistant" and asked:
            talk = _after(asked, message.content, talk)
            asked = ""
    return _complete(question, talk)


def _after(question: str, answer: str, talk: _Talk) -> _Talk:
    """Return what a conversation is about after one more question, whole, and its answer."""
    language = language_of(question, talk.language or language_of(answer, "en"))
    words = LANGUAGES[language]
    if words.talk.match(question) or len(question.split()) > 4 * LONGEST:
        return talk
    about = topics(question, language)
    if not about and not re.search(r"\?|\w+ \w+ \w+", question):
        return talk
    name = "" if REFUSAL.search(answer) else named_in(answer, question, language)
    earlier = (*about[:2], *talk.topics[:2], *talk.earlier)[: 2 * REMEMBERED]
    person = person_asked_for(question, language)
    return _Talk(question.strip(), language, tuple(about), name, person, tuple(earlier))


def _complete(question: str, talk: _Talk) -> Whole:
    text = " ".join(question.split())
    if not talk.question or not text or len(text.split()) > LONGEST:
        return Whole(question)
    language = language_of(text, talk.language)
    if LANGUAGES[language].talk.match(text):
        return Whole(question)
    asked = _asked(text, language)
    for rule in (_correction, _comparison, _condition, _verb, _slot, _fragment, _pronoun, _subject):
        made = rule(asked, talk)
        if made is not None and made.text != text:
            return made
    return Whole(question)


def _asked(text: str, language: str) -> _Asked:
    words = LANGUAGES[language]
    lead = words.leading.match(text.lstrip("¿ "))
    body = text.lstrip("¿ ")[lead.end() :] if lead else text
    tokens = tuple(read(text, language))
    return _Asked(
        text, body, lead is not None, language, tokens, tuple(phrases(tokens, language))
    )


def _correction(asked: _Asked, talk: _Talk) -> Whole | None:
    """ "No, I meant the Marlow office": the question before, with this in it."""
    said = asked.words.correction.match(asked.text)
    match = said or asked.words.refusal.match(asked.text)
    rest = asked.text[match.end() :].strip() if match else ""
    if not rest:
        return None
    rest = re.sub(r",? (?:not|y no|no) [^,?]+$", "", rest)
    inner = _asked(rest, asked.language)
    if inner.has("verb", "auxiliary", "asking", "person", "thing", "human"):
        if said is None:
            return None
        made = _complete(rest, talk)
        return Whole(made.text, "correction")
    return Whole(fill(talk.question, talk.language, rest.rstrip("?. ")), "correction")


def _comparison(asked: _Asked, talk: _Talk) -> Whole | None:
    """ "Which one is cheaper?": of those named before."""
    if not asked.words.comparison.search(asked.text) or any(
        p.definite and asked.tokens[p.head].word not in _OF_SEVERAL for p in asked.phrases
    ):
        return None
    several = [one for one in talk.topics if not one.asked]
    if len(several) < 2:
        several = [one for one in talk.earlier if not one.asked]
    named = list(dict.fromkeys(one.text for one in several))[:3]
    if not named:
        return None
    conjunction = " o " if asked.language == "es" else " or "
    return Whole(insert(asked.text, ", " + conjunction.join(named)), "comparison")


_OF_SEVERAL = frozenset("two dos three tres difference diferencia".split())


def _condition(asked: _Asked, talk: _Talk) -> Whole | None:
    """ "And if I am not at home?": the question before, with this at its end."""
    body = asked.body.strip("¿ ")
    start = asked.words.condition.match(body)
    inner = _asked(body, asked.language)
    questions = [t for t in inner.tokens[1:] if t.kind == "asking"]
    if not start or not (asked.led or asked.text.endswith("?")) or questions or "," in body:
        return None
    if not asked.led and not re.match(r"(?:what )?if\b|si\b", body, re.IGNORECASE):
        return None
    pointing = _pronoun(inner, talk)
    clause = pointing.text if pointing else body
    return Whole(insert(talk.question, ", " + clause.rstrip("?. ")), "condition")


def _verb(asked: _Asked, talk: _Talk) -> Whole | None:
    """ "And close?": the question before, with this verb."""
    body = [t for t in read(asked.body, asked.language) if t.kind != "mark"]
    if not asked.led or len(body) != 1 or body[0].kind not in ("verb", "filler"):
        return None
    tokens = read(talk.question, talk.language)
    verbs = [t for t in tokens if t.kind == "verb"] or [t for t in tokens if t.word in ("open", "closed")]
    if not verbs:
        return None
    old = verbs[-1]
    return Whole(talk.question[: old.start] + body[0].text + talk.question[old.end :], "ellipsis")


def _slot(asked: _Asked, talk: _Talk) -> Whole | None:
    """ "And on Sunday?", "And Fibre Max?": the question before, with this in its place."""
    body = _asked(asked.body, asked.language)
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
    if attribute and not owned and talk.topics:
        link = " de " if asked.language == "es" else " of "
        return Whole(insert(asked.text, link + choose(talk.topics).text), "ellipsis")
    return Whole(fill(talk.question, talk.language, filler), "ellipsis")


def _is_fragment(asked: _Asked) -> bool:
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


def _fragment(asked: _Asked, talk: _Talk) -> Whole | None:
    """ "In what year?", "how much?": the question before, asked for this."""
    if not asked.has("asking") or asked.has("verb", "auxiliary", "thing", "human", "place"):
        return None
    if any(p.definite or not p.asked for p in asked.phrases if not _generic(asked, p)):
        return None
    return Whole(_asked_for(asked.body.strip("¿? "), talk), "fragment")


def _asked_for(asking: str, talk: _Talk) -> str:
    """Return the question before with other question words: "Why was the railway closed?" for "When was …"."""
    start = 0
    tokens = read(talk.question, talk.language)
    asks = next((i for i, t in enumerate(tokens) if t.kind == "asking"), None)
    opening = tokens[: asks + 1] if asks is not None and asks < 3 else []
    side = next((p for p in phrases(tokens, talk.language) if p.asked and p.start == len(opening)), None)
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


def _pronoun(asked: _Asked, talk: _Talk) -> Whole | None:
    """ "How long does it last?": what the pronoun points to in its place."""
    pointing = Pointing(asked.text, asked.language, asked.tokens, asked.phrases)
    made = pointing.whole(talk.topics, talk.name, talk.person)
    if made is None:
        return None
    text = made if made else insert(asked.text, f" ({talk.question.rstrip('?. ')})")
    return Whole(text, "pronoun")


def _subject(asked: _Asked, talk: _Talk) -> Whole | None:
    """ "¿A qué hora abre?", "What is the price?": a question that names nothing has the subject of the one before."""
    topic = choose(talk.topics)
    if topic is None:
        return None
    if _NEEDED.search(asked.text) and not any(p.definite or not p.asked for p in asked.phrases):
        return Whole(insert(asked.text, f"{' para ' if asked.language == 'es' else ' for '}{topic.whole}"), "subject")
    if not _leaves_subject_out(asked):
        return None
    if any(p.definite for p in asked.phrases if not _generic(asked, p)):
        return Whole(insert(asked.text, f"{' de ' if asked.language == 'es' else ' of '}{topic.root}"), "subject")
    name = f" ({talk.name})" if talk.name else ""
    meant = f"{topic.text}{name}"
    if talk.person and _OF_A_PERSON.search(asked.text):
        meant = talk.name or talk.person
    return Whole(insert(asked.text, f"{_link(asked)}{meant}"), "subject")


_NEEDED = re.compile(
    r"\b(?:need|needed|required|necessary|hace(?:n)? falta|necesito|se necesitan?)\b", re.IGNORECASE
)
_OF_A_PERSON = re.compile(
    r"\b(?:naci[oó]|muri[oó]|vivi[oó]|vive|estudi[oó]|trabaja|trabaj[oó]|gana|es hij[oa]|se llama|born|die|live)\b", re.IGNORECASE
)
_OF_ANYTHING = re.compile(
    r"\b(?:is|are|was|were|costs?|lasts?|takes?|opens?|closes?|starts?|ends?|es|son|era|cuestan?|duran?|tardan?|empiezan?|"
    r"terminan?|abren?|cierran?|est[aá]n?|valen?)\b",
    re.IGNORECASE,
)


def _link(asked: _Asked) -> str:
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


def _leaves_subject_out(asked: _Asked) -> bool:
    """Return whether a question says nothing of what it is about: only a verb, a measure, or a side of something."""
    own = [p for p in asked.phrases if not _generic(asked, p)]
    sides = [p for p in own if asked.tokens[p.head].word in asked.words.attributes]
    named = [p for p in own if p not in sides]
    if _asks_the_speaker(asked):
        return False
    if any(asked.tokens[i].name for p in own for i in range(p.start, p.end)):
        return False
    if asked.language == "es" and _asks_of_something(asked, named):
        return True
    if not named:
        return bool(sides) and not _owned(asked) or not sides and _has_verb_of_a_thing(asked)
    if len(named) > 1:
        return False
    alone = named[0].end - named[0].start <= 2
    if named[0].definite:  # "And when is the breakfast?"
        return asked.led and alone and _OF_ANYTHING.search(asked.text) is not None
    return alone and named[0].bare and _has_or_there_is(asked)


def _asks_of_something(asked: _Asked, named: Sequence[Phrase]) -> bool:
    """Return whether Spanish asks for a side of a subject that it leaves out: "¿de qué material es?"."""
    verbs = [t.word for t in asked.tokens if t.kind == "verb"]
    return (
        len(named) == 1 and named[0].asked and len(verbs) == 1
        and verbs[0] in ("es", "son", "esta", "estan", "tiene", "tienen", "lleva", "incluye", "ofrece")
    )  # fmt: skip


def _asks_the_speaker(asked: _Asked) -> bool:
    """Return whether a question is about those who talk: "your address", "can I …", "¿puedo …?"."""
    own = re.search(
        r"\b(?:your?|my|our|i|we|us|me|i'm|you're|tus?|mis?|vuestr[oa]s?|nuestr[oa]s?|usted(?:es)?|puedo|podemos|tengo|debo|quiero|"
        r"necesito|hago|pido)\b",
        asked.text,
        re.IGNORECASE,
    )
    return own is not None


def _owned(asked: _Asked) -> bool:
    """Return whether something follows that a side belongs to: "the price of …", "the fee for …"."""
    return any(
        t.kind == "preposition" and t.word in asked.words.complement and following.kind != "mark"
        for t, following in zip(asked.tokens, asked.tokens[1:], strict=False)
        if following.word not in asked.words.measures | asked.words.attributes
    )


def _has_verb_of_a_thing(asked: _Asked) -> bool:
    return asked.has("verb") and (asked.has("asking") or asked.language == "es" or asked.led)


def _has_or_there_is(asked: _Asked) -> bool:
    """Return whether something is asked to be there: "is there parking?", "¿tiene piscina?"."""
    if asked.language == "es":
        return bool(
            re.match(
                r"[¿ ]*(?:y )?(?:tambi[eé]n )?(?:hay|tienen?|incluye|lleva|trae|ofrece|necesita|admite|acepta|permite)\b",
                asked.text,
                re.IGNORECASE,
            )
        )
    return bool(re.search(r"\b(?:is|are) there\b(?: any)? \w+\W*$", asked.text, re.IGNORECASE))


def _generic(asked: _Asked, phrase: Phrase) -> bool:
    inside = asked.tokens[phrase.start : phrase.end]
    return all(t.word in asked.words.measures or t.word[0].isdigit() for t in inside if t.kind == "noun")
