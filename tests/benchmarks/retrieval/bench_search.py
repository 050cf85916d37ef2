"""Search quality on public sets: nDCG@10 of each part and of their fusion, through ingest and evaluation as users call them.

Documents are whole files, cut by the product's own defaults; a document stands where its first chunk does.
"""

import csv
import gzip
import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from adapt.embedding.load import load_embedder
from adapt.workspace.folder import Workspace
from retrieval.collections.collection import Collection
from tests.benchmarks.report import Row
from tests.benchmarks.starter.bench_starter import DATA

Relevant = dict[str, list[str]]


@dataclass(frozen=True)
class Set:
    """Documents by file name, questions by id, what answers them; and what is to be reached."""

    name: str
    documents: dict[str, str]
    questions: dict[str, str]
    relevant: Relevant
    goal: float


def run() -> list[Row]:
    """Measure each set that is there."""
    makers: dict[str, Callable[[], Set]] = {
        "scifact_beir": _scifact,
        "mlqa_es": _mlqa_dev,
        "mlqa_es/test_es_corpus.jsonl.gz": _mlqa_test,
        "mlqa_es/dev-context-en-question-es.json.gz": _spanish_on_english,
        "mlqa_es/dev-context-es-question-en.json.gz": _english_on_spanish,
        "mlqa_es/dev-context-es-question-es.json.gz": _both_languages,
        "feedbackqa": _feedbackqa,
        "leyes_uy": _leyes,
    }
    there = [make for place, make in makers.items() if (DATA / place).exists()]
    return [row for make in there for row in _measure(make())]


def _measure(one: Set) -> list[Row]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "documents"
        folder.mkdir()
        for file, text in one.documents.items():
            (folder / file).write_text(text, encoding="utf-8")
        asked = Path(name) / "questions.jsonl"
        asked.write_text(
            "".join(
                json.dumps({"question": text, "relevant": one.relevant[i]}) + "\n"
                for i, text in one.questions.items()
            ),
            encoding="utf-8",
        )
        collection = Collection.open_or_create(
            Workspace(Path(name) / "workspace"), "c", load_embedder()
        )
        report = collection.ingest([folder])
        again = collection.ingest([folder])
        quality = collection.evaluate(asked)
        collection.close()
    means = {part.name: part.mean("ndcg@10") for part in quality.parts}
    gain = quality.gains[max(("dense", "lexical"), key=means.__getitem__)]
    found = Row(
        what=f"{one.name}: nDCG@10 of the default search, goal {one.goal}",
        ours=f"{means['fused']:.3f}",
        peer=f"BM25 alone {means['lexical']:.3f}, vectors alone {means['dense']:.3f}",
        ratio=round(means["fused"] / one.goal, 3),
        note=f"{len(one.documents):,} documents, {report.chunks:,} chunks, {quality.questions:,} questions; "
        f"against the better part {gain.difference:+.3f} (95 % {gain.low:+.3f} … {gain.high:+.3f}); ratio to the goal",
    )
    share = again.seconds / report.seconds
    unchanged = Row(
        what=f"{one.name}: ingest of the unchanged folder, share of the first ingest's time",
        ours=f"{100 * share:.2f} %",
        peer="limit 3 %",
        ratio=round(0.03 / share, 1),
        note=f"{again.seconds:.2f} s after {report.seconds:.0f} s, {report.chunks / report.seconds:.0f} chunks/s",
    )
    return [found, unchanged]


def _lines(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in _text(path).splitlines()]


def _text(path: Path) -> str:
    data = path.read_bytes()
    return (gzip.decompress(data) if path.suffix == ".gz" else data).decode()


def _judged(path: Path, ending: str) -> Relevant:
    found: Relevant = {}
    for row in csv.DictReader(_text(path).splitlines(), delimiter="\t"):
        if float(row["score"]) > 0:
            found.setdefault(row["query-id"], []).append(row["corpus-id"] + ending)
    return found


def _asked(path: Path, relevant: Relevant) -> dict[str, str]:
    return {row["_id"]: row["text"] for row in _lines(path) if row["_id"] in relevant}


