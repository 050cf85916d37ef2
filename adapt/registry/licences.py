"""Licences of what a model is made of: what they require together, and which of them conflict.

The few rules that the texts or their stewards state, over the table of `adapt.registry.licence_table`. It is no legal
advice and it does not guess: a licence that is not in the table, and a pair that no source settles, is a warning. Sources:
[F] https://www.gnu.org/licenses/license-list.html  [G] GPL-2.0 §6, GPL-3.0 §10: no further restrictions
[C] https://creativecommons.org/share-your-work/licensing-considerations/compatible-licenses/ and the texts' sections 2-4
[L] the Llama community licences: 2 and 3 §1.b.v, from 3.1 on §1.b.i  [T] each licence's own text
Expressions are split by hand: `license-expression` 30.4 reads its own 2,248 keys and 25,000 nested expressions the same way,
takes 1.5 MB and 8 to 18 ms to import, and reads nothing of an expression that holds one name of other signs ("MIT, ISC").
Not here: which artifacts are asked (`merge`, `adapt.registry.registry`), and the card that shows it
(`adapt.registry.cards`).
"""

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from adapt.errors import AdaptError
from adapt.registry.licence_table import ALSO, HUB, Licence, find_licence

COPYLEFT = frozenset({"gpl2", "gpl2+", "gpl3", "sa"})
MOST = 64  # choices among licences that are offered by OR; a chain of more is cut there


@dataclass(frozen=True)
class LicenceReport:
    """What the licences of several parts say together.

    Attributes:
        licences: each part and its licence, "" where none is stated.
        expression: all of them, joined by AND.
        conflicts: a sentence for each pair (or one alone) that cannot be kept.
        warnings: what could not be determined.
        asks: what a derivative has to do.
        accepted: whether the conflicts were taken on by the person who asked.
    """

    licences: Mapping[str, str]
    expression: str
    conflicts: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    asks: tuple[str, ...] = ()
    accepted: bool = False


def check_licences(parts: Mapping[str, str], *, accept: bool = False) -> LicenceReport:
    """Return what the licences of a work's parts say together.

    Args:
        parts: name of each part (base, adapter, data set) and its licence: an SPDX expression, a name of the Hub, or "".
        accept: whether conflicts are noted instead of refused.

    Raises:
        AdaptError: two of them cannot be kept at once, or one forbids derivatives; the text names the parts.
    """
    report = examine(parts)
    if report.conflicts and not accept:
        raise AdaptError(
            f"the licences of what this is made of conflict: {'; '.join(report.conflicts)}. Leave one out, ask its owner, "
            "or accept the conflict with --accept-licences, which the card will say"
        )
    return LicenceReport(**{**vars(report), "accepted": bool(report.conflicts)})


def examine(parts: Mapping[str, str]) -> LicenceReport:
    """Return what the licences say together; where one is offered by OR, whichever goes with the others is taken."""
    stated = {part: licence for part, licence in parts.items() if licence}
    warnings = [f"{part}: no licence is stated" for part in parts if part not in stated]
    names = {leaf for licence in stated.values() for choice in _choices(licence) for leaf in choice}
    warnings += [
        f"'{name}' is not among the licences known here; read it yourself"
        for name in sorted(names)
        if find_licence(name) is None
    ]
    best: tuple[list[str], list[str]] | None = None
    for choice in itertools.islice(itertools.product(*map(_choices, stated.values())), MOST):
        clashes = _clashes(dict(zip(stated, choice, strict=True)))
        if best is None or len(clashes[0]) < len(best[0]):
            best = clashes
        if not clashes[0]:
            break
    conflicts, open_questions = best or ([], [])
    known = [find_licence(name) for name in sorted(names)]
    asks = [
        f"{licence.id}: {licence.asks}" for licence in known if licence is not None and licence.asks
    ]
    return LicenceReport(
        dict(parts),
        join_licences(stated.values()),
        tuple(conflicts),
        tuple(warnings + open_questions),
        tuple(asks),
    )


def join_licences(licences: Iterable[str]) -> str:
    """Return one SPDX expression that holds all of these licences, each once."""
    parts: dict[str, None] = {}
    for licence in filter(None, licences):
        if len(_choices(licence)) > 1:
            parts[f"({licence})"] = None
        else:
            parts.update(dict.fromkeys(part.strip() for part in _split(licence, "AND")))
    return " AND ".join(parts)


def hub_fields(expression: str) -> dict[str, str]:
    """Return the fields of a Hub card's front matter for a licence: a name that the Hub knows, or `other` and ours."""
    if not expression:
        return {}
    key = expression.lower()
    names = [key, *(name for name, ours in ALSO.items() if ours == ALSO.get(key, key))]
    known = next((name for name in names if name in HUB), None)
    return {"license": known} if known else {"license": "other", "license_name": expression}


