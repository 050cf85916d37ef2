"""The values that cross from one folder to another: frozen, comparable, without behaviour.

Not here: rows of the database (`feedback.store`) and the card of an artifact (`adapt.registry.registry`).
"""

from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Literal

from pydantic import JsonValue

Role = Literal["system", "user", "assistant"]
TurnStatus = Literal["streaming", "done", "stopped", "failed"]
PageForm = Literal["plain", "markdown", "code"]


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation, as a chat template takes it."""

    role: Role
    content: str

    def as_dict(self) -> dict[str, str]:
        """Return the form that transformers' chat templates read."""
        return {"role": self.role, "content": self.content}


@dataclass(frozen=True, slots=True)
class Page:
    """The text of one page, sheet, slide or chapter of a document.

    `number` counts from 1, None where a format has no pages. `heading` stands above all of it: the name of a sheet, of a
    file within an archive; levels are joined by " > ". `form` says what its marks mean: `#` opens a heading in Markdown,
    a comment in code.
    """

    text: str
    number: int | None = None
    heading: str = ""
    form: PageForm = "plain"


@dataclass(frozen=True, slots=True)
class Document:
    """A file's text. `name` is its path relative to what was ingested, with forward slashes.

    `warnings` say, one sentence each, what of the file could not be read and what to do.
    """

    name: str
    sha256: str
    pages: tuple[Page, ...]
    title: str = ""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a document, small enough for the embedder; `start` and `end` are character offsets in its page.

    `part` is the place of its page among the document's pages, from 0. `language` is the code of its document's language,
    empty where it is not known.
    """

    chunk_id: str
    document: str
    revision: str
    text: str
    page: int | None = None
    heading: str = ""
    start: int = 0
    end: int = 0
    language: str = ""
    part: int = 0


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk found for a question; `score` is larger for better, `scores` holds it by part.

    `dense` is the cosine by the embedder that was asked for this chunk, `lexical` BM25, `coverage` the share of the
    question's words that the chunk holds, weighted by how rare they are; 0 to 1. Where a collection has two embedders, the
    cosine by each stands under its name (`minilm`, `muse`): `dense` is that of the first where question and chunk are both
    in a language that it knows best, that of the multilingual one elsewhere.
    """

    chunk: Chunk
    score: float
    scores: dict[str, float] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """Return the document and page as shown to people and to the model: `handbook.pdf, page 2`."""
        page = f", page {self.chunk.page}" if self.chunk.page is not None else ""
        return f"{self.chunk.document}{page}"

    @property
    def title(self) -> str:
        """Return what stands above its text: its heading, else its document's name in words."""
        name = PurePosixPath(self.chunk.document).stem
        return self.chunk.heading or " ".join(name.replace("_", " ").replace("-", " ").split())


@dataclass(frozen=True, slots=True)
class PassageView:
    """A passage as it is opened: its page's text in three parts, of which `span` is what was found or cited.

    `current` is False where the document has changed or gone since; `note` then says so in one sentence. `heading` is the
    section's, its levels joined by " > ".
    """

    document: str
    page: int | None
    heading: str
    before: str
    span: str
    after: str
    current: bool = True
    note: str = ""


@dataclass(frozen=True, slots=True)
class ContextPiece:
    """One ranked piece that a source offers for the prompt; `piece_id` finds it again, `label` names it to people.

    `text` is what the model reads, `shown` what people see of it where that is something else. `quotable` is what an answer
    may repeat word for word: a passage's own text, a correction; `asked` the question that a correction was given for.
    """

    piece_id: str
    text: str
    label: str = ""
    score: float = 0.0
    passage: Passage | None = None
    quotable: str = ""
    shown: str = ""
    asked: str = ""


