"""Documents as a section of the prompt."""

from collections.abc import Sequence

from adapt.protocols import Retriever
from adapt.records import ContextPiece


class DocumentSource:
    """Offers the passages of a collection that belong to a question."""

    name = "documents"
    heading = "Passages from the user's documents. Answer from them and cite them as [n]."

    def __init__(self, retriever: Retriever, *, top_k: int = 3) -> None:
        self._retriever = retriever
        self._top_k = top_k

    def offer(self, question: str, *, user: str) -> Sequence[ContextPiece]:
        """Return passages, best first; a collection's documents are the same for every user."""
        del user
        return [
            ContextPiece(
                piece_id=passage.chunk.chunk_id,
                text=f"{passage.label}\n{passage.chunk.text}",
                label=passage.label,
                score=passage.score,
                passage=passage,
                quotable=passage.chunk.text,
            )
            for passage in self._retriever.search(question, top_k=self._top_k)
        ]
