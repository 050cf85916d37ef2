"""Files to documents ready to be written: read in a child process, cut, embedded in groups, kept until they are seen.

Not here: which files (`retrieval.ingest.ingest`), and other machines (`retrieval.ingest.ray`).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from adapt.protocols import TextEmbedder
from adapt.records import Chunk, Document
from retrieval.chunks.cut import CHUNKER_VERSION, HEADING_TOKENS, ChunkSettings
from retrieval.index.version_index import EachVectors
from retrieval.ingest.prepared import IngestFile, Prepared, Staged, Text
from retrieval.readers.read import READER_VERSION
from retrieval.sandbox.limits import ReaderLimits
from retrieval.sandbox.pool import ReaderPool

if TYPE_CHECKING:
    from retrieval.llamaindex.node_parser import ChunkParser

GROUP = 512  # chunks embedded together: enough to sort by length, few enough to lose on a kill


@dataclass(frozen=True)
class Unread:
    """A file that could not be read, and why in one sentence."""

    file: IngestFile
    reason: str


@dataclass
class _Group:
    """Documents that are embedded together, in order; those without vectors are still to be embedded."""

    items: list[tuple[IngestFile, Text, EachVectors | None]] = field(default_factory=list)
    waiting: int = 0

    def add(self, file: IngestFile, text: Text, vectors: EachVectors | None) -> None:
        self.items.append((file, text, vectors))
        self.waiting += len(text.chunks)


class Preparer:
    """Prepares files in one way: with one embedder and one way to cut."""

    def __init__(
        self,
        staged: Path,
        embedder: TextEmbedder,
        settings: ChunkSettings,
        limits: ReaderLimits | None = None,
    ) -> None:
        self.cut = f"{READER_VERSION}.{CHUNKER_VERSION}.{settings.tokens}+{settings.overlap}"
        self._staged = Staged(staged, f"{self.cut}\0{embedder.identity}")
        self._embedder = embedder
        self._settings = settings
        self._limits = limits

    def prepare(self, files: Sequence[IngestFile]) -> Iterator[Prepared | Unread]:
        """Yield each file's document, or why there is none; what was prepared before is taken up.

        Documents come in order; a file that could not be read comes before those that wait to be embedded together.
        """
        kept = {file.name for file in files if self._staged.holds(file)}
        fresh = [file for file in files if file.name not in kept]
        group = _Group()
        with ReaderPool(limits=self._limits) as pool:
            results = pool.read((file.name, file.path) for file in fresh)
            for file in files:
                if file.name in kept:
                    prepared = self._staged.load(file)
                    group.add(file, prepared.text, prepared.vectors)
                else:
                    result = next(results)
                    if result.document is None:
                        yield Unread(file, result.error)
                        continue
                    group.add(file, self._cut(result.document), None)
                if group.waiting >= GROUP:
                    yield from self._embedded(group)
                    group = _Group()
            yield from self._embedded(group)

    def prepare_texts(self, documents: Iterable[Document]) -> Iterator[Prepared]:
        """Yield documents whose text is there already, ready to be written, in order."""
        group = _Group()
        for document in documents:
            file = IngestFile(document.name, Path(), document.sha256)
            group.add(file, self._cut(document), None)
            if group.waiting >= GROUP:
                yield from self._embedded(group)
                group = _Group()
        yield from self._embedded(group)

    def vectors(self, chunks: Sequence[Chunk]) -> EachVectors:
        """Return the vectors of chunks, by each embedder."""
        groups = [
            self._texts(chunks[start : start + GROUP]) for start in range(0, len(chunks), GROUP)
        ]
        return tuple(
            np.concatenate([embedder.embed_array(texts) for texts in groups or [[]]])
            for embedder in self._embedder.parts
        )

    def _cut(self, document: Document) -> Text:
        from retrieval.llamaindex.nodes import to_chunk, to_pages  # 1 s; no search cuts

        nodes = self._parser.get_nodes_from_documents(to_pages(document))
        return Text(
            name=document.name,
            revision=document.sha256,
            title=document.title,
            pages=len(document.pages),
            warnings=document.warnings,
            chunks=tuple(map(to_chunk, nodes)),
        )

    @cached_property
    def _parser(self) -> "ChunkParser":
        from retrieval.llamaindex.node_parser import ChunkParser

        return ChunkParser.of(self._embedder, self._settings, include_prev_next_rel=False)

    def _embedded(self, group: _Group) -> Iterator[Prepared]:
        """Embed what has no vectors yet, keep it, and yield all documents in order."""
        fresh = [
            chunk for _, text, vectors in group.items if vectors is None for chunk in text.chunks
        ]
        embedded = self.vectors(fresh)
        start = 0
        for file, text, vectors in group.items:
            if vectors is not None:
                yield Prepared(text, vectors)
                continue
            own = tuple(matrix[start : start + len(text.chunks)] for matrix in embedded)
            prepared = Prepared(text, own)
            start += len(text.chunks)
            self._staged.save(file, prepared)
            yield prepared

    def _texts(self, chunks: Sequence[Chunk]) -> list[str]:
        """Return what is embedded: a chunk from the middle of a section says little without its heading."""
        counts = self._embedder.count_tokens_batch([chunk.heading for chunk in chunks])
        return [
            f"{chunk.heading}\n{chunk.text}"
            if chunk.heading and tokens <= HEADING_TOKENS and not chunk.text.startswith("#")
            else chunk.text
            for chunk, tokens in zip(chunks, counts, strict=True)
        ]
