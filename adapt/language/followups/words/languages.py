"""The languages in which follow-up questions are completed, and how answers say that they hold nothing."""

import re

from adapt.language.followups.words.english import ENGLISH
from adapt.language.followups.words.spanish import SPANISH

LANGUAGES = {"en": ENGLISH, "es": SPANISH}

# sentences that say that an answer is not there; nothing that a follow-up could mean stands in them
REFUSAL = re.compile(
    r"not in your documents|passages do not say|no est[aá] en tus documentos|pasajes no lo dicen|"
    r"\b(?:i (?:do not|don't) know|i'm sorry|i am sorry|no lo s[eé])\b",
    re.IGNORECASE,
)
