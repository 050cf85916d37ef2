"""Questions made from a collection's own documents, for `adapt search evaluate`; each says what made it.

A question that was made from a passage shares more words with it than a person's would: figures from such a set flatter a
search, and serve to compare settings and embedders on one's own documents.
Not here: how a search is judged by them (`retrieval.search.evaluate`).
"""

import json
import random
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from adapt.errors import AdaptError
from adapt.protocols import Progress, TextGenerator, no_progress
from adapt.records import Chunk, Message, ProgressEvent
from adapt.workspace.folder import write_atomic
from retrieval.language.terms import STOP_WORDS, terms

PROMPTS = {
    "es": "Escribe una sola pregunta, breve, que este texto responda. Escribe solo la pregunta.\n\n{text}",
    "en": "Write one short question that this text answers. Write the question only.\n\n{text}",
}
WORDS = range(3, 41)  # of a question
COPIED = 8  # words in a row that stand in the passage too: no question, but a piece of it
MOST_TOKENS = 60
LEAST = 60  # characters of a passage from which there is something to ask
HEADINGS = "headings"


@dataclass(frozen=True)
class MadeQuestion:
    """A question, the document and chunk it was made from, and what made it: a model, or the documents' headings."""

    question: str
    document: str
    chunk_id: str
    made_by: str


def pick(chunks: Iterable[Chunk], count: int, *, seed: int = 0) -> list[Chunk]:
    """Return at most `count` chunks that hold enough to ask about, spread evenly over the documents."""
    draw = random.Random(seed)  # noqa: S311  which passages are asked about is no secret
    of_document: dict[str, list[Chunk]] = defaultdict(list)
    for chunk in chunks:
        if len(chunk.text) >= LEAST:
            of_document[chunk.document].append(chunk)
    piles = [of_document[name] for name in sorted(of_document)]
    for pile in piles:
        draw.shuffle(pile)
    draw.shuffle(piles)
    picked: list[Chunk] = []
    while piles and len(picked) < count:
        picked += [pile.pop() for pile in piles[: count - len(picked)]]
        piles = [pile for pile in piles if pile]
    return picked


def by_model(
    chunks: Sequence[Chunk],
    generator: TextGenerator,
    name: str,
    *,
    progress: Progress = no_progress,
) -> list[MadeQuestion]:
    """Have a model ask about each chunk, and return what is a question about it; fewer than chunks where it makes none.

    Raises:
        AdaptError: it made none at all.
    """
    questions: dict[str, MadeQuestion] = {}
    for number, chunk in enumerate(chunks):
        progress(ProgressEvent("ask the model", number, len(chunks), f"{len(questions)} questions"))
        prompt = PROMPTS.get(chunk.language, PROMPTS["en"]).format(text=chunk.text)
        answer = generator.generate([Message("user", prompt)], max_new_tokens=MOST_TOKENS)
        question = question_in(answer, chunk)
        if question:
            questions.setdefault(
                question, MadeQuestion(question, chunk.document, chunk.chunk_id, f"model {name}")
            )
    progress(
        ProgressEvent("ask the model", len(chunks), len(chunks), f"{len(questions)} questions")
    )
    if not questions:
        raise AdaptError(
            f"{name} made no usable question of {len(chunks)} passages; name a larger model with --model, or take the "
            "documents' headings with --headings"
        )
    return list(questions.values())


def by_headings(chunks: Sequence[Chunk]) -> list[MadeQuestion]:
    """Return the last heading above each chunk as what one would look for; each heading that only one document has.

    Raises:
        AdaptError: there is none.
    """
    of_heading: dict[str, dict[str, Chunk]] = defaultdict(dict)
    for chunk in chunks:
        heading = " ".join(chunk.heading.rpartition(" > ")[2].split())
        if _names_anything(heading, chunk.language):
            of_heading[heading].setdefault(chunk.document, chunk)
    questions = [
        MadeQuestion(heading, chunk.document, chunk.chunk_id, HEADINGS)
        for heading, by_document in of_heading.items()
        if len(by_document) == 1
        for chunk in by_document.values()
    ]
    if not questions:
        raise AdaptError("no document has a heading of its own; have a model ask with --model")
    return questions


def question_in(answer: str, chunk: Chunk) -> str:
    """Return the question of a model's answer, empty where it holds none about this chunk."""
    match = re.search(r"[^\n.!?]*\?", answer.strip())
    question = " ".join(match.group().split()).lstrip("-*#>\"' 0123456789.)") if match else ""
    words = question.split()
    if len(words) not in WORDS or not _names_anything(question, chunk.language):
        return ""
    passage = " ".join(chunk.text.split())
    runs = (" ".join(words[i : i + COPIED]) for i in range(len(words) - COPIED + 1))
    if any(run in passage for run in runs):
        return ""
    about = set(terms(question, chunk.language)) & set(terms(chunk.text, chunk.language))
    return question if about - STOP_WORDS.get(chunk.language, frozenset()) else ""


def write(path: Path, questions: Sequence[MadeQuestion]) -> None:
    """Write questions as `adapt search evaluate` reads them, each marked with what made it."""
    lines = [
        json.dumps(
            {
                "question": question.question,
                "relevant": [question.document],
                "chunk": question.chunk_id,
                "made_by": question.made_by,
            },
            ensure_ascii=False,
        )
        for question in questions
    ]
    write_atomic(path, "".join(f"{line}\n" for line in lines))


def _names_anything(text: str, language: str) -> bool:
    """Return whether a text names anything."""
    return bool(set(terms(text, language)) - STOP_WORDS.get(language, frozenset()))
