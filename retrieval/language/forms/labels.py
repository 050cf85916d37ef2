"""Parts of documents and kinds of things distinguished by a number or a letter: Article 12, Annex R, § 7, vitamin A.

The words of eight languages for a part meet in one term, `l:article:12`. A Roman number is also the number that it is.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from retrieval.language.forms.normal_form import Form

# each line of the file: the term's word, then the words for it in eight languages
LABELS: dict[str, tuple[str, ...]] = {}
for _line in (Path(__file__).parent / "labels.txt").read_text(encoding="utf-8").splitlines():
    _kind, *_written = _line.split()
    for _word in _written:
        LABELS[_word] = (*LABELS.get(_word, ()), _kind)
# what a heading that begins with a number may be called
NUMBERED = frozenset({"article", "section", "chapter", "paragraph", "clause", "rule", "point", "part", "step"})  # fmt: skip
PARAGRAPH = "§"
WORDS = re.compile(r"[^\W_]+|§§?")
NUMBER_SIGN = (
    r"(?:(?:n\.?\s?[º°o]\.?|n[uú]m(?:ero|\.)?|no\.|nr\.?|number|nummer|num[eé]ro|#|№)\s*)?"
)
DESIGNATOR = re.compile(
    rf"\.?[\s:_]{{0,2}}{NUMBER_SIGN}[\"'“«(]?"
    r"(?P<what>\d{1,4}(?:\.\d{1,3})*(?:\s?(?:bis|ter|qu[aá]ter)\b|[º°ª]|\.?[º°ª]|(?:st|nd|rd|th|er)\b)?"
    r"|[A-Z]-?\d{1,3}|[ivxlc]{1,7}|[IVXLC]{1,7}|[A-Za-z]|[^\W\d_]{3,10})"
    r"(?P<letter>-?[A-Za-z])?(?!\w)"
)
ROMAN = re.compile(r"(?=[ivxlc])(c{0,3})(xc|xl|l?x{0,3})(ix|iv|v?i{0,3})")
ROMAN_SIGNS = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100}
ORDINALS = {
    word: number
    for number, words in enumerate(
        (
            "one first primero primera primer uno eins erster erste premier premiere primo prima primeiro primeira",
            "two second segundo segunda dos zwei zweiter zweite deuxieme secondo seconda deux",
            "three third tercero tercera tercer tres drei dritter dritte troisieme terzo terza terceiro terceira trois",
            "four fourth cuarto cuarta cuatro vier vierter vierte quatrieme quarto quarta quatre",
            "five fifth quinto quinta cinco funf funfter funfte cinquieme cinq",
            "six sixth sexto sexta seis sechs sechster sechste sixieme sesto sesta",
            "seven seventh septimo septima siete sieben siebter siebte septieme settimo settima",
            "eight eighth octavo octava ocho acht achter achte huitieme ottavo ottava",
            "nine ninth noveno novena nueve neun neunter neunte neuvieme nono nona",
            "ten tenth decimo decima diez zehn zehnter zehnte dixieme",
        ),
        1,
    )
    for word in words.split()
}
ARTICLES = frozenset("aeiouy")  # small letters that are words
OPEN_ENDED = frozenset({"annex", "annexe", "appendix"})  # after which a small letter is no word
END = re.compile(r"\s*(?:$|[.,;:?!)\]\"'»”\n])")
LINE = re.compile(r"[\s#*>|\-\u2013•_]*")
LEADING = re.compile(r"\s*(?:[.:)|\n\u2013\u2014*_-]|$|[^\W\d_a-zà-ÿ])")
OWN = re.compile(r"^[\s#*_]*(?P<what>\d{1,3}(?:\.\d{1,3}){0,4})[.):]?\s+(?=[^\W\d_])")
# what is distinguished by a single capital: "vitamin A", "Building C"
LETTERED = re.compile(r"(?<=[^\W\d_])[ \u00a0]([A-Z])(?![\w'\u2019&]|\.\w|-\w)")
BEFORE = re.compile(r"(?<![^\W_])[^\W\d_]{3,24}$")
LONGEST = 26


def labels(text: str) -> Iterator[Form]:
    """Yield the labels of a text."""
    for match in WORDS.finditer(text):
        word = match.group()
        kinds = LABELS.get(word.lower())
        if kinds is None:
            continue
        designator = DESIGNATOR.match(text, match.end())
        if designator is None or not _fits(word, designator, text):
            continue
        names = _names(designator)
        terms = {f"l:{kind}:{name}" for kind in kinds for name in names}
        if not NUMBERED.isdisjoint(kinds):
            terms |= {f"l::{name}" for name in names if name[0].isdigit()}
        start = text.rfind("\n", 0, match.start()) + 1
        before = LINE.fullmatch(text, start, match.start())
        after = LEADING.match(text, designator.end())
        yield Form(
            match.start(),
            designator.end(),
            frozenset(terms),
            leads=before is not None and after is not None,
        )


def lettered(text: str, without: frozenset[str]) -> Iterator[Form]:
    """Yield the things of a text that a single capital distinguishes.

    Args:
        without: small words, after which a capital is a word.
    """
    for match in LETTERED.finditer(text):
        before = BEFORE.search(text, max(match.start() - LONGEST, 0), match.start())
        word = "" if before is None else before.group().lower()
        if before is None or word in LABELS or _bare(word) in without:
            continue
        terms = {f"b:{_bare(word)}:{match[1].lower()}"}
        yield Form(before.start(), match.end(), frozenset(terms))


def own_number(heading: str) -> set[str]:
    """Return the terms of the number that a heading begins with, "4.2 Opening hours"."""
    match = OWN.match(heading)
    return set() if match is None else {f"l::{_trimmed(match['what'])}"}


def _fits(word: str, match: re.Match[str], text: str) -> bool:
    """Return whether what follows a label's word identifies it, and is no word of the sentence."""
    what = match["what"]
    if what[0].isdigit():
        return True
    if match["letter"] or word[0] == PARAGRAPH:
        return False
    if len(what) == 1:
        if what.isupper():
            return not text.isupper() or END.match(text, match.end()) is not None
        open_ended = _bare(word) in OPEN_ENDED
        small = what not in ARTICLES or open_ended or END.match(text, match.end())
        return bool(small)
    if _bare(what) in ORDINALS or what[1:].lstrip("-").isdigit():
        return True
    return ROMAN.fullmatch(what.lower()) is not None and (what.isupper() or what.islower())


