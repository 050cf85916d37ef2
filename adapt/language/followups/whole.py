"""Follow-up questions completed: "And on Sunday?" after "When does the Marlow office open?" asks about that office.

What a question leaves to the conversation is put into it by rule, before anything is searched: pronouns, "and …?", a
question word alone, a comparison, a correction, a subject left out; English and Spanish. The user's words stay, and a
question that says by itself what it is about is not touched. Not here: rewriting by a model
(`adapt.language.followups.rewriting`).
"""

import re
from collections.abc import Sequence

from adapt.language.followups.ellipsis import comparison, condition, fragment, slot, verb
from adapt.language.followups.pronouns import resolve
from adapt.language.followups.questions import Asked, Talk, Whole, read_question
from adapt.language.followups.slots import fill
from adapt.language.followups.subjects import subject
from adapt.language.followups.tokens import language_of
from adapt.language.followups.topics import named_in, person_asked_for, topics
from adapt.language.followups.words.languages import LANGUAGES, REFUSAL
from adapt.records import Message

LONGEST = 40  # words; a longer message says itself what it is about
REMEMBERED = 3  # questions back that a comparison may mean


def whole_question(question: str, history: Sequence[Message]) -> Whole:
    """Return the text to search by for a question that ends a conversation.

    Args:
        history: the conversation so far, user and assistant in turn; of answers, only a name that one gave is used.
    """
    talk = Talk()
    asked = ""
    for message in history:
        if message.role == "user":
            asked = _complete(message.content, talk).text
        elif message.role == "assistant" and asked:
            talk = _after(asked, message.content, talk)
            asked = ""
    return _complete(question, talk)


def _after(question: str, answer: str, talk: Talk) -> Talk:
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
    return Talk(question.strip(), language, tuple(about), name, person, tuple(earlier))


def _complete(question: str, talk: Talk) -> Whole:
    text = " ".join(question.split())
    if not talk.question or not text or len(text.split()) > LONGEST:
        return Whole(question)
    language = language_of(text, talk.language)
    if LANGUAGES[language].talk.match(text):
        return Whole(question)
    asked = read_question(text, language)
    if asked.words.wish.match(text) and "?" not in text and not asked.has("asking"):
        said_before = asked.words.correction.match(text) or asked.words.refusal.match(text)
        if not said_before:
            return Whole(question)
    for rule in (_correction, comparison, condition, verb, slot, fragment, resolve, subject):
        completed = rule(asked, talk)
        if completed is not None and completed.text != text:
            return completed
    return Whole(question)


def _correction(asked: Asked, talk: Talk) -> Whole | None:
    """Return the question before, corrected: "No, I meant the Marlow office"."""
    correction = asked.words.correction.match(asked.text)
    match = correction or asked.words.refusal.match(asked.text)
    rest = asked.text[match.end() :].strip() if match else ""
    if not rest:
        return None
    rest = re.sub(r",? (?:not|y no|no) [^,?]+$", "", rest)
    inner = read_question(rest, asked.language)
    if inner.has("verb", "auxiliary", "asking", "person", "thing", "human"):
        if correction is None:
            return None
        completed = _complete(rest, talk)
        return Whole(completed.text, "correction")
    return Whole(fill(talk.question, talk.language, rest.rstrip("?. ")), "correction")
