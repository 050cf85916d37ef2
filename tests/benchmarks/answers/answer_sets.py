"""Collections with questions that they answer and questions that they do not: those of the fit, and those of the proof.

What is split by title has its halves by the SHA-256 of the title; a set of the fit and one of the proof share no article.
"""

import hashlib
import json
import random
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from adapt.embedding.load import load_embedder
from adapt.records import Passage
from adapt.workspace.folder import Workspace
from retrieval.collections.collection import Collection
from tests.benchmarks.retrieval.bench_search import (
    Set,
    _feedbackqa,
    _leyes,
    _lines,
    _mlqa_test,
    _scifact as _scifact_set,
    _text,
)
from tests.benchmarks.starter.bench_starter import DATA

ASKED = 200  # questions of each side
DOCUMENTS = 400
SHORT = 12_000  # characters; long laws take minutes to embed
READ = 8
FIT, PROOF = 0, 1  # halves
SQUAD, TYDIQA = "squad_es/dev-v1.1-es_small.json.gz", "tydiqa_en/tydiqa.goldp.en.train.json.gz"
MLQA_ES, MLQA_EN_ES, MLQA_ES_EN = (
    f"mlqa_es/dev-context-{context}-question-{question}.json.gz"
    for context, question in (("es", "es"), ("es", "en"), ("en", "es"))
)
CLINC = "clinc150/data_full.json.gz"
FEEDBACKQA = (
    "feedbackqa/qa_valid.jsonl",
    "feedbackqa/qa_test.jsonl.gz",
)  # of the fit, of the proof
USED = (SQUAD, TYDIQA, MLQA_ES, MLQA_EN_ES, MLQA_ES_EN, CLINC, FEEDBACKQA[FIT])  # by the fit

Articles = list[dict[str, list[dict[str, list[dict[str, str]]]]]]


@dataclass(frozen=True)
class Asked:
    """A collection's documents, its own questions with what answers them, and questions of others; who embeds it."""

    name: str
    documents: dict[str, str]
    own: list[tuple[str, set[str]]]
    others: list[str]
    embedder: str = "muse"


@dataclass(frozen=True)
class Gathered:
    """What the default search finds for the questions of a set, and among how many chunks."""

    chunks: int
    own: list[tuple[str, set[str], list[Passage]]]
    others: list[tuple[str, list[Passage]]]


def gather(asked_set: Asked) -> Gathered:
    """Ingest a set's documents, and search for all of its questions."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "documents"
        folder.mkdir()
        for file, text in asked_set.documents.items():
            (folder / file).write_text(text, encoding="utf-8")
        workspace, embedder = Workspace(Path(name) / "w"), load_embedder(asked_set.embedder)
        collection = Collection.open_or_create(workspace, "c", embedder)
        collection.ingest([folder])
        own = [(text, gold, collection.search(text, top_k=READ)) for text, gold in asked_set.own]
        others = [(text, collection.search(text, top_k=READ)) for text in asked_set.others]
        size = collection.size
        collection.close()
    return Gathered(size, own, others)


def tydiqa() -> Asked:
    """Return the fit's English questions to Wikipedia."""
    rng = random.Random("tydiqa")
    documents, own = _of(_articles(TYDIQA), rng)
    others = _sampled(rng, _feedback(FIT), _talk(FIT), _questions(_articles(MLQA_EN_ES), FIT))
    return Asked("TyDiQA, English", documents, own, others, "minilm")


def feedbackqa() -> Asked:
    """Return the fit's English questions to offices."""
    rng = random.Random("feedbackqa")
    whole_set = _feedbackqa()
    rows = rng.sample(_lines(DATA / FEEDBACKQA[FIT]), ASKED)
    needed = {f"{row['passage_id']}.md" for row in rows}
    more = rng.sample(sorted(whole_set.documents.keys() - needed), ASKED)
    documents = {document: whole_set.documents[document] for document in sorted([*needed, *more])}
    own = [(row["question"], {f"{row['passage_id']}.md"}) for row in rows]
    asked = _questions(_articles(TYDIQA), FIT), _questions(_articles(MLQA_EN_ES), FIT)
    return Asked("feedbackqa", documents, own, _sampled(rng, *asked, _talk(FIT)), "minilm")


def mlqa_dev() -> Asked:
    """Return the fit's Spanish questions to Wikipedia."""
    rng = random.Random("mlqa")
    documents, own = _of(_articles(MLQA_ES), rng)
    others = _sampled(rng, _questions(_articles(SQUAD), FIT))
    return Asked("MLQA es-es dev", documents, own, others)


def squad_es() -> Asked:
    """Return the fit's Spanish questions to articles of the development half."""
    rng = random.Random("squad")
    documents, own = _of(_halved(_articles(SQUAD), FIT), rng)
    return Asked("SQuAD-es", documents, own, _sampled(rng, _questions(_articles(MLQA_ES))))


def spanish_on_english(half: int) -> Asked:
    """Return Spanish questions to English passages."""
    rng = random.Random(f"es-en {half}")
    documents, own = _of(_halved(_articles(MLQA_ES_EN), half), rng)
    others = _sampled(rng, _questions(_articles(SQUAD), half))
    return Asked("MLQA, Spanish questions on English passages", documents, own, others)


