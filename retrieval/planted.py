"""Sentences in documents that speak to the assistant: "ignore previous instructions", in English and Spanish.

A list of what such sentences say, looked for in the words behind the usual disguises: invisible signs, letters of other
scripts, digits for letters, letters set apart, base64, hexadecimal, ROT13, reversal. A sentence that follows one of them in
its paragraph and orders something as well goes with it. It is a list: what is worded otherwise passes. What then becomes of
the sentences: `retrieval.fence`. How much of real documents it takes for planted: `README.md`.
"""

import base64
import binascii
import codecs
import re
import unicodedata

from adapt.sentences import sentence_spans
from retrieval.planted_patterns import RUN_TOGETHER, STRONG, WEAK

# invisible, or turning the direction of writing; the joiners of Persian, Hindi and emoji among them matter to no pattern
INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufe00-\ufe0f\ufeff\U000e0000-\U000e007f]"
)
# letters of Cyrillic and Greek that look like Latin ones
LOOKALIKES = str.maketrans("авеікмнорстухѕјԁɡοαενικρτυχ", "abeikmhopctyxsjdgoaevikptux")
LEET = str.maketrans("013457@$", "oieastas")
APART = re.compile(r"(?<!\w)\w(?:[ ._*-]\w){4,}(?!\w)")  # i g n o r e
ALL_APART = re.compile(
    r"(?<!\w)\w(?: +[^\W_]){7,}(?!\w)"
)  # w h e n a s k e d: where words end is not to be seen
ENCODED = re.compile(r"[A-Za-z0-9+/_-]{24,}={0,2}|(?:[0-9a-fA-F]{2}){12,}")
MARK_AFTER_END = re.compile(
    r"(?<=[.!?\u2026])\s+(?=[^\w\s])"
)  # a sentence that opens with a mark: <, [, #, {
FOLLOWING = 3  # sentences after a planted one that may belong to it


def planted_spans(text: str) -> list[tuple[int, int]]:
    """Return (start, end) of each sentence of a text that speaks to the assistant, in order."""
    spans = _sentences(text)
    found: list[tuple[int, int]] = []
    follows = 0
    for place, (start, end) in enumerate(spans):
        before = text[spans[place - 1][1] : start] if place else ""
        if "\n\n" in before:
            follows = 0
        sentence = text[start:end]
        if speaks_to_assistant(sentence):
            follows = FOLLOWING
        elif follows and WEAK.search(_plain(sentence)):
            follows -= 1
        else:
            follows = 0
            continue
        found.append((start, end))
    return found


def speaks_to_assistant(sentence: str) -> bool:
    """Return whether a sentence, or what is disguised in it, is worded as an instruction to an assistant."""
    if any(one.search(reading) for reading in _readings(sentence) for one in STRONG):
        return True
    apart = ALL_APART.findall(_plain(sentence))
    return any(RUN_TOGETHER.search(run.replace(" ", "")) for run in apart)


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


def _readings(sentence: str) -> list[str]:
    """Return a sentence as it reads without each disguise, in small letters, each reading once."""
    plain = _plain(sentence)
    joined = APART.sub(lambda match: re.sub(r"[ ._*-]", "", match.group()), plain)
    readings = [plain, joined, plain.translate(LEET), codecs.encode(plain, "rot13"), plain[::-1]]
    for match in ENCODED.finditer(sentence):
        readings += [_plain(one) for one in _decoded(match.group())]
    return list(dict.fromkeys(readings))


def _plain(text: str) -> str:
    text = unicodedata.normalize("NFKC", INVISIBLE.sub("", text)).casefold()
    return " ".join(text.translate(LOOKALIKES).replace("\u2019", "'").split())


def _decoded(text: str) -> list[str]:
    """Return what a run of signs says in hexadecimal and in base64, where that is text."""
    found: list[str] = []
    for decode in (_from_hex, _from_base64):
        data = decode(text)
        if data is None:
            continue
        try:
            said = data.decode()
        except UnicodeDecodeError:
            continue
        if all(sign.isprintable() or sign.isspace() for sign in said):
            found.append(said)
    return found


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
