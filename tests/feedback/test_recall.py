import numpy as np
import pytest

from adapt.embedding.hash_embedder import HashEmbedder
from adapt.embedding.load import load_embedder
from adapt.protocols import TextEmbedder
from adapt.records import Turn
from adapt.storage.database import Database
from adapt.workspace.folder import Workspace
from feedback.recall import RecallSettings, recall
from feedback.store import FeedbackStore


@pytest.fixture
def store(workspace: Workspace) -> FeedbackStore:
    return FeedbackStore(Database(workspace))


def corrected(store: FeedbackStore, *questions: str) -> None:
    session = store.new_session("ana")
    for question in questions:
        store.begin_turn(Turn(question, session, "ana", question, "yes"), account={})
        store.rate(question, user="ana", correction=f"about {question}")


def recalled(store: FeedbackStore, question: str, embedder: TextEmbedder) -> list[str]:
    found = recall(
        question, user="ana", store=store, embedder=embedder, settings=RecallSettings(top_k=9)
    )
    return [feedback.question for feedback, _ in found]


@pytest.mark.slow
def test_feedback_is_recognised_in_other_words_in_either_language_and_across(
    store: FeedbackStore,
) -> None:
    shipped = load_embedder()
    farmacia, password = "¿A qué hora abre la farmacia?", "How do I reset my password?"
    corrected(store, farmacia, password)

    assert recalled(store, "¿Cuándo abre la farmacia?", shipped) == [farmacia]
    assert recalled(store, "¿Cuánto pesa un elefante?", shipped) == []
    assert recalled(store, "How can I reset my password?", shipped) == [password]
    assert recalled(store, "¿Cómo restablezco mi contraseña?", shipped) == [password]
    assert recalled(store, "What time does the pharmacy open?", shipped) == [farmacia]


@pytest.mark.slow
def test_the_embedder_of_english_compares_english_questions_alone(store: FeedbackStore) -> None:
    shipped, minilm = load_embedder(), load_embedder("minilm")
    questions = ["How do I reset my password?", "How do I cancel my contract?"]
    corrected(store, *questions)

    def scores(embedder: TextEmbedder) -> list[float]:
        settings = RecallSettings(min_score=-1)
        found = recall(
            "I forgot my password", user="ana", store=store, embedder=embedder, settings=settings
        )
        return [score for _, score in found]

    assert np.allclose(scores(shipped), scores(minilm), atol=1e-5)


def test_vectors_of_another_embedder_are_made_anew(store: FeedbackStore) -> None:
    class Other(HashEmbedder):
        identity = "other@1"

    question = "When does the office open?"
    corrected(store, question)
    assert recalled(store, question, HashEmbedder()) == [question]
    kept = store.vectors("ana", embedder=HashEmbedder.identity)
    store.save_vectors({turn: np.zeros(3, "<f4").tobytes() for turn in kept}, embedder="gone@1")

    assert recalled(store, question, Other()) == [question]
    assert set(store.vectors("ana", embedder="other@1")) == set(kept)
