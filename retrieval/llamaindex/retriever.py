"""`CollectionRetriever`: a collection as a `BaseRetriever` of llama-index, for its query engines.

Our own search and prompt ask the collection itself: llama-index's classes take longer to import than a question to answer
(`retrieval/NOTES.md` has the figures).
"""

from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle

from adapt.protocols import Retriever
from retrieval.llamaindex.nodes import to_scored


class CollectionRetriever(BaseRetriever):
    """Finds passages by vectors and words, as `adapt search` does."""

    def __init__(self, collection: Retriever, *, top_k: int = 3) -> None:
        """Take what is searched; at most `top_k` nodes are returned."""
        super().__init__()
        self._collection = collection
        self._top_k = top_k

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        passages = self._collection.search(query_bundle.query_str, top_k=self._top_k)
        return [to_scored(passage) for passage in passages]
