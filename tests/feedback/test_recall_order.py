"""Which feedback is recalled, and in which order, with vectors given by hand."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest

from adapt.embedding.hash_embedder import HashEmbedder
from adapt.records import Feedback, Turn
from adapt.storage.database import Database
from adapt.workspace.folder import Workspace
from feedback.recall import RecallSettings, recall
from feedback.store import FeedbackStore

COSINES = {"near": 0.95, "nearer": 0.99, "at the border": 0.5, "below it": 0.4999, "far": 0.1}


class Placed(HashEmbedder):
    """Puts a question at the cosine that its name has; what is asked lies at 1."""

    identity = "placed@1"

    def __init__(self, name: str = "placed") -> None:
        self.name = name
        self.embedded: list[str] = []

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        self.embedded += texts
        cosines = [COSINES.get(text.strip().casefold(), 1.0) for text in texts]
        return [[cosine, float(np.sqrt(1 - cosine**2))] for cosine in cosines]

    def embed_array(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        return np.asarray(self.embed(texts), np.float32)


@pytest.fixture
def store(workspace: Workspace) -> FeedbackStore:
    return FeedbackStore(Database(workspace))


def rated(store: FeedbackStore, question: str, *, turn: str = "", correction: str = "") -> None:
    session = store.new_session("ana")
    turn = turn or question
    store.begin_turn(Turn(turn, session, "ana", question, "yes"), account={})
    store.rate(turn, user="ana", rating=None if correction else 1, correction=correction or None)


def recalled(
    store: FeedbackStore, embedder: Placed | None = None, **settings: float
) -> list[tuple[Feedback, float]]:
    return recall(
        "asked",
        user="ana",
        store=store,
        embedder=embedder or Placed(),
        settings=RecallSettings.model_validate({"top_k": 9, "min_score": 0.5 - 1e-6, **settings}),
    )


def test_the_nearest_comes_first_and_what_lies_below_the_border_not_at_all(
    store: FeedbackStore,
) -> None:
    for question in COSINES:
        rated(store, question)

    found = recalled(store)

    assert [one.question for one, _ in found] == ["nearer", "near", "at the border"]
    assert [score for _, score in found] == pytest.approx([0.99, 0.95, 0.5], abs=1e-6)
    assert [one.question for one, _ in recalled(store, min_score=0.96)] == ["nearer"]


def test_a_correction_comes_before_ratings_that_are_nearer(store: FeedbackStore) -> None:
    rated(store, "nearer")
    rated(store, "at the border", correction="At nine.")

    assert [one.question for one, _ in recalled(store)] == ["at the border", "nearer"]


def test_no_more_than_asked_for_and_one_of_each_question(store: FeedbackStore) -> None:
    rated(store, "near", turn="first")
    rated(store, " Near ", turn="second")
    rated(store, "nearer")

    assert [one.turn_id for one, _ in recalled(store)] == [
        "nearer",
        "second",
    ]  # the newest of a question
    assert [one.question for one, _ in recalled(store, top_k=1)] == ["nearer"]
    assert recalled(store, top_k=0) == []


def test_feedback_without_a_word_or_a_thumb_is_none(store: FeedbackStore) -> None:
    session = store.new_session("ana")
    store.begin_turn(Turn("silent", session, "ana", "near", "yes"), account={})

    assert recalled(store) == []


def test_each_question_is_embedded_once_for_each_embedder(store: FeedbackStore) -> None:
    rated(store, "near")
    recalled(store)
    rated(store, "nearer")
    again, other = Placed(), Placed()
    other.identity = "other@1"  # type: ignore[misc]

    recalled(store, again)
    recalled(store, other)

    assert again.embedded == ["nearer", "asked"]
    assert other.embedded == ["nearer", "near", "asked"]


def test_the_multilingual_embedder_has_a_border_of_its_own(store: FeedbackStore) -> None:
    rated(store, "near")
    rated(store, "at the border")

    muse = recalled(store, Placed("muse"), muse_min_score=0.9)
    english = recalled(store, muse_min_score=0.9)

    assert [one.question for one, _ in muse] == ["near"]
    assert [one.question for one, _ in english] == ["near", "at the border"]


def test_what_lies_exactly_at_the_border_is_recalled(store: FeedbackStore) -> None:
    rated(store, "asked")  # at cosine 1

    assert [score for _, score in recalled(store, min_score=1.0)] == [1.0]
