"""Feedback → rows of a dataset: preference pairs where an answer was corrected, thumbs where it was rated."""

import json
from collections.abc import Iterable
from pathlib import Path

from adapt.records import Feedback, Message, PreferencePair
from adapt.workspace.folder import write_atomic


def preference_pairs(feedback: Iterable[Feedback]) -> list[PreferencePair]:
    """Return a pair for each correction that differs from the answer: the correction is chosen."""
    return [
        PreferencePair((Message("user", f.question),), chosen=f.correction, rejected=f.answer)
        for f in feedback
        if f.correction and f.answer and f.correction.strip() != f.answer.strip()
    ]


def export(feedback: Iterable[Feedback], path: Path) -> dict[str, int]:
    """Write corrections as prompt/chosen/rejected and thumbs as prompt/completion/label; return the counts of each."""
    known = list(feedback)
    pairs = preference_pairs(known)
    rows: list[dict[str, str | bool]] = [
        {"prompt": p.prompt[-1].content, "chosen": p.chosen, "rejected": p.rejected} for p in pairs
    ]
    thumbs = [f for f in known if f.rating and f.answer]
    rows += [{"prompt": f.question, "completion": f.answer, "label": f.rating == 1} for f in thumbs]
    write_atomic(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    return {"pairs": len(pairs), "thumbs": len(thumbs)}