def _names(match: re.Match[str]) -> set[str]:
    what = match["what"]
    folded = _bare(what)
    if folded in ORDINALS:
        return {str(ORDINALS[folded])}
    if what[0].isdigit():
        number = re.match(r"[\d.]*\d", what)
        bis = re.search(r"bis|ter|quater", folded)
        base = _trimmed(number.group() if number else what)
        ending = (bis.group() if bis else "") + (match["letter"] or "").lstrip("-").lower()
        return {base + ending}
    names = {folded.replace("-", "")}
    roman = ROMAN.fullmatch(folded)
    if roman is not None and (len(what) > 1 or folded in "ivx"):
        names.add(str(_arabic(folded)))
        names -= {folded} if len(what) > 1 else set()
    return names


def _trimmed(number: str) -> str:
    """Return a number without zeros before it."""
    return ".".join(part.lstrip("0") or "0" for part in number.split("."))


def _arabic(roman: str) -> int:
    values = [ROMAN_SIGNS[sign] for sign in roman]
    after = [*values[1:], 0]
    return sum(
        -value if value < following else value
        for value, following in zip(values, after, strict=True)
    )


def _bare(word: str) -> str:
    """Return a word in small letters without the accents that the tables leave out."""
    return word.lower().translate(ACCENTS)


ACCENTS = str.maketrans("áàâäãéèêëíìîïóòôöõúùûüñç", "aaaaaeeeeiiiiooooouuuunc")
