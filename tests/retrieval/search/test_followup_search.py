"""A conversation about one of several things alike: each turn finds the passages of that thing."""

from pathlib import Path

import pytest

from adapt.chat.engine import ChatEngine, Request
from adapt.chat.prompt import PromptSettings
from adapt.embedding.load import load_embedder
from adapt.models.runtime import ModelRuntime
from adapt.storage.database import Database
from adapt.workspace.folder import Workspace
from feedback.store import FeedbackStore
from retrieval.collections.collection import Collection
from retrieval.prompt.source import DocumentSource

pytestmark = pytest.mark.slow

TOOLS = {
    "kestrel.txt": "The Kestrel drill weighs 2.1 kg and runs at 1,800 turns a minute. It comes with a charger. "
    "The warranty lasts three years. Its maker is Holm Tools in Aarhus.",
    "merlin.txt": "The Merlin saw weighs 3.4 kg and runs at 5,200 turns a minute. It comes without a charger. "
    "The warranty lasts one year. Its maker is Sato Works in Nagoya.",
    "osprey.txt": "The Osprey sander weighs 1.6 kg and runs at 11,000 turns a minute. It comes with a bag. "
    "The warranty lasts two years. Its maker is Brodie Ltd in Leith.",
    "returns.txt": "A tool may be sent back within 30 days. The shop pays the parcel.",
    "hours.txt": "The shop is open from Tuesday to Saturday, 9 to 18 h.",
}


@pytest.fixture
def tools(tmp_path: Path, workspace: Workspace) -> Collection:
    for name, text in TOOLS.items():
        (tmp_path / name).write_text(text + "\n", encoding="utf-8")
    collection = Collection.open_or_create(workspace, "tools", load_embedder())
    collection.ingest([tmp_path / name for name in TOOLS])
    return collection


def found_first(
    tools: Collection, workspace: Workspace, model: ModelRuntime, turns: list[str], **settings: str
) -> list[str]:
    """Return the document of the first passage of each turn of a conversation."""
    store = FeedbackStore(Database(workspace))
    prompts = PromptSettings.model_validate({"answer_tokens": 8, "source_share": 1.0, **settings})
    engine = ChatEngine(model, store, settings=prompts)
    session = store.new_session("ana")
    first = []
    for turn in turns:
        request = Request(turn, user="ana", session_id=session, max_new_tokens=4)
        generation = engine.ask(request, [DocumentSource(tools, top_k=1)])
        generation.wait(60)
        [entry] = generation.prompt.account
        first.append(entry.label)
    return first


@pytest.mark.parametrize(
    "turns",
    [
        ["How much does the Merlin saw weigh?", "How long does its warranty last?", "And who makes it?"],
        ["how much does the merlin saw weigh", "is there a charger?", "what is its speed"],
        ["Who makes the Kestrel drill?", "and the Merlin saw?", "how long is its warranty?"],
    ],
    ids=["pronouns", "lower case", "another one"],
)  # fmt: skip
def test_each_turn_finds_the_thing_that_the_conversation_is_about(
    tools: Collection, workspace: Workspace, tiny_runtime: ModelRuntime, turns: list[str]
) -> None:
    first = found_first(tools, workspace, tiny_runtime, turns)

    assert first[-2:] == ["merlin.txt", "merlin.txt"]


def test_without_the_rules_another_thing_is_found(
    tools: Collection, workspace: Workspace, tiny_runtime: ModelRuntime
) -> None:
    turns = ["How much does the Merlin saw weigh?", "How long does its warranty last?"]

    first = found_first(tools, workspace, tiny_runtime, turns, followups="off")

    assert first[-1] != "merlin.txt"


def test_a_change_of_topic_finds_the_new_one(
    tools: Collection, workspace: Workspace, tiny_runtime: ModelRuntime
) -> None:
    turns = ["How much does the Merlin saw weigh?", "When is the shop open?"]

    assert found_first(tools, workspace, tiny_runtime, turns)[-1] == "hours.txt"