def english_on_spanish(half: int) -> Asked:
    """Return English questions to Spanish passages."""
    rng = random.Random(f"en-es {half}")
    documents, own = _of(_halved(_articles(MLQA_EN_ES), half), rng)
    asked = _questions(_articles(TYDIQA), half), _feedback(half), _talk(half)
    others = _sampled(rng, *asked)
    return Asked("MLQA, English questions on Spanish passages", documents, own, others)


def everyday(name: str) -> Asked:
    """Return everyday questions to the papers of one house, in both languages, and questions of others."""
    folder = Path(__file__).parent / "development" / name
    rng = random.Random(f"everyday {name}")
    files = sorted((folder / "documents").iterdir())
    rows = _lines(folder / "questions.jsonl")
    own = [(row["question"], set(row["relevant"])) for row in rows if row["relevant"]]
    asked = _talk(FIT), _questions(_articles(TYDIQA), FIT), _questions(_articles(SQUAD), FIT)
    others = _sampled(rng, *asked, _questions(_articles(MLQA_ES)))
    documents = {file.name: file.read_text(encoding="utf-8") for file in files}
    return Asked(f"everyday questions, {name}", documents, own, others, "shipped")


def scifact() -> Asked:
    """Return the proof's English set."""
    whole_set = _scifact_set()
    rng = random.Random("scifact")
    needed = {document for gold in whole_set.relevant.values() for document in gold}
    more = rng.sample(sorted(whole_set.documents.keys() - needed), 400)
    documents = {document: whole_set.documents[document] for document in sorted([*needed, *more])}
    own = [
        (text, set(whole_set.relevant[question_id]))
        for question_id, text in whole_set.questions.items()
    ]
    own = rng.sample(own, ASKED)
    others = rng.sample(_feedback(PROOF), ASKED // 2)
    talk = [text for text, _ in rng.sample(_clinc("oos_test"), ASKED // 2)]
    return Asked("SciFact, English", documents, own, others + talk, "minilm")


def mlqa_test() -> Asked:
    """Return the proof's Spanish questions to Wikipedia."""
    others = [*_leyes().questions.values(), *_questions(_articles(SQUAD), PROOF)]
    return _spanish("MLQA test, Spanish", _mlqa_test(), 800, others)


def leyes_uy() -> Asked:
    """Return the titles of laws, asked for in laws."""
    whole_set = _leyes()
    short = {name: text for name, text in whole_set.documents.items() if len(text) < SHORT}
    others = _questions(_articles(SQUAD), PROOF)
    return _spanish("leyes_uy, titles, Spanish", replace(whole_set, documents=short), 100, others)


def _spanish(name: str, whole_set: Set, size: int, others: list[str]) -> Asked:
    rng = random.Random(name)
    chosen = rng.sample(sorted(whole_set.documents), size)
    own = [
        (text, set(whole_set.relevant[question_id]))
        for question_id, text in whole_set.questions.items()
        if set(whole_set.relevant[question_id]) <= set(chosen)
    ]
    return Asked(
        name,
        {document: whole_set.documents[document] for document in chosen},
        rng.sample(own, min(ASKED, len(own))),
        rng.sample(others, ASKED),
    )


def _articles(file: str) -> Articles:
    articles: Articles = json.loads(_text(DATA / file))["data"]
    return articles


def half_of(text: str) -> int:
    """Return to which half a title, or a question of a set without titles, belongs."""
    return int(hashlib.sha256(text.encode()).hexdigest(), 16) % 2


def _halved(articles: Articles, half: int) -> Articles:
    return [article for article in articles if half_of(str(article["title"])) == half]


def _questions(articles: Articles, half: int | None = None) -> list[str]:
    """Return the questions of articles, of one half where one is named; without titles (TyDiQA) each counts alone."""
    titled = half is not None and "title" in articles[0]
    chosen = _halved(articles, half or 0) if titled else articles
    asked = [
        qa["question"] for article in chosen for part in article["paragraphs"] for qa in part["qas"]
    ]
    return (
        asked
        if titled or half is None
        else [question for question in asked if half_of(question) == half]
    )


def _of(
    articles: Articles, rng: random.Random
) -> tuple[dict[str, str], list[tuple[str, set[str]]]]:
    """Return some paragraphs as documents, and questions to them."""
    paragraphs = [paragraph for article in articles for paragraph in article["paragraphs"]]
    rng.shuffle(paragraphs)
    kept = paragraphs[:DOCUMENTS]
    documents = {f"{n}.txt": str(paragraph["context"]) for n, paragraph in enumerate(kept)}
    own = [
        (qa["question"], {f"{n}.txt"})
        for n, paragraph in enumerate(kept)
        for qa in paragraph["qas"]
    ]
    return documents, rng.sample(own, min(ASKED, len(own)))


def _sampled(rng: random.Random, *parts: list[str]) -> list[str]:
    """Return `ASKED` questions, as many of each part."""
    size = ASKED // len(parts)
    return [question for part in parts for question in rng.sample(part, min(size, len(part)))]


def _feedback(half: int) -> list[str]:
    return [row["question"] for row in _lines(DATA / FEEDBACKQA[half])]


def _talk(half: int) -> list[str]:
    parts = ("oos_train", "oos_val", "val") if half == FIT else ("oos_test",)
    return [text for part in parts for text, _ in _clinc(part)]


def _clinc(part: str) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = json.loads(_text(DATA / CLINC))[part]
    return rows
