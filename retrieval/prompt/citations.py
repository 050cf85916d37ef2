"""Citations: which passages the [n] of an answer point to, and whether these say what the answer says.

A sentence keeps its [n] if it quotes passage n or passes as a statement of it (`retrieval.prompt.statements`); if it quotes
another passage, the number is corrected; else the citation is removed, with a note. Which [n] are the answer's own:
`retrieval.prompt.marks`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from adapt.records import CleanedAnswer, ContextPiece, Passage
from retrieval.prompt.marks import Mark, own_marks
from retrieval.prompt.statements import Evidence, is_quoted, is_supported

LEAST_QUOTED = 3  # words that show which passage a sentence is from
BOUNDARY = re.compile(r"(?<=[.!?\u2026])[\"'\u201d\u2019»)\]]*\s+(?=\S)|\n+")
ABBREVIATED = re.compile(
    r"(?:\b(?:Mr|Mrs|Ms|Dr|Prof|St|Sr|Sra|Dra|Jr|No|vs|etc|approx|Inc|Ltd|Co|Fig|art|núm|c|ca|cf|pp?)"
    r"|\b[A-Z]|\b(?:[A-Za-z]\.)+[A-Za-z])\.$"
)
# what only points: "see [1]", "according to [2], …"
POINTER = re.compile(
    r"\W*(?:(?:and|see|cf|sources?|passages?|from|in|per|according to|as|the"
    r"|y|véase|ver|según|fuentes?|pasajes?|en|de|el)\b\W*)*",
    re.IGNORECASE,
)


def notes(cleaned: CleanedAnswer) -> list[str]:
    """Return in sentences which statements lost their citations, and which citations were corrected."""
    sentences = [
        _lost(numbers, verb)
        for numbers, verb in (
            (cleaned.unsupported, ("does not say it", "do not say them")),
            (cleaned.unchecked, ("is in another language and names nothing to check it by",
                                 "are in another language and name nothing to check them by")),
        )
        if numbers
    ]  # fmt: skip
    if len(cleaned.corrected) == 1:
        [(wrong, right)] = cleaned.corrected
        sentences.append(f"1 citation was corrected: the sentence stands in passage {right}, not in {wrong}.")  # fmt: skip
    elif cleaned.corrected:
        pairs = ", ".join(f"[{wrong}] became [{right}]" for wrong, right in cleaned.corrected)
        sentences.append(f"{len(cleaned.corrected)} citations were corrected: {pairs}.")
    return sentences


def _lost(numbers: Sequence[int], verbs: tuple[str, str]) -> str:
    passages = [str(number) for number in sorted(set(numbers))]
    if len(numbers) == 1:
        return f"1 sentence lost its citation: passage {passages[0]} {verbs[0]}."
    if len(passages) == 1:
        return f"{len(numbers)} sentences lost their citations: passage {passages[0]} {verbs[0].replace(' it', ' them')}."
    listed = f"{', '.join(passages[:-1])} and {passages[-1]}"
    return f"{len(numbers)} sentences lost their citations: passages {listed} {verbs[1]}."


def cited(answer: str, passages: Sequence[Passage | ContextPiece]) -> list[int]:
    """Return the numbers of the passages that an answer cites, in the order of their first mention."""
    marks = own_marks(answer, [_text(passage) for passage in passages])
    numbers = dict.fromkeys(number for mark in marks for number in mark.numbers)
    return [number for number in numbers if 1 <= number <= len(passages)]


def check(answer: str, passages: Sequence[Passage | ContextPiece]) -> CleanedAnswer:
    """Return the answer without citations of passages that do not exist or do not support it."""
    groups = _grouped(answer, own_marks(answer, [_text(passage) for passage in passages]))
    evidence = [_evidence(passage) for passage in passages]
    findings: list[_Finding] = []
    parts: list[str] = []
    place = 0
    for group in groups:
        start, end = group[0].start, group[-1].end
        finding = _judge(_claim(answer, group, place), group, evidence)
        before = answer[place:start]
        if finding.kept == finding.numbers:
            parts += [before, answer[start:end]]
        elif finding.kept:
            parts += [before, f"[{', '.join(map(str, finding.kept))}]"]
        else:
            parts.append(before.rstrip(" \t"))
        findings.append(finding)
        place = end
    lost = [(finding.lost, finding.is_compared) for finding in findings if finding.lost]
    return CleanedAnswer(
        "".join([*parts, answer[place:]]),
        removed=sum(finding.removed for finding in findings),
        unsupported=tuple(number for number, is_compared in lost if is_compared),
        unchecked=tuple(number for number, is_compared in lost if not is_compared),
        corrected=tuple(finding.corrected for finding in findings if finding.corrected),
    )


@dataclass(frozen=True, slots=True)
class _Finding:
    """What was found of marks that stand together; `lost` is a passage that does not say it, 0 where all do."""

    numbers: list[int]
    kept: list[int]
    removed: int
    lost: int = 0
    is_compared: bool = True
    corrected: tuple[int, int] | None = None


def _judge(claim: str, group: Sequence[Mark], evidence: Sequence[Evidence]) -> _Finding:
    """Return which of the marks of a claim may stay."""
    numbers = [number for mark in group for number in mark.numbers]
    there = [number for number in numbers if 1 <= number <= len(evidence)]
    removed = len(numbers) - len(there)
    if not there or POINTER.fullmatch(claim):
        return _Finding(numbers, there, removed)
    verdicts = {number: is_supported(claim, evidence[number - 1]) for number in there}
    kept = [number for number in there if verdicts[number]]
    if not kept and len(there) > 1 and is_supported(claim, _together(there, evidence)):
        kept = there
    if not kept and (right := _quoted_of(claim, evidence)):
        return _Finding(numbers, [right], removed, corrected=(there[0], right))
    lost = next((number for number in there if number not in kept), 0)
    return _Finding(numbers, kept, removed, lost, not lost or verdicts[lost] is not None)


def _together(numbers: Sequence[int], evidence: Sequence[Evidence]) -> Evidence:
    """Return passages as one, for a claim that cites several."""
    chosen = [evidence[number - 1] for number in numbers]
    text = "\n".join(passage.text for passage in chosen)
    return Evidence(text, "\n".join(passage.around for passage in chosen), chosen[0].language)


def _quoted_of(claim: str, evidence: Sequence[Evidence]) -> int:
    """Return the number of the passage that a claim is a quotation of, 0 where there is none."""
    quoted = (n for n, passage in enumerate(evidence, start=1) if is_quoted(claim, passage, least=LEAST_QUOTED))  # fmt: skip
    return next(quoted, 0)


def _grouped(answer: str, marks: Sequence[Mark]) -> list[list[Mark]]:
    """Return the marks, those with nothing between them together."""
    groups: list[list[Mark]] = []
    for mark in marks:
        if groups and not answer[groups[-1][-1].end : mark.start].strip(" \t,;"):
            groups[-1].append(mark)
        else:
            groups.append([mark])
    return groups


def _claim(answer: str, group: Sequence[Mark], bound: int) -> str:
    """Return what a group of marks is the citation of: the sentence before it, or the one that it stands in or opens.

    Args:
        bound: where the marks before end.
    """
    before = answer[bound : group[0].start].rstrip()
    ended = before.endswith((".", "!", "?", "\u2026", ":"))
    start = _last_boundary(before)
    claim = before[start:].strip()
    if not ended and (POINTER.fullmatch(claim) or len(claim.split()) < 3):
        after = answer[group[-1].end :]
        claim = f"{claim} {after[: _first_boundary(after)]}"
    return claim


def _last_boundary(text: str) -> int:
    ends = [match.end() for match in BOUNDARY.finditer(text) if not _is_abbreviated(text, match)]
    return ends[-1] if ends else 0


def _first_boundary(text: str) -> int:
    ends = (match.start() for match in BOUNDARY.finditer(text) if not _is_abbreviated(text, match))
    return next(ends, len(text))


def _is_abbreviated(text: str, match: re.Match[str]) -> bool:
    return "\n" not in match.group() and bool(ABBREVIATED.search(text[: match.start()]))


def _text(piece: Passage | ContextPiece) -> str:
    """Return a passage's own text, as an answer may quote it."""
    passage = piece if isinstance(piece, Passage) else piece.passage
    if passage is not None:
        return passage.chunk.text
    return piece.text if isinstance(piece, ContextPiece) else ""


def _evidence(piece: Passage | ContextPiece) -> Evidence:
    passage = piece if isinstance(piece, Passage) else piece.passage
    if passage is None:
        return Evidence(_text(piece))
    around = f"{passage.chunk.document}\n{passage.chunk.heading}"
    return Evidence(passage.chunk.text, around, passage.chunk.language)
