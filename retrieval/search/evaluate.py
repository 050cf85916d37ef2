"""How good search is on one's own documents: nDCG@10, recall and MRR of each part, on questions whose answers are known.

    {"question": "When does the office open?", "relevant": ["hours.txt"]}

`relevant` names documents, or chunks as `adapt search --json` shows them; an object instead of a list gives each a grade.
Where it is empty, nothing answers the question: no ranking of it is right or wrong, so it is counted and left out. What else
a line holds is not read.
"""

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, field_validator

from adapt.errors import DataError
from adapt.evaluation.bootstrap import Comparison, bootstrap, paired
from adapt.protocols import Progress, no_progress
from adapt.records import ProgressEvent

CUT = 10  # of nDCG and MRR
RECALLS = (1, 5, 10, 20)

Ranking = Sequence[str]  # chunk ids, best first


class AskedQuestion(BaseModel):
    """A question and the grades of what answers it, by the id of a document or chunk."""

    model_config = ConfigDict(frozen=True)

    question: str = Field(min_length=1)
    relevant: dict[str, float]

    @field_validator("relevant", mode="before")
    @classmethod
    def _as_grades(cls, given: object) -> object:
        return dict.fromkeys(given, 1.0) if isinstance(given, list) else given

    @field_validator("relevant")
    @classmethod
    def _above_zero(cls, given: dict[str, float]) -> dict[str, float]:
        if not all(math.isfinite(grade) and grade > 0 for grade in given.values()):
            raise ValueError("a grade is a number above 0")
        return given


@dataclass(frozen=True)
class PartQuality:
    """The metrics of one part: a value for each question, in order."""

    name: str
    values: Mapping[str, tuple[float, ...]]

    def mean(self, metric: str) -> float:
        """Return the mean of a metric."""
        return sum(self.values[metric]) / len(self.values[metric])

    def as_json(self) -> dict[str, JsonValue]:
        """Return mean and 95 % interval of each metric."""
        metrics: dict[str, JsonValue] = {}
        for metric, values in self.values.items():
            low, high = bootstrap(values)
            metrics[metric] = {
                "mean": round(self.mean(metric), 4), "low": round(low, 4), "high": round(high, 4),
            }  # fmt: skip
        return metrics


@dataclass(frozen=True)
class Quality:
    """What an evaluation found; the last part is what a search gives.

    Attributes:
        questions: how many were judged.
        unanswerable: how many more name nothing relevant and were left out.
    """

    questions: int
    parts: tuple[PartQuality, ...]
    unanswerable: int = 0

    @property
    def gains(self) -> dict[str, Comparison]:
        """Return how much better nDCG@10 of the whole is than that of each single part, on the same questions."""
        metric, whole = f"ndcg@{CUT}", self.parts[-1]
        return {
            part.name: paired(part.values[metric], whole.values[metric]) for part in self.parts[:-1]
        }

    def as_json(self) -> dict[str, JsonValue]:
        """Return all of it for scripts."""
        return {
            "questions": self.questions,
            "unanswerable": self.unanswerable,
            "parts": {part.name: part.as_json() for part in self.parts},
            "gains": {name: gain.as_metrics() for name, gain in self.gains.items()},
        }


def read_questions(path: Path, documents: Iterable[str]) -> list[AskedQuestion]:
    """Return the questions of a file, their documents named as the collection names them.

    A document may be named without its folder or ending where no other is called so.

    Raises:
        DataError: the file or a line of it cannot be read, or names what the collection does not hold, or no question has an
            answer.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise DataError(f"{path}: cannot be read ({why})") from error
    names = _names(documents)
    asked = [_read(path, n, line, names) for n, line in enumerate(lines, 1) if line.strip()]
    if not asked:
        raise DataError(f"{path}: holds no question; write one a line, as JSON")
    if not any(question.relevant for question in asked):
        raise DataError(
            f"{path}: no question names a relevant document, so there is nothing to measure search by"
        )
    return asked


def evaluate(
    questions: Sequence[AskedQuestion],
    ask: Callable[[str], Mapping[str, Ranking]],
    document_of: Callable[[str], str],
    *,
    progress: Progress = no_progress,
) -> Quality:
    """Ask every question that something answers.

    Args:
        ask: returns the chunks that each part finds for a question; the last part is the whole search.
        document_of: returns the document of a chunk, by the chunk's id.
    """
    answerable = [asked for asked in questions if asked.relevant]
    judged: dict[str, list[dict[str, float]]] = {}
    for number, asked in enumerate(answerable):
        progress(ProgressEvent("ask", number, len(answerable)))
        for name, chunks in ask(asked.question).items():
            judged.setdefault(name, []).append(judge(chunks, document_of, asked.relevant))
    progress(ProgressEvent("ask", len(answerable), len(answerable)))
    return Quality(
        len(answerable),
        tuple(
            PartQuality(name, {metric: tuple(row[metric] for row in rows) for metric in rows[0]})
            for name, rows in judged.items()
        ),
        unanswerable=len(questions) - len(answerable),
    )


def judge(
    chunks: Ranking, document_of: Callable[[str], str], relevant: Mapping[str, float]
) -> dict[str, float]:
    """Return the metrics of one ranking.

    A document stands where its first chunk does. nDCG as TREC and MTEB have it: gain is the grade, discount log2(rank + 1).
    """
    ranked = list(dict.fromkeys(i if i in relevant else document_of(i) for i in chunks))
    gains = [relevant.get(ranked_id, 0.0) for ranked_id in ranked]
    ideal = sorted(relevant.values(), reverse=True)
    first = next((place for place, gain in enumerate(gains[:CUT], 1) if gain), 0)
    return {
        f"ndcg@{CUT}": _discounted(gains) / _discounted(ideal),
        f"mrr@{CUT}": 1 / first if first else 0.0,
        **{f"recall@{k}": sum(gain > 0 for gain in gains[:k]) / len(relevant) for k in RECALLS},
    }


def _discounted(gains: Sequence[float]) -> float:
    return sum(gain / math.log2(place + 1) for place, gain in enumerate(gains[:CUT], 1))


def _names(documents: Iterable[str]) -> dict[str, str]:
    """Return the documents by whatever names only one of them has: whole, without ending, without folder, without both."""
    by_name: dict[str, set[str]] = {}
    for name in documents:
        path = Path(name)
        for called in {name, path.with_suffix("").as_posix(), path.name, path.stem}:
            by_name.setdefault(called, set()).add(name)
    return {
        called: called if called in names else names.pop()
        for called, names in by_name.items()
        if len(names) == 1 or called in names
    }


def _read(path: Path, number: int, line: str, names: Mapping[str, str]) -> AskedQuestion:
    where = f"{path}, line {number}"
    try:
        asked = AskedQuestion.model_validate(json.loads(line))
    except ValidationError as error:
        fault = error.errors()[0]
        field = ".".join(map(str, fault["loc"])) or "the line"
        raise DataError(
            f'{where}: {field}: {fault["msg"]}; write {{"question": "…", "relevant": ["document", …]}}'
        ) from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where}: not JSON ({str(error)[:100]})") from error
    unknown = [wanted for wanted in asked.relevant if wanted not in names and not _is_chunk(wanted)]
    if unknown:
        raise DataError(f"{where}: the collection has no document '{unknown[0][:100]}'")
    grades = {names.get(wanted, wanted): grade for wanted, grade in asked.relevant.items()}
    return asked.model_copy(update={"relevant": grades})


def _is_chunk(name: str) -> bool:
    key, _, number = name.partition("-")
    return len(key) == 20 and number.isdecimal() and all(sign in "0123456789abcdef" for sign in key)
