"""A follow-up question rewritten by the model itself, where it is large enough, and checked before it is used.

Not here: the rules, which stand in where the model's question fails the check (`adapt.language.followups.whole`).
"""

import re
from collections.abc import Sequence

from adapt.language.followups.questions import Whole
from adapt.language.followups.tokens import language_of, read
from adapt.language.followups.whole import whole_question
from adapt.language.followups.words.languages import LANGUAGES
from adapt.language.followups.words.table import fold
from adapt.protocols import TextGenerator
from adapt.records import Message

TURNS = 3  # of the conversation go into the prompt
CUT = 400  # characters of a message that the prompt shows
LONGER = 3  # times the question, or the question before; more is no question but an answer
LEAST = 40  # characters that a whole question may have however short the follow-up
MOST_TOKENS = 80
PROMPT = (
    "Rewrite the last question so that it can be understood without the conversation: put what its pronouns mean in their "
    "place, and add what it leaves out. Keep its language, names and numbers. If it needs nothing, repeat it as it is. "
    "Write the question only, on one line.\n\n{talk}\nLast question: {question}"
)
_LABEL = re.compile(
    r"^\W*(?:(?:rewritten|last|whole|new) )?(?:question|pregunta)\s*:\s*", re.IGNORECASE
)


def rewrite(question: str, history: Sequence[Message], model: TextGenerator) -> Whole:
    """Return a question as the model completes it; as the rules do, where what it wrote fails the check."""
    ruled = whole_question(question, history)
    if not history or LANGUAGES[language_of(question, "en")].talk.match(question):
        return ruled
    shown = history[-2 * TURNS :]
    talk = "\n".join(
        f"{message.role.capitalize()}: {_flat(message.content)[:CUT]}" for message in shown
    )
    prompt = PROMPT.format(talk=talk, question=_flat(question))
    written = model.generate([Message("user", prompt)], max_new_tokens=MOST_TOKENS)
    text = _LABEL.sub("", written.strip()).strip('"“”«» ')
    if not is_sound(text, question, history):
        return ruled
    return Whole(text, "model") if _flat(text) != _flat(question) else Whole(question)


def is_sound(text: str, question: str, history: Sequence[Message]) -> bool:
    """Return whether a rewritten question can be trusted: one line, not long, names and numbers kept, none invented."""
    asked = [message.content for message in history if message.role == "user"]
    longest = LONGER * max(len(question), len(asked[-1]) if asked else 0, LEAST)
    if not text or "\n" in text or len(text) > longest:
        return False
    kept, own = _fixed(question), _fixed(text)
    talk = {word for message in history for word in _words(message.content)} | _words(question)
    return kept <= _words(text) and own <= talk and bool(_words(text) & talk)


def _fixed(text: str) -> set[str]:
    """Return the names and numbers of a text."""
    tokens = read(text, language_of(text, "en"))
    return {_bare(t.word) for t in tokens if t.name or t.word[0].isdigit()}


def _words(text: str) -> set[str]:
    return {_bare(t.word) for t in read(text, language_of(text, "en"))}


def _bare(word: str) -> str:
    return re.sub(r"['\u2019]s?$", "", fold(word))


def _flat(text: str) -> str:
    return " ".join(text.split())