@dataclass(frozen=True, slots=True)
class CleanedAnswer:
    """An answer whose citations were checked.

    `removed` counts the citations of passages that there are not. For each sentence that lost a citation, `unsupported` has
    the number of the passage that does not say it, or `unchecked` of one in another language with nothing to compare; for
    each that quotes another passage, `corrected` has the number it had and the right one.
    """

    text: str
    removed: int = 0
    unsupported: tuple[int, ...] = ()
    unchecked: tuple[int, ...] = ()
    corrected: tuple[tuple[int, int], ...] = ()

    def as_account(self) -> dict[str, JsonValue]:
        """Return what became of the citations as JSON, to be stored with the turn."""
        return {
            "removed_citations": self.removed,
            "unsupported_citations": list(self.unsupported),
            "unchecked_citations": list(self.unchecked),
            "corrected_citations": [list(pair) for pair in self.corrected],
        }


@dataclass(frozen=True, slots=True)
class Notice:
    """A source's remark on what it offers: `text` to people, `instruction` to the model.

    `answer` is the sentence to say where the source does not hold what is asked.
    """

    text: str
    instruction: str = ""
    answer: str = ""


@dataclass(frozen=True, slots=True)
class Offer:
    """What a source has for a prompt: pieces, best first, and what is to be known about them."""

    pieces: tuple[ContextPiece, ...] = ()
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True)
class Grounding:
    """What an answer may quote or call: numbered passages, texts that need no citation, such as corrections, and tools.

    `absent`, where it is not empty, says that the passages do not hold the answer; it replaces quotations.
    `question` is what is asked, whole: a follow-up question with what it takes from its conversation. `headings` stand above
    the passages, in their order. `corrections` pair questions with those of `uncited` that were their right answers.
    """

    passages: tuple[tuple[int, str], ...] = ()
    uncited: tuple[str, ...] = ()
    tools: tuple[dict[str, Any], ...] = ()  # as `adapt.models.decoding.tools` has them
    absent: str = ""
    question: str = ""
    headings: tuple[str, ...] = ()
    corrections: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Abilities:
    """What a model can do besides going on with text; the defaults are those of one that nothing is known of.

    `rewrites`: it is large enough to put a follow-up question into other words. `knows_facts`: it may be asked without
    passages; the starter as it ships may not, it only reads what it is given. `reads_whole`: it is too small to put a
    follow-up question and its conversation together, and is given the completed question.
    """

    rewrites: bool = False
    knows_facts: bool = True
    reads_whole: bool = False


@dataclass(frozen=True, slots=True)
class Feedback:
    """What a user said of one answer: rating +1 or -1 or None, a comment, and the answer that would have been right."""

    turn_id: str
    question: str
    answer: str
    rating: int | None = None
    comment: str = ""
    correction: str = ""


@dataclass(frozen=True, slots=True)
class Turn:
    """One stored question and answer, with what went into its prompt."""

    turn_id: str
    session_id: str
    user: str
    question: str
    answer: str
    status: TurnStatus = "done"
    model: str = ""
    adapter: str = ""
    collection: str = ""
    created_at: str = ""


@dataclass(frozen=True, slots=True)
class PreferencePair:
    """Two answers to one prompt, the better first; the prompt is a conversation up to the answer."""

    prompt: tuple[Message, ...]
    chosen: str
    rejected: str


@dataclass(frozen=True, slots=True)
class RatedAnswer:
    """An answer to a conversation, and whether it is a good one."""

    prompt: tuple[Message, ...]
    answer: str
    good: bool


@dataclass(frozen=True, slots=True)
class Example:
    """One row of a training or test set: the messages, the last of which is the answer to learn.

    A `plain` one is text alone, in one message, which no chat template touches. `unlearned` are the places of answers that
    stand in the conversation and are not learned.
    """

    messages: tuple[Message, ...]
    plain: bool = False
    unlearned: frozenset[int] = frozenset()

    @property
    def prompt(self) -> tuple[Message, ...]:
        """Return all messages but the answer."""
        return self.messages[:-1]

    @property
    def answer(self) -> str:
        """Return the answer to learn."""
        return self.messages[-1].content


@dataclass(frozen=True, slots=True)
class ProgressEvent:
    """How far long work has come. `total` is None where it is not known; `detail` is one short line for people."""

    stage: str
    done: float = 0
    total: float | None = None
    detail: str = ""
    values: dict[str, float] = field(default_factory=dict)
