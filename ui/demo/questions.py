"""Natural questions over documents: what is asked, what a right answer holds, and whether an answer is right.

    {"question": "When does it open?", "language": "en", "kind": "text", "relevant": ["hours.txt"], "right": [["8:00"]]}

`right` holds groups of alternatives: of each group one must stand in the answer, as whole words, without regard to case and
accents; no string of `wrong` may. A question of kind `absent` has no answer in the documents: right is a refusal alone.
Not here: asking (`ui.demo.answers`).
"""

import json
import re
import unicodedata
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from adapt.errors import DataError
from adapt.models.decoding.grounding import REFUSALS
from retrieval.prompt.marks import MARK
from retrieval.prompt.source import ABSENT

QUESTIONS = Path(__file__).with_name("data") / "questions.jsonl"
MAX_WORDS = (
    60  # of a right answer: two long sentences; whoever quotes the whole passage has not chosen
)
REFUSED = (*ABSENT.values(), *REFUSALS)  # the sentences by which the product declines

Language = Literal["en", "es"]
Kind = Literal["text", "table", "across", "absent"]


class NaturalQuestion(BaseModel):
    """A question as a person puts it, and how its answer is judged.

    Attributes:
        language: of the question.
        kind: `table`, a row or an item of a list answers it; `across`, a sentence in the other language; `absent`, nothing.
        relevant: the documents that answer it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    question: str = Field(min_length=1)
    language: Language
    kind: Kind
    relevant: tuple[str, ...]
    right: tuple[tuple[str, ...], ...]
    wrong: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _answered_or_absent(self) -> Self:
        answered = bool(self.relevant and self.right and all(self.right))
        if self.kind == "absent" and (self.relevant or self.right):
            raise ValueError("an absent question names nothing relevant and nothing right")
        if self.kind != "absent" and not answered:
            raise ValueError("a document that answers it and what a right answer holds are missing")
        return self

    def is_right(self, answer: str) -> bool:
        """Return whether an answer is right; of an absent question, whether it is a refusal."""
        if self.kind == "absent" or is_refusal(answer):
            return self.kind == "absent" and is_refusal(answer)
        return len(answer.split()) <= MAX_WORDS and self.is_answered_in(answer)

    def is_answered_in(self, text: str) -> bool:
        """Return whether a text holds one string of each group of `right`, and none of `wrong`."""
        folded = fold(text)
        if any(holds(folded, string) for string in self.wrong):
            return False
        return bool(self.right) and all(
            any(holds(folded, string) for string in group) for group in self.right
        )


def read_natural(path: Path | None = None) -> list[NaturalQuestion]:
    """Return the questions of a file, the demo's unless one is named.

    Raises:
        DataError: the file or a line of it cannot be read.
    """
    path = path or QUESTIONS
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read ({error})") from error
    questions = []
    for number, line in enumerate(lines, 1):
        try:
            questions.append(NaturalQuestion.model_validate(json.loads(line)))
        except ValidationError as error:
            raise DataError(f"{path}, line {number}: {error.errors()[0]['msg']}") from error
        except ValueError as error:
            raise DataError(f"{path}, line {number}: not JSON ({error})") from error
    return questions


def is_refusal(answer: str) -> bool:
    """Return whether an answer says that the documents do not tell, and cites nothing."""
    folded = fold(answer)
    return MARK.search(answer) is None and any(fold(phrase) in folded for phrase in REFUSED)


def fold(text: str) -> str:
    """Return a text without case, accents and line ends."""
    parted = unicodedata.normalize("NFKD", text.casefold())
    return " ".join("".join(sign for sign in parted if not unicodedata.combining(sign)).split())


def holds(folded: str, string: str) -> bool:
    """Return whether a folded text holds a string as whole words: “6 euros” does not stand in “16 euros”."""
    return re.search(rf"(?<!\w){re.escape(fold(string))}(?!\w)", folded) is not None
