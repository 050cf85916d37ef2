"""The rows of a search: what tells one set from another, and that none of them is a test row."""

import hashlib
import json
from collections.abc import Sequence

from adapt.errors import AdaptError
from adapt.evaluation import Task
from adapt.records import Example


def fingerprint(examples: Sequence[Example]) -> str:
    """Return one hash over what examples say."""
    said = [[(m.role, m.content) for m in example.messages] for example in examples]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def refuse_shared_rows(validation: Sequence[Task], tests: Sequence[Task]) -> None:
    """Refuse a search whose validation rows are among the test rows: it would be measured on what it was chosen by.

    Raises:
        AdaptError: a prompt is in both; the text names the tasks and counts the rows.
    """
    for task in validation:
        asked = {_prompt(example) for example in task.examples}
        for test in tests:
            shared = sum(_prompt(example) in asked for example in test.examples)
            if shared:
                raise AdaptError(
                    f"{shared} of the test rows of '{test.name}' are among the validation rows of '{task.name}'; "
                    "a search may not see the rows that prove it: give other rows"
                )


def _prompt(example: Example) -> tuple[str, ...]:
    shown = example.prompt or example.messages
    return tuple(" ".join(message.content.split()).casefold() for message in shown)