def folder_licence(folder: Path) -> str:
    """Return the licence that a model folder's README.md states in its front matter, "" where it states none."""
    path = folder / "README.md"
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    if not text.startswith("---\n"):
        return ""
    try:
        fields = yaml.safe_load(text[4:].partition("\n---")[0])
    except yaml.YAMLError:
        return ""  # a card that cannot be read states nothing
    if not isinstance(fields, dict):
        return ""
    stated = fields.get("license")
    if stated == "other":
        stated = fields.get("license_name") or stated
    named = stated if isinstance(stated, list) else [stated]
    return join_licences(str(name) for name in named if name)


def _choices(expression: str) -> list[frozenset[str]]:
    """Return the sets of licences of which one has to be kept, of an SPDX expression; exceptions (WITH) are left off.

    A text that is no expression is one name; so is one with more than `MOST` parentheses.
    """
    text = expression.strip()
    if text.count("(") > MOST:
        return [frozenset({text})]
    options = _split(text, "OR")
    if len(options) > 1:
        return [choice for option in options for choice in _choices(option)]
    factors = _split(text, "AND")
    if len(factors) > 1:
        chosen = itertools.islice(itertools.product(*map(_choices, factors)), MOST)
        return [frozenset().union(*sets) for sets in chosen]
    if text.startswith("(") and text.endswith(")"):
        return _choices(text[1:-1])
    return [frozenset({text.partition(" WITH ")[0].strip()})]


def _split(text: str, operator: str) -> list[str]:
    """Return the pieces between an operator, in small letters or great, that stands outside of parentheses."""
    pieces, depth, start = [], 0, 0
    tokens = rf"[()]|(?<![^\s()]){operator}(?![^\s()])"
    for token in re.finditer(tokens, text, re.IGNORECASE):
        if token[0] in "()":
            depth += 1 if token[0] == "(" else -1
        elif depth == 0:
            pieces.append(text[start : token.start()])
            start = token.end()
    pieces.append(text[start:])
    return pieces if all(piece.strip() for piece in pieces) else [text]


def _clashes(choice: Mapping[str, frozenset[str]]) -> tuple[list[str], list[str]]:
    """Return the conflicts and the open questions among one choice of licences for every part."""
    licensed = [(part, licence) for part, names in choice.items() for licence in _known(names)]
    conflicts = [
        f"{part} ({licence.id}) may not be shared in a changed form, and this is one"
        for part, licence in licensed
        if licence.no_derivatives
    ]
    questions = []
    for (first, a), (second, b) in itertools.combinations(licensed, 2):
        pair = f"{first} ({a.id}) and {second} ({b.id})"
        why = _conflict(a, b) or _conflict(b, a)
        if why:
            conflicts.append(f"{pair}: {why}")
        elif a.kind == b.kind == "terms" and a.id != b.id:
            questions.append(f"{pair} both restrict the use; compare their terms yourself")
        elif "weak" in (a.kind, b.kind) and {a.kind, b.kind} & {"terms", *COPYLEFT}:
            questions.append(f"{pair}: no source says whether weights can be under both")
    return list(dict.fromkeys(conflicts)), list(dict.fromkeys(questions))


def _known(names: Iterable[str]) -> Iterator[Licence]:
    for name in sorted(names):
        licence = find_licence(name)
        if licence is not None:
            yield licence


def _conflict(a: Licence, b: Licence) -> str:
    """Return why a work cannot be under the licence `a` and hold what is under `b`, or ""."""
    sa = b.kind == "sa" and not b.non_commercial
    reasons = {
        f"{a.id} allows no further restrictions, and {b.id} restricts the use": (  # [G] [C]
            a.kind in COPYLEFT and b.kind == "terms"
        ),
        f"{a.id} allows no further restrictions, and {b.id} forbids commercial use": (  # [G] [C]
            a.kind in COPYLEFT and b.non_commercial and not a.non_commercial
        ),
        f"{a.id} does not go with version 3": a.kind == "gpl2" and b.kind == "gpl3",  # [F]
        f"the patent clauses of {b.id} are further restrictions to {a.id}": (  # [F]
            a.kind == "gpl2" and b.id == "Apache-2.0"
        ),
        f"of {b.id} only version 4.0 may go over into the GPL, and only into its version 3": (  # [C]
            sa and a.kind.startswith("gpl") and (b.id != "CC-BY-SA-4.0" or a.kind == "gpl2")
        ),
        f"{a.id} may not be used to improve another language model": (  # [L]
            a.closed and b.kind == "terms" and not b.id.startswith("llama")
        ),
    }
    return next((reason for reason, is_so in reasons.items() if is_so), "")
