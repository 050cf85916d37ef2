"""Documents to chunks: along headings, then sentences, by llama-index's node parsers, counted by the embedder's tokenizer.

Every chunk is a span of its page: `page.text[chunk.start : chunk.end] == chunk.text`. Together the chunks of a page cover
all of it but white space. Not here: what becomes of a chunk (`retrieval.ingest`).
"""

import hashlib
import re
from collections.abc import Callable, Iterator

from llama_index.core.node_parser import MarkdownNodeParser, SentenceSplitter
from llama_index.core.schema import Document as IndexDocument
from pydantic import Field

from adapt.config import Settings
from adapt.records import Chunk, Document, Page
from retrieval.analysis import language_of

CountTokens = Callable[[str], int]

CHUNKER_VERSION = 3  # raised when the same text is cut differently; collections then cut anew
CHARACTERS_PER_TOKEN = (
    8  # a word of over 100 characters is one unknown token to WordPiece: length counts as well
)
LONG_RUN = re.compile(r"\S{200}(?=\S)")
SENTENCE_END = re.compile(r"(?<=[.!?…。])[\"'”»)\]]*\s+|\n\s*\n")
SENTENCE_LENGTH = 600  # characters; what runs on longer is a table or a list: cut at line ends
HEADING = re.compile(r"(#+) (.*)")
OPENING = re.compile(r"(?:#+ [^\n]*\n\s*)+")
ROOM = 50  # below it llama-index prints a warning to stdout
SAMPLED_PAGES = 10  # that tell a document's language
HEADING_LENGTH = 200  # characters of a heading path that are kept


class ChunkSettings(Settings):
    """Section `[chunks]`."""

    # 140 tokens: three passages and an answer fit the 1,024 tokens of the starter model.
    tokens: int = Field(140, ge=32, le=2_000)
    overlap: int = Field(20, ge=0, le=500)


def chunk(document: Document, settings: ChunkSettings, *, count_tokens: CountTokens) -> list[Chunk]:
    """Return the chunks of a document, in order.

    Args:
        count_tokens: the embedder's own count; no chunk has more than `settings.tokens` by it.
    """
    splitter = _splitter(settings, count_tokens)
    key = document_key(document.name, document.sha256)
    language = language_of("\n".join(page.text for page in document.pages[:SAMPLED_PAGES]))
    chunks: list[Chunk] = []
    for part, page in enumerate(document.pages):
        sections = _sections(page) if page.form == "markdown" else _whole(page)
        for start, end, heading in sections:
            section = page.text[start:end]
            for first, last in _split(section, splitter, settings.tokens):
                chunks.append(
                    Chunk(
                        chunk_id=chunk_id(key, len(chunks)),
                        document=document.name,
                        revision=document.sha256,
                        text=section[first:last],
                        page=page.number,
                        heading=" > ".join(filter(None, (page.heading, heading)))[-HEADING_LENGTH:],
                        start=start + first,
                        end=start + last,
                        language=language,
                        part=part,
                    )
                )
    return chunks


def document_key(name: str, revision: str) -> str:
    """Return what the ids of all chunks of one revision of one document begin with."""
    return hashlib.sha256(f"{name}\0{revision}".encode()).hexdigest()[:20]


def chunk_id(key: str, position: int) -> str:
    """Return the id of a chunk, the same whenever the same document is cut the same way."""
    return f"{key}-{position:05d}"


def _split(section: str, splitter: SentenceSplitter, tokens: int) -> list[tuple[int, int]]:
    """Return the spans of a section's chunks; headings stay with the text that follows, however long it is."""
    opening = OPENING.match(section)
    headings = opening.group() if opening else ""
    body = section[len(headings) :]
    room = tokens - splitter._token_size(headings)  # noqa: SLF001  the count that it will subtract itself
    if not headings or not body or room < max(ROOM, tokens // 2):
        return _spans(section, splitter.split_text(section))
    pieces = splitter.split_text_metadata_aware(body, headings)
    spans = [(first + len(headings), last + len(headings)) for first, last in _spans(body, pieces)]
    return [(0, spans[0][1]), *spans[1:]]


def _splitter(settings: ChunkSettings, count_tokens: CountTokens) -> SentenceSplitter:
    def tokens(text: str) -> range:  # llama-index takes the length of what its tokenizer returns
        return range(max(count_tokens(text), -(-len(text) // CHARACTERS_PER_TOKEN)))

    return SentenceSplitter(
        chunk_size=settings.tokens,
        chunk_overlap=min(settings.overlap, settings.tokens // 2),
        tokenizer=tokens,
        paragraph_separator="\n\n",
        # llama-index's own is nltk's for English, and slow on text without an end of sentence
        chunking_tokenizer_fn=_sentences,
    )


def _sentences(text: str) -> list[str]:
    """Return pieces that joined give the text: sentences, lines of what is too long for one, parts of endless words."""
    pieces = []
    for sentence in _cut(text, SENTENCE_END):
        lines = (
            sentence.splitlines(keepends=True) if len(sentence) > SENTENCE_LENGTH else [sentence]
        )
        for line in lines:
            pieces.extend(_cut(line, LONG_RUN))
    return pieces


def _cut(text: str, border: re.Pattern[str]) -> list[str]:
    ends = [match.end() for match in border.finditer(text)]
    starts = [0, *ends]
    return [text[a:b] for a, b in zip(starts, [*ends, len(text)], strict=True) if a < b]


def _whole(page: Page) -> list[tuple[int, int, str]]:
    return [(0, len(page.text), "")]


def _sections(page: Page) -> Iterator[tuple[int, int, str]]:
    """Yield (start, end, heading path) of the parts between headings; a heading without text goes with the next part."""
    nodes = MarkdownNodeParser(header_path_separator="\n").get_nodes_from_documents(
        [IndexDocument(text=page.text)]
    )
    texts = [node.get_content() for node in nodes]
    spans = _spans(page.text, texts)
    start: int | None = None
    for i, (node, (first, last)) in enumerate(zip(nodes, spans, strict=True)):
        start = first if start is None else start
        opening = HEADING.fullmatch(texts[i].split("\n", 1)[0])
        if opening and "\n" not in texts[i] and i + 1 < len(nodes):
            continue
        path = [part for part in str(node.metadata["header_path"]).split("\n") if part]
        path += [opening.group(2)] if opening else []
        yield start, last, " > ".join(path)[-HEADING_LENGTH:]
        start = None


def _spans(text: str, pieces: list[str]) -> list[tuple[int, int]]:
    """Return where each piece stands in the text.

    A piece begins at or before the first letter that is not covered yet. Of the places that qualify the last is
    taken: in a text that repeats itself it may be later than the true one, never earlier, so that no gap can open.
    """
    spans: list[tuple[int, int]] = []
    covered = 0
    for piece in pieces:
        while covered < len(text) and text[covered].isspace():
            covered += 1
        start = text.rfind(piece, 0, covered + len(piece))
        if start < 0:
            raise ValueError(f"a piece of {len(piece)} characters is not part of its text")
        spans.append((start, start + len(piece)))
        covered = max(covered, start + len(piece))
    return spans
