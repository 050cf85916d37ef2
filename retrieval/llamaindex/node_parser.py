"""`ChunkParser`: our cutter (`retrieval.chunks.cut`) as a `NodeParser` of llama-index; an ingest cuts by it."""

from collections.abc import Sequence
from typing import Any

from llama_index.core.node_parser import NodeParser
from llama_index.core.schema import (
    BaseNode,
    Document as IndexDocument,
    NodeRelationship,
    RelatedNodeInfo,
)
from pydantic import Field, PrivateAttr

from adapt.protocols import TextEmbedder
from adapt.records import Chunk
from retrieval.chunks.cut import CHUNKER_VERSION, ChunkSettings, chunk
from retrieval.llamaindex.nodes import by_document, to_documents, to_node


class ChunkParser(NodeParser):
    """Cuts the pages of documents into nodes along headings, tables, code and sentences.

    A node's text is a span of its page: `page.text[node.start_char_idx : node.end_char_idx]`. Pages of one document have to
    follow each other: they are cut together.
    """

    tokens: int = Field(description="The most tokens of a node.")
    overlap: int = Field(description="Tokens that neighbours in a paragraph share.")
    embedder: str = Field(description="Whose tokens they are.")
    cutter: int = Field(default=CHUNKER_VERSION, description="The version of the way of cutting.")
    _counter: TextEmbedder = PrivateAttr()

    @classmethod
    def of(
        cls,
        embedder: TextEmbedder,
        settings: ChunkSettings | None = None,
        *,
        include_prev_next_rel: bool = True,
    ) -> "ChunkParser":
        """Return the parser that counts by an embedder's tokenizer.

        Args:
            include_prev_next_rel: whether each node names its neighbours, which takes a hash of each.
        """
        chosen = settings or ChunkSettings()
        parser = cls(
            tokens=chosen.tokens,
            overlap=chosen.overlap,
            embedder=embedder.identity,
            include_prev_next_rel=include_prev_next_rel,
        )
        parser._counter = embedder
        return parser

    @classmethod
    def class_name(cls) -> str:
        """Return what llama-index calls it."""
        return "AdaptChunkParser"

    def chunks(self, pages: Sequence[BaseNode]) -> list[Chunk]:
        """Return the chunks of one document's pages."""
        [document] = to_documents(pages)
        return chunk(
            document,
            ChunkSettings(tokens=self.tokens, overlap=self.overlap),
            count_tokens=self._counter.count_tokens,
            count_all=self._counter.count_tokens_batch,
        )

    def _parse_nodes(
        self, nodes: Sequence[BaseNode], show_progress: bool = False, **kwargs: Any
    ) -> list[BaseNode]:
        del show_progress, kwargs
        parsed: list[BaseNode] = []
        for pages in by_document(nodes):
            sources = [self._source(page) for page in pages]
            for piece in self.chunks(pages):
                node = to_node(piece, pages[piece.part].metadata if self.include_metadata else None)
                node.relationships[NodeRelationship.SOURCE] = sources[piece.part]
                parsed.append(node)
        return parsed

    def _source(self, page: BaseNode) -> RelatedNodeInfo:
        """Return how a node names its page; a hash of a long text takes as much memory again."""
        if self.include_prev_next_rel:
            return page.as_related_node_info()
        return RelatedNodeInfo(node_id=page.node_id, node_type=page.get_type())

    def _postprocess_parsed_nodes(
        self, nodes: list[BaseNode], parent_doc_map: dict[str, IndexDocument]
    ) -> list[BaseNode]:
        """Name the neighbours only; offsets and metadata are there already."""
        del parent_doc_map
        if not self.include_prev_next_rel:
            return nodes
        return super()._postprocess_parsed_nodes(nodes, {})
