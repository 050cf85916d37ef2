"""Which past feedback of a user matters for the question now.

Similarity of the questions by the shared embedder, of two the one that knows the languages of both; corrections first among
equals. Not here: how it is worded for the prompt (`feedback.source`).
"""

from collections.abc import Sequence

import numpy as np
from pydantic import Field

from adapt.language.question_language import language_of_question
from adapt.protocols import TextEmbedder
from adapt.records import Feedback
from adapt.workspace.settings import Settings
from feedback.store import FeedbackStore

MUSE = "muse"  # the name of the shipped multilingual embedder


class RecallSettings(Settings):
    """Section `[recall]`."""

    top_k: int = Field(3, ge=0, le=20)
    # With the shipped MiniLM, paraphrases of a question lie at 0.6 to 0.95 and other questions on the same documents at
    # 0.1 to 0.5 (feedback/README.md, Notes).
    min_score: float = Field(0.5, ge=-1, le=1)
    # The same for the shipped multilingual embedder: at 0.6 it knows 95 % of 390 Spanish paraphrases and 98 % of 400
    # translations, and takes 12 % and 10 % of other questions on the same passage for the same.
    muse_min_score: float = Field(0.6, ge=-1, le=1)


def recall(
    question: str,
    *,
    user: str,
    store: FeedbackStore,
    embedder: TextEmbedder,
    settings: RecallSettings,
) -> list[tuple[Feedback, float]]:
    """Return the user's most relevant feedback with its cosine similarity, best first."""
    useful = [f for f in store.feedback(user) if f.rating or f.comment or f.correction]
    if not useful or not settings.top_k:
        return []
    parts = embedder.split(_question_vectors(useful, user, store, embedder))
    asked = embedder.split(embedder.embed_array([question]))
    near = {name: (vectors @ asked[name][0]).tolist() for name, vectors in parts.items()}
    language = language_of_question(question)
    ranked = []
    for place, feedback in enumerate(useful):
        name = embedder.between(language, language_of_question(feedback.question)).name
        least = settings.muse_min_score if name == MUSE else settings.min_score
        ranked.append((feedback, near[name][place], near[name][place] - least))
    ranked.sort(key=lambda row: (bool(row[0].correction), row[2]), reverse=True)
    relevant = [(feedback, score) for feedback, score, above in ranked if above >= 0]
    return _newest_of_each_question(relevant)[: settings.top_k]


def _newest_of_each_question(
    ranked: Sequence[tuple[Feedback, float]],
) -> list[tuple[Feedback, float]]:
    """Keep one entry per question text; the store lists the newest first and the sort is stable."""
    kept: dict[str, tuple[Feedback, float]] = {}
    for feedback, score in ranked:
        kept.setdefault(feedback.question.strip().casefold(), (feedback, score))
    return list(kept.values())


def _question_vectors(
    feedback: Sequence[Feedback], user: str, store: FeedbackStore, embedder: TextEmbedder
) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """Return one unit vector per feedback, shape [n, dimensions]; those not stored yet are embedded and stored."""
    known = store.vectors(user, embedder=embedder.identity)
    new = [f for f in feedback if f.turn_id not in known]
    if new:
        embedded = embedder.embed([f.question for f in new])
        fresh = {
            f.turn_id: np.asarray(vector, dtype="<f4").tobytes()
            for f, vector in zip(new, embedded, strict=True)
        }
        store.save_vectors(fresh, embedder=embedder.identity)
        known |= fresh
    rows = [np.frombuffer(known[f.turn_id], dtype="<f4") for f in feedback]
    return np.stack(rows).astype(np.float32)