def _scifact() -> Set:
    folder = DATA / "scifact_beir"
    rows = _lines(folder / "corpus.jsonl.gz")
    relevant = _judged(folder / "qrels_test.tsv", ".txt")
    documents = {f"{row['_id']}.txt": f"{row['title']}\n{row['text']}" for row in rows}
    return Set("SciFact", documents, _asked(folder / "queries.jsonl", relevant), relevant, 0.73)


def _mlqa_dev() -> Set:
    return _mlqa("dev-context-es-question-es.json.gz", "MLQA es-es dev", 0.835)


def _spanish_on_english() -> Set:
    name = "dev-context-en-question-es.json.gz"
    return _mlqa(name, "MLQA, Spanish questions on English passages", 0.72)


def _english_on_spanish() -> Set:
    name = "dev-context-es-question-en.json.gz"
    return _mlqa(name, "MLQA, English questions on Spanish passages", 0.72)


def _both_languages() -> Set:
    """Return the passages of both languages as one collection, and questions in both; either language's passage answers.

    Every other question, so that it takes as long as the others.
    """
    own = _mlqa("dev-context-es-question-es.json.gz", "", 0)
    spanish = _mlqa("dev-context-en-question-es.json.gz", "", 0)
    english = _mlqa("dev-context-es-question-en.json.gz", "", 0)
    documents = {f"es-{name}": text for name, text in own.documents.items()}
    documents |= {f"en-{name}": text for name, text in spanish.documents.items()}
    named = {text: name for name, text in documents.items()}
    questions, relevant = {}, {}
    for ending, asked in (("es", own.questions), ("en", english.questions)):
        for i in sorted(asked)[::2]:
            passages = [one.documents[one.relevant[i][0]] for one in (own, spanish)]
            questions[f"{i}-{ending}"] = asked[i]
            relevant[f"{i}-{ending}"] = [named[text] for text in passages]
    name = "MLQA, both languages in one collection, either's passage"
    return Set(name, documents, questions, relevant, 0.83)


def _mlqa(file: str, name: str, goal: float) -> Set:
    articles = json.loads(_text(DATA / "mlqa_es" / file))["data"]
    paragraphs = [paragraph for article in articles for paragraph in article["paragraphs"]]
    documents = {f"{n}.txt": one["context"] for n, one in enumerate(paragraphs)}
    asked = [(n, one) for n, paragraph in enumerate(paragraphs) for one in paragraph["qas"]]
    questions = {one["id"]: one["question"] for _, one in asked}
    relevant = {one["id"]: [f"{n}.txt"] for n, one in asked}
    return Set(name, documents, questions, relevant, goal)


def _mlqa_test() -> Set:
    folder = DATA / "mlqa_es"
    documents = {f"{r['_id']}.txt": r["text"] for r in _lines(folder / "test_es_corpus.jsonl.gz")}
    relevant = _judged(folder / "test_es_qrels.tsv.gz", ".txt")
    questions = _asked(folder / "test_es_queries.jsonl.gz", relevant)
    return Set("MLQA es-es test", documents, questions, relevant, 0.70)


def _feedbackqa() -> Set:
    folder = DATA / "feedbackqa"
    documents = {
        f"{row['_id']}.md": "\n\n".join(
            [f"# {row['title']}", *(f"## {one}" for one in row["headers"]), row["text"]]
        )
        for row in _lines(folder / "passages.jsonl.gz")
    }
    rows = _lines(folder / "qa_test.jsonl.gz")
    questions = {row["_id"]: row["question"] for row in rows}
    relevant = {row["_id"]: [f"{row['passage_id']}.md"] for row in rows}
    return Set("feedbackqa", documents, questions, relevant, 0.60)


def _leyes() -> Set:
    folder = DATA / "leyes_uy"
    documents = {f"{row['_id']}.md": row["text"] for row in _lines(folder / "corpus.jsonl.gz")}
    relevant = _judged(folder / "qrels_title.tsv", ".md")
    questions = _asked(folder / "queries_title.jsonl.gz", relevant)
    return Set("leyes_uy, titles in capitals", documents, questions, relevant, 0.75)
