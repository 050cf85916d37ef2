"""Feedback as a section of the prompt."""

from adapt.protocols import TextEmbedder
from adapt.records import ContextPiece, Feedback, Offer
from feedback.recall import RecallSettings, recall
from feedback.store import FeedbackStore

ANSWER_LENGTH = 200  # a disliked answer is quoted to be recognised, not repeated


class FeedbackSource:
    """Offers what this user liked, disliked or corrected in similar questions."""

    name = "feedback"
    heading = "Earlier feedback from this user:"

    def __init__(
        self,
        store: FeedbackStore,
        embedder: TextEmbedder,
        settings: RecallSettings | None = None,
    ) -> None:
        self._store = store
        self._embedder = embedder
        self._settings = settings or RecallSettings()

    def offer(self, question: str, *, user: str) -> Offer:
        """Return the user's own feedback on similar questions, best first."""
        recalled = recall(
            question,
            user=user,
            store=self._store,
            embedder=self._embedder,
            settings=self._settings,
        )
        pieces = tuple(
            ContextPiece(
                piece_id=feedback.turn_id,
                text=describe(feedback),
                label="correction" if feedback.correction else "rating",
                score=round(score, 4),
                quotable=_one_line(feedback.correction),
                asked=_one_line(feedback.question) if feedback.correction else "",
            )
            for feedback, score in recalled
        )
        return Offer(pieces)


def describe(feedback: Feedback) -> str:
    """Return one line for the prompt: what was asked, and what the user thought of the answer."""
    asked = f'Asked "{_one_line(feedback.question)}"'
    comment = f" ({_one_line(feedback.comment)})" if feedback.comment else ""
    if feedback.correction:
        return f"{asked}, the right answer was: {_one_line(feedback.correction)}{comment}"
    answer = _one_line(feedback.answer)[:ANSWER_LENGTH]
    if feedback.rating:
        verb = "liked" if feedback.rating > 0 else "disliked"
        return f'{asked}, the user {verb}: "{answer}"{comment}'
    return f'{asked}, the user remarked on "{answer}":{comment}'


def _one_line(text: str) -> str:
    return " ".join(text.split())
