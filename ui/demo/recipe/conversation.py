"""The scripted conversation of the demo."""

import json
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict


class ScriptedTurn(BaseModel):
    """A question, where its answer stands, and what the user says of the model's answer.

    Attributes:
        fact: the words that a right answer holds.
        comment: said with the rating that the script means: a bad one where there is a correction, else a good one.
        correction: what this user knows better than the documents; empty where the documents are right.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    question: str
    document: str
    page: int | None = None
    answer: str
    fact: str
    comment: str = ""
    correction: str = ""


class FollowUp(BaseModel):
    """A later question, whose prompt must hold an earlier correction."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    question: str
    document: str
    correction: str


class Conversation(BaseModel):
    """What `chat.json` holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    user: str
    turns: list[ScriptedTurn]
    follow_up: FollowUp


def read_source() -> Conversation:
    """Return the script."""
    text = Path(__file__).with_name("conversation.yaml").read_text(encoding="utf-8")
    return Conversation.model_validate(yaml.safe_load(text))


def as_chat(source: Conversation) -> str:
    """Return `chat.json`."""
    return json.dumps(source.model_dump(), ensure_ascii=False, indent=2) + "\n"
