"""Writes the development questions with the passages found: `python -m tests.benchmarks.answers.everyday FILE`.

Each line has a question, passages and their headings, and the sentence or row that answers with its passage's number; null
where nothing does. Where the search does not find it, its passage takes the place of the last: the choice is to be learned,
not the search. `python -m adapt.starter.choosing --everyday FILE` reads it.
"""

import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from adapt.models.decoding.candidates import find_candidates
from adapt.records import Grounding, Passage
from retrieval.search.rank import SearchSettings
from tests.benchmarks.answers.bench_natural import DEVELOPMENT
from ui.actions.documents import IngestRequest, ingest, open_collection
from ui.context import Context
from ui.demo.questions import NaturalQuestion, read_natural

FOUND, WIDE = (
    5,
    60,
)  # passages of a prompt, and of all that is looked through for the one that answers
ALL = SearchSettings(strict=False, min_score=-1)
USER = "everyday"


def items(name: str) -> Iterator[dict[str, Any]]:
    """Yield the lines of one set."""
    with tempfile.TemporaryDirectory() as folder:
        ctx = Context(Path(folder) / "w")
        ingest(ctx, IngestRequest(paths=(DEVELOPMENT / name / "documents",), collection=name))
        collection = open_collection(ctx, name, user=USER)
        for asked in read_natural(DEVELOPMENT / name / "questions.jsonl"):
            close = list(collection.search(asked.question, top_k=FOUND))
            wide = list(collection.search(asked.question, top_k=WIDE, settings=ALL))
            passages = _with_answer(asked, close or wide[:FOUND], wide)
            if passages:
                yield _item(name, asked, passages)
        ctx.close()


def _with_answer(
    asked: NaturalQuestion, close: list[Passage], wide: list[Passage]
) -> list[Passage]:
    """Return passages of which one answers; none where no passage at all does, though one should."""
    if asked.kind == "absent" or any(asked.is_answered_in(passage.chunk.text) for passage in close):
        return close
    telling = [passage for passage in wide if asked.is_answered_in(passage.chunk.text)]
    return [*close[: FOUND - 1], telling[0]] if telling else []


def _item(name: str, asked: NaturalQuestion, passages: list[Passage]) -> dict[str, Any]:
    texts = [passage.chunk.text for passage in passages]
    headings = tuple(passage.title for passage in passages)
    grounding = Grounding(tuple(enumerate(texts, start=1)), headings=headings)
    answers = [
        (candidate.number, candidate.text)
        for candidate in find_candidates(grounding)
        if asked.is_answered_in(candidate.text)
    ]
    return {
        "set": name,
        "question": asked.question,
        "language": asked.language,
        "passages": texts,
        "headings": headings,
        "answer": answers[0] if answers and asked.kind != "absent" else None,
    }


def main(path: Path) -> None:
    """Write all sets to a file."""
    names = sorted(folder.name for folder in DEVELOPMENT.iterdir())
    lines = [json.dumps(item, ensure_ascii=False) for name in names for item in items(name)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    sys.stderr.write(f"{len(lines)} questions written to {path}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
