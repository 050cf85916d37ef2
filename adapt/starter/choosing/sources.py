"""The sets that the weights of the choice are made from, by what each is for."""

import gzip
import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapt.errors import DataError
from adapt.models.decoding.candidates import find_candidates
from adapt.records import Grounding
from adapt.starter.choosing.items import Item, QuestionSet, coined, is_development
from adapt.starter.recipe.texts.corpus import read_corpus
from adapt.starter.recipe.texts.questions import ReadingSet, build_reading_set, read_squad
from adapt.starter.recipe.training.batches import make_source

RECIPE = ("text_en_openstax", "text_es_openstax", "tydiqa_en", "squad_es")
MLQA = "mlqa_es"
COINED = 400  # items of each kind


@dataclass(frozen=True)
class Sources:
    """`learned`: sets that the head learns from; `unread`: sets that the starter has not read, for its likelihoods.

    `across` has questions in the other language than its passages; `coined` are single items, and so are `everyday` ones,
    which people ask of a house's own papers, with the passages that a search found.
    """

    learned: tuple[QuestionSet, ...]
    unread: tuple[QuestionSet, ...]
    across: tuple[QuestionSet, ...]
    coined: tuple[Item, ...]
    everyday: tuple[Item, ...]
    hashes: dict[str, str]


def read_sources(data: Path, everyday: Path | None = None, *, seed: int) -> Sources:
    """Read the folders of a data folder that are named above, and a file of everyday questions where there is one.

    Raises:
        DataError: one is missing or not in its form.
    """
    corpus = read_corpus([data / name for name in RECIPE])
    trained, unseen = make_source(corpus, held_out=False), make_source(corpus, held_out=True)
    mlqa, hashes = _mlqa(data / MLQA)
    english = QuestionSet.of("mlqa en-en", "en", mlqa["en", "en"], titled=True)
    spanish = QuestionSet.of("mlqa es-es", "es", mlqa["es", "es"], titled=True)
    squad = _development(trained.reading_sets["es"])
    return Sources(
        learned=(
            QuestionSet.of("tydiqa", "en", trained.reading_sets["en"], titled=False),
            QuestionSet.of("squad_es", "es", squad, titled=True),
            english,
            spanish,
        ),
        unread=(
            english,
            spanish,
            QuestionSet.of(
                "squad_es unread",
                "es",
                _development(unseen.reading_sets.get("es", ReadingSet([], []))),
                titled=True,
            ),
        ),
        across=(
            QuestionSet.of("mlqa en-es", "es", mlqa["en", "es"], titled=True),
            QuestionSet.of("mlqa es-en", "en", mlqa["es", "en"], titled=True),
        ),
        coined=tuple(
            item for kind in ("fact", "quote") for item in coined(trained, kind, COINED, seed=seed)
        ),
        everyday=tuple(read_everyday(everyday)) if everyday else (),
        hashes={file.name: file.sha256 for file in corpus.files} | hashes | _hash(everyday),
    )


def read_everyday(path: Path) -> Iterator[Item]:
    """Yield the items of a file that `python -m tests.benchmarks.answers.everyday` writes.

    Raises:
        DataError: a line's answer is none of its candidates.
    """
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        row = json.loads(line)
        grounding = Grounding(
            tuple(enumerate(row["passages"], start=1)),
            headings=tuple(row["headings"]),
            question=row["question"],
        )
        candidates = tuple(find_candidates(grounding))
        answers = [(candidate.number, candidate.text) for candidate in candidates]
        answer = row["answer"] and tuple(row["answer"])
        if answer is not None and answer not in answers:
            raise DataError(f"{path}, line {number}: its answer is none of its candidates")
        yield Item(
            row["question"], grounding, candidates, answers.index(answer) if answer else None,
            f"everyday {row['set']}", f"{row['set']} {number}", row["language"],
        )  # fmt: skip


def _hash(path: Path | None) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest()} if path else {}


def _development(reading_set: ReadingSet) -> ReadingSet:
    return build_reading_set(
        paragraph for paragraph in reading_set.paragraphs if is_development(paragraph.article)
    )


def _mlqa(folder: Path) -> tuple[dict[tuple[str, str], ReadingSet], dict[str, str]]:
    """Return MLQA's development sets by (language of the passages, of the questions), and the hashes of their files.

    English questions over English passages are joined by the questions' ids from the two files across languages.
    """
    pairs = (("en", "es"), ("es", "en"), ("es", "es"))
    read: dict[tuple[str, str], Any] = {}
    hashes = {}
    for passages_in, asked in pairs:
        path = folder / f"dev-context-{passages_in}-question-{asked}.json.gz"
        raw = path.read_bytes()
        hashes[f"{folder.name}/{path.name}"] = hashlib.sha256(raw).hexdigest()
        read[passages_in, asked] = json.loads(gzip.decompress(raw))
    english = {question["id"]: question["question"] for question in _questions(read["es", "en"])}
    joined = json.loads(json.dumps(read["en", "es"]))
    for question in _questions(joined):
        question["question"] = english.get(question["id"], "")
    for article in joined["data"]:
        for paragraph in article["paragraphs"]:
            paragraph["qas"] = [question for question in paragraph["qas"] if question["question"]]
    read["en", "en"] = joined
    reading_sets = {
        pair: build_reading_set(paragraph for _, paragraph in read_squad(f"MLQA {pair}", content))
        for pair, content in read.items()
    }
    return reading_sets, hashes


def _questions(content: Any) -> Iterable[Any]:
    for article in content["data"]:
        for paragraph in article["paragraphs"]:
            yield from paragraph["qas"]
