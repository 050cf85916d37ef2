"""The reply where a model without knowledge of facts is asked for one and there is nothing to quote.

The starter as it ships has read no encyclopedia: left to itself it makes a word up. What it does without documents stays
with it: greetings, dates, preferences, small tasks on a given text, questions about itself. English and Spanish.
"""

import re

from adapt.language.followups.tokens import language_of
from adapt.language.followups.words.languages import LANGUAGES

SAID = {
    "en": (
        "I am the small model that ships with Adapt, and I know no facts by myself: I answer from your documents. Add some "
        "(adapt ingest FOLDER, or the page Documents) and choose their collection, or choose a larger model."
    ),
    "es": (
        "Soy el modelo pequeño que viene con Adapt y no sé datos por mí mismo: respondo con tus documentos. Añade algunos "
        "(adapt ingest CARPETA, o la página Documents) y elige su colección, o elige un modelo más grande."
    ),
}
_ASKS = re.compile(
    r"^[¿¡\W]*(?:(?:please|so|and|but|ok|por favor|y|pero|oye)\b[, ]*)*[¿ ]*(?:"
    r"who(?:se|m)?|what|which|when|where|why|how|what's|who's|when's|where's|whats|"
    r"qu[eé]|qui[eé]n(?:es)?|cu[aá]l(?:es)?|cu[aá]ndo|d[oó]nde|c[oó]mo|cu[aá]nt[oa]s?|(?:por|en|a|de) qu[eé]|"
    r"tell me (?:about|who|what|which|when|where|why|how|if|whether|the|something about|everything about|more about)|"
    r"explain|describe|define|name (?:a|an|the|some|two|three)|give me (?:the|a list)|list (?:the|all|some)|i want to know|"
    r"do you know|dime (?:qu|cu|d[oó]nde|c[oó]mo|por qu|si |el |la |los |las |algo sobre|m[aá]s sobre)|"
    r"expl[ií]ca(?:me)?|cu[eé]ntame|h[aá]blame (?:de|sobre)|nombra|quiero saber|sabes)",
    re.IGNORECASE,
)
# about the assistant itself, or a task on a text that stands in the message
_OWN = re.compile(
    r"\b(?:(?:who|what|how) are you\b|your (?:name|job|purpose)|you (?:do|doing|help|good for|called|well|human|real|"
    r"a person|a robot|a bot|an ai)\b|(?:can|do|could|will) you (?:please )?(?:help|speak|talk|hear|understand|"
    r"remember|know a joke)|a joke|my name|me a favou?r|c[oó]mo (?:est[aá]s|te (?:va|llamas|encuentras))|qu[eé] tal\b|"
    r"tu nombre|qui[eé]n eres|qu[eé] eres|eres (?:una?|human[oa]|real)\b|(?:puedes|sabes) (?:hacer|ayudar|hablar|entender)|"
    r"hablas (?:espa|ingl|otr)|un chiste|mi nombre|me llamo)|"
    r"\b(?:YYYY|AAAA|ISO)\b|\b(?:repeat|spell|uppercase|reverse|backwards|copy this|word of|words are in|repite|deletrea|"
    r"invierte|en may[uú]sculas|in capitals)\b",
    re.IGNORECASE,
)
_GIVEN = re.compile(r":\s+\S+")  # "find the number in this text: …"


def asks_for_fact(text: str) -> bool:
    """Return whether a message asks for something that one has to know, in English or Spanish."""
    message = text.strip()
    language = language_of(message, "en")
    if not message or LANGUAGES[language].talk.match(message) or _OWN.search(message):
        return False
    if _GIVEN.search(message):
        return False
    return message.endswith("?") or _ASKS.match(message) is not None


def without_knowledge(question: str) -> str:
    """Return the reply to a question for a fact, in its language, of a model that knows none; "" for other messages."""
    return SAID[language_of(question, "en")] if asks_for_fact(question) else ""
