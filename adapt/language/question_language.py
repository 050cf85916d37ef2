"""Which language a question is in: by its script, or by the words in it that name nothing ("what", "qué", "der").

Statistics of letters, which tell documents apart, need more text than a question has. One of names alone is in no language.
Not here: what follows from it (`adapt.embedding.pair`, `retrieval.index.meaning`).
"""

import re
import unicodedata
from collections import Counter
from pathlib import Path

# one of these signs is enough; Han is Chinese where there is no kana
SCRIPTS = {
    "es": re.compile("[¿¡]"),
    "ko": re.compile("[\u1100-\u11ff\uac00-\ud7af]"),
    "ja": re.compile("[\u3040-\u30ff]"),
    "zh": re.compile("[\u4e00-\u9fff]"),
    "th": re.compile("[\u0e00-\u0e7f]"),
    "ar": re.compile("[\u0600-\u06ff]"),
    "ru": re.compile("[\u0400-\u04ff]"),
}
# the most common of what asks, joins and points, without accents: a line for each language after its code
LINES = (Path(__file__).parent / "question_words.txt").read_text(encoding="utf-8").splitlines()
WORDS = {code: frozenset(words) for code, *words in map(str.split, LINES)}
WORD = re.compile(r"[^\W_]+")
ACCENTS = re.compile("[\u0300-\u036f]")
# letters and marks of one of these languages, or of two, where words leave it open
SIGNS = {
    "es": re.compile("[ñóíú]"),
    "pt": re.compile("[ãõçóíú]"),
    "de": re.compile("[ßäöü]"),
    "pl": re.compile("[łąęśźż]"),
    "tr": re.compile("[ığş]"),
    "fr": re.compile("[œèêùû]"),
}
SHARES = {
    word: 1 / count
    for word, count in Counter(word for vocabulary in WORDS.values() for word in vocabulary).items()
}


def language_of_question(text: str) -> str:
    """Return the code of a question's language, one of 13; "" where nothing in it tells."""
    for code, script in SCRIPTS.items():
        if script.search(text):
            return code
    plain = ACCENTS.sub("", unicodedata.normalize("NFKD", text.casefold()))
    asked = WORD.findall(plain)
    scores = {
        code: sum(SHARES[word] for word in asked if word in vocabulary)
        for code, vocabulary in WORDS.items()
    }
    small = text.lower()
    for code, sign in SIGNS.items():
        if sign.search(small):
            scores[code] += 1
    most = max(scores.values())
    leading = [code for code, share in scores.items() if share > most - 1e-9]
    return leading[0] if most and len(leading) == 1 else ""
