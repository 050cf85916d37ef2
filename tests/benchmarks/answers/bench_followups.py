"""Follow-up questions: is the right passage among the three given, once the conversation has been had through the engine?

60 conversations of two or three turns over the demo's documents, half of them Spanish, written before the rules; 13 of the
last turns change the topic and need nothing of what was said before.
"""

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.answers.bench_answers import _said
from tests.benchmarks.report import Row
from ui.actions.chat import Question, ask
from ui.actions.documents import IngestRequest, ingest
from ui.context import Context

DOCUMENTS = Path(__file__).parents[3] / "ui" / "demo" / "data" / "documents"
CONVERSATIONS = Path(__file__).with_name("followups.jsonl")
GOAL = 0.9
TOKENS = 60


@dataclass(frozen=True)
class Conversation:
    """What is typed, and where the answer to the last turn stands; `whole` says that this turn needs no conversation."""

    turns: tuple[str, ...]
    language: str
    relevant: str
    contains: str
    answer: str
    whole: bool


@dataclass(frozen=True)
class Outcome:
    """What became of a conversation's last turn."""

    conversation: Conversation
    found: bool
    first: bool
    answered: bool
    untouched: bool


def run() -> list[Row]:
    """Measure with the rules and without, in one run."""
    conversations = read(CONVERSATIONS)
    ruled = outcomes(conversations, DOCUMENTS)
    plain = outcomes(conversations, DOCUMENTS, followups="off")
    rows = []
    for language, name in (("", "all"), ("en", "English"), ("es", "Spanish")):
        with_rules, without = _found(ruled, language), _found(plain, language)
        rows.append(
            Row(
                f"follow-up questions, {name}: right passage among the three given",
                _said(with_rules),
                f"without the rules {_said(without)}; goal {GOAL:.0%}",
                sum(with_rules) / len(with_rules) / GOAL,
                f"as the first {_said([o.first for o in ruled if language in ('', o.conversation.language)])}, without the "
                f"rules {_said([o.first for o in plain if language in ('', o.conversation.language)])}; "
                f"the answer's words said by the starter "
                f"{_said([o.answered for o in ruled if language in ('', o.conversation.language)])}, without the rules "
                f"{_said([o.answered for o in plain if language in ('', o.conversation.language)])}",
            )
        )
    changes = [outcome for outcome in ruled if outcome.conversation.whole]
    left = [outcome.untouched for outcome in changes]
    return [
        *rows,
        Row(
            "follow-up questions: changes of topic that are searched as they were typed",
            _said(left),
            "limit 100 %",
            sum(left) / len(left),
            f"right passage in {_said([outcome.found for outcome in changes])}; made whole of the others "
            f"{_said([not o.untouched for o in ruled if not o.conversation.whole])}",
        ),
    ]


def _found(made: Sequence[Outcome], language: str) -> list[bool]:
    return [o.found for o in made if language in ("", o.conversation.language)]


def read(path: Path) -> list[Conversation]:
    """Return the conversations of a file, one JSON object a line."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [Conversation(**{**row, "turns": tuple(row["turns"])}) for row in rows]


def outcomes(
    conversations: Sequence[Conversation], documents: Path, *, followups: str = "auto"
) -> list[Outcome]:
    """Have each conversation with the starter over a folder of documents."""
    with tempfile.TemporaryDirectory() as folder:
        workspace = Path(folder) / "w"
        workspace.mkdir()
        settings = f'[prompt]\nfollowups = "{followups}"\n'
        (workspace / "adapt.toml").write_text(settings, encoding="utf-8")
        ctx = Context(workspace)
        ingest(ctx, IngestRequest(paths=(documents,), collection="documents"))
        results = [_talk(ctx, conversation) for conversation in conversations]
        ctx.close()
    return results


def _talk(ctx: Context, conversation: Conversation) -> Outcome:
    session = ""
    for turn in conversation.turns:
        question = Question(turn, session_id=session, collection="documents", max_new_tokens=TOKENS)
        generation, session = ask(ctx, question)
        answer = generation.wait(300)
    right = [
        piece.passage is not None
        and piece.passage.chunk.document.endswith(conversation.relevant)
        and conversation.contains in _flat(piece.passage.chunk.text)
        for piece in generation.prompt.cited
    ]
    return Outcome(
        conversation,
        any(right),
        right[:1] == [True],
        conversation.answer in _flat(answer),
        not generation.prompt.searched_by,
    )


def _flat(text: str) -> str:
    return " ".join(text.split())
