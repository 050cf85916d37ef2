"""Sentences in documents that speak to the assistant: "ignore previous instructions", in English and Spanish.

A list of what such sentences say, looked for in the words behind the usual disguises: invisible signs, letters of other
scripts, digits for letters, letters set apart, base64, hexadecimal, ROT13, reversal. A sentence that follows one of them in
its paragraph and orders something as well goes with it. It is a list: what is worded otherwise passes. What then becomes of
the sentences: `retrieval.prompt.fence`. How much of real documents it takes for planted: `NOTES.md`.
"""

import base64
import binascii
import codecs
import re
import unicodedata

from adapt.language.sentences import sentence_spans
from retrieval.prompt.injection_patterns import (
    OBEY,
    OF_WHAT,
    ON_ATTACKS,
    QUOTED,
    REPORTED,
    RUN_TOGETHER,
    STRONG,
    WEAK,
)

# invisible, or turning the direction of writing; the joiners of Persian, Hindi and emoji among them matter to no pattern
INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufe00-\ufe0f\ufeff\U000e0000-\U000e007f]"
)
# letters of Cyrillic and Greek that look like Latin ones
LOOKALIKES = str.maketrans("авеікмнорстухѕјԁɡοαενικρτυχ", "abeikmhopctyxsjdgoaevikptux")
LEET = str.maketrans("013457@$", "oieastas")
LEET_WORD = re.compile(r"[^\W\d_][013457@$]+[^\W\d_]|\b[013457@$][^\W\d_]{2}")  # 1gn0re
APART = re.compile(r"(?<!\w)\w(?:[ ._*-]\w){4,}(?!\w)")  # i g n o r e
ALL_APART = re.compile(
    r"(?<!\w)\w(?: +[^\W_]){7,}(?!\w)"
)  # w h e n a s k e d: where words end is not to be seen
ENCODED = re.compile(r"[A-Za-z0-9+/_-]{24,}={0,2}|(?:[0-9a-fA-F]{2}){12,}")
MARK_AFTER_END = re.compile(
    r"(?<=[.!?\u2026])\s+(?=[^\w\s])"
)  # a sentence that opens with a mark: <, [, #, {
# a reading without any of these is no language, and need not be looked at: two thirds of the time of plain text
LANGUAGE = re.compile(
    r"\b(?:the|and|you|your|all|any|with|this|that|from|now|say|only|word|answer|reply|print|write|ignore|forget|system|prompt|instructions?|name|arguments|tool"
    r"|los|las|del|con|por|para|una|que|tus?|esta|todas|solo|di|responde|contesta|escribe|repite|ignora|olvida|eres)\b"
)
OPEN_QUOTATION = re.compile('[^"“«]{3,120}(?:"(?=[^"]*$)|“(?=[^”]*$)|«(?=[^»]*$))', re.DOTALL)
FOLLOWING = 3  # sentences after a planted one that may belong to it


def planted_spans(text: str) -> list[tuple[int, int]]:
    """Return (start, end) of each sentence of a text that speaks to the assistant, in order."""
    spans = _sentences(text)
    planted: list[tuple[int, int]] = []
    follows = 0
    open_quotation = ""
    for place, (start, end) in enumerate(spans):
        before = text[spans[place - 1][1] : start] if place else ""
        if "\n\n" in before:
            follows, open_quotation = 0, ""
        # a quotation that runs over several sentences is read with the words that introduce it
        sentence = open_quotation + text[start:end]
        open_quotation = _opened(sentence)
        if speaks_to_assistant(sentence):
            follows = FOLLOWING
        elif follows and WEAK.search(_plain(sentence)):
            follows -= 1
        else:
            follows = 0
            continue
        planted.append((start, end))
    return planted


def speaks_to_assistant(sentence: str) -> bool:
    """Return whether a sentence, or what is disguised in it, is worded as an instruction to an assistant."""
    plain = _plain(sentence)
    if any(_is_order(pattern, plain) for pattern in STRONG):
        return True
    # what is disguised is no report
    if any(
        pattern.search(reading) for reading in _disguised(sentence, plain) for pattern in STRONG
    ):
        return True
    apart = ALL_APART.findall(plain)
    return any(RUN_TOGETHER.search(run.replace(" ", "")) for run in apart)


def _opened(sentence: str) -> str:
    """Return the words with which a sentence introduces a quotation that it does not end, empty where there is none."""
    match = OPEN_QUOTATION.match(sentence)
    return match.group() if match else ""


def _sentences(text: str) -> list[tuple[int, int]]:
    """Return (start, end) of the sentences of a text, those that open with a mark apart from the one before."""
    spans = []
    for start, end in sentence_spans(text):
        place = start
        for match in MARK_AFTER_END.finditer(text, start, end):
            spans.append((place, match.start()))
            place = match.end()
        spans.append((place, end))
    return spans


def _is_order(pattern: re.Pattern[str], plain: str) -> bool:
    """Return whether a sentence says what a pattern names, and not only that somebody does or may say it."""
    return any(not _is_reported(plain, match) for match in pattern.finditer(plain))


def _is_reported(plain: str, match: re.Match[str]) -> bool:
    """Return whether the words of a match are quoted as somebody's, or describe what attackers do."""
    if ON_ATTACKS.search(plain, 0, match.start()):
        return True
    for quoted in QUOTED.finditer(plain):
        if quoted.start() <= match.start() < quoted.end():
            around = plain[: quoted.start()], plain[quoted.end() :]
            return (
                match.end() <= quoted.end()
                and bool(REPORTED.search(around[0]) and OF_WHAT.search(around[0]))
                and not OBEY.search(" ".join(around))
            )
    return False


def _disguised(sentence: str, plain: str) -> list[str]:
    """Return a sentence as it reads without each disguise, in small letters, each reading once, where it differs."""
    joined = APART.sub(lambda match: re.sub(r"[ ._*-]", "", match.group()), plain)
    readings = [joined, codecs.encode(plain, "rot13"), plain[::-1]]
    readings += [plain.translate(LEET)] if LEET_WORD.search(plain) else []
    for match in ENCODED.finditer(sentence):
        readings += [_plain(decoded) for decoded in _decoded(match.group())]
    return [
        reading
        for reading in dict.fromkeys(readings)
        if reading != plain and LANGUAGE.search(reading)
    ]


def _plain(text: str) -> str:
    text = unicodedata.normalize("NFKC", INVISIBLE.sub("", text)).casefold()
    return " ".join(text.translate(LOOKALIKES).replace("\u2019", "'").split())


def _decoded(text: str) -> list[str]:
    """Return what a run of signs says in hexadecimal and in base64, where that is text."""
    texts: list[str] = []
    for decode in (_from_hex, _from_base64):
        data = decode(text)
        if data is None:
            continue
        try:
            decoded = data.decode()
        except UnicodeDecodeError:
            continue
        if all(sign.isprintable() or sign.isspace() for sign in decoded):
            texts.append(decoded)
    return texts


def _from_hex(text: str) -> bytes | None:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return None


def _from_base64(text: str) -> bytes | None:
    plain = text.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
