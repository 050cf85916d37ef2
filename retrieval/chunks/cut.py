"""Documents to chunks: along headings, tables, code and sentences, counted by the embedder's tokenizer.

Every chunk is a span of its page: `page.text[chunk.start : chunk.end] == chunk.text`. Together the chunks of a page cover
all of it but white space. A table or a fenced block that fits into a chunk is in one; a longer table is cut at row ends, and
its header stands in the heading of the later pieces. Only a document of very many, very short parts is cut by length alone
(`retrieval.chunks.by_length`). Not here: what becomes of a chunk (`retrieval.ingest.ingest`).
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from pydantic import Field

from adapt.records import Chunk, Document, Page
from adapt.workspace.settings import Settings
from retrieval.chunks.by_length import cut_by_length, is_crowded
from retrieval.chunks.ids import chunk_id, document_key
from retrieval.chunks.prose import ProseCutter, sentences
from retrieval.chunks.sections import Block, Line, Section, sections
from retrieval.chunks.tables_and_code import Piece, cut_code, cut_table
from retrieval.chunks.token_counts import CHARACTERS_PER_TOKEN, CountAll, TokenCounts
from retrieval.language.terms import language_of

CountTokens = Callable[[str], int]

CHUNKER_VERSION = 5  # raised when the same text is cut differently; collections then cut again
ROOM = 50  # tokens that a heading has to leave to its text; else it is cut with it
SAMPLED_PAGES = 10  # that show a document's language
COUNTED_TOGETHER = (
    1_000_000  # characters: few calls to the tokenizer, and not all of a book's sentences in memory
)
HEADING_LENGTH = 200  # characters of a heading path that are kept
HEADING_TOKENS = 64  # the same in tokens: it is embedded before its chunk's text
ENDS_OPEN = (
    ":",
    "\uff1a",
)  # how a line ends that leads to what stands below it; the second is Chinese


class ChunkSettings(Settings):
    """Section `[chunks]`."""

    # 140 tokens: three passages and an answer fit the 1,024 tokens of the starter model.
    tokens: int = Field(140, ge=32, le=2_000)
    overlap: int = Field(20, ge=0, le=500)


def chunk(
    document: Document,
    settings: ChunkSettings,
    *,
    count_tokens: CountTokens,
    count_all: CountAll | None = None,
) -> list[Chunk]:
    """Return the chunks of a document, in order.

    Args:
        count_tokens: the embedder's own count; no chunk has more than `settings.tokens` by it.
        count_all: the same for many texts at once, where the embedder has a faster way for them.
    """
    counts = TokenCounts(count_all or (lambda texts: list(map(count_tokens, texts))))
    if is_crowded(document.pages):
        pieces = list(_by_length(document.pages, settings, counts))
    else:
        pieces = list(_Cutter(document.pages, settings, counts).pieces())
    counts.forget()
    headings = _headings(document.pages, pieces, counts)
    key = document_key(document.name, document.sha256)
    language = language_of("\n".join(page.text for page in document.pages[:SAMPLED_PAGES]))
    return [
        Chunk(
            chunk_id=chunk_id(key, place),
            document=document.name,
            revision=document.sha256,
            text=document.pages[part].text[piece.start : piece.end],
            page=document.pages[part].number,
            heading=heading,
            start=piece.start,
            end=piece.end,
            language=language,
            part=part,
        )
        for place, ((part, piece), heading) in enumerate(zip(pieces, headings, strict=True))
    ]


class _Cutter:
    """The pages of one document on their way to pieces."""

    def __init__(self, pages: Sequence[Page], settings: ChunkSettings, counts: TokenCounts) -> None:
        self._pages = pages
        self._tokens = settings.tokens
        self._counts = counts
        self._prose = ProseCutter(counts, overlap=settings.overlap)

    def pieces(self) -> Iterator[tuple[int, Piece]]:
        """Yield the pieces of each page, in order, none longer than the setting, with the page's place."""
        for group in _grouped(self._pages):
            self._counts.forget()
            self._learn(group)
            pieces = [
                (part, Piece(piece.start, piece.end, _joined(section.heading, piece.heading)))
                for part, section in group
                for piece in self._section(self._pages[part].text, section)
            ]
            self._counts.learn(self._pages[part].text[p.start : p.end] for part, p in pieces)
            for part, piece in pieces:
                for short in self._shortened(self._pages[part].text, piece):
                    yield part, short

    def _learn(self, group: Sequence[tuple[int, Section]]) -> None:
        """Count in two calls whatever the cutting will ask for: whole sections, and the parts of those that are too long."""
        every = [(self._pages[part].text, section) for part, section in group]
        whole = [
            (text[section.start : section.end].strip(), text, section) for text, section in every
        ]
        most = CHARACTERS_PER_TOKEN * self._tokens
        self._counts.learn(own for own, _, _ in whole if len(own) <= most)
        parts: list[str] = []
        for own, text, section in whole:
            if not self._counts.fits(own, self._tokens):
                parts += sentences(text[section.start : section.body])
                for block in section.blocks:
                    parts += sentences(text[block.start : block.end])
                    if block.kind != "prose":
                        parts += [line.text for line in block.lines]
        self._counts.learn(parts)

    def _section(self, text: str, section: Section) -> list[Piece]:
        whole = _stripped(text, Piece(section.start, section.end))
        if whole.start == whole.end:
            return []
        if self._counts.fits(text[whole.start : whole.end], self._tokens):
            return [whole]
        opening = self._sum(text, section.start, section.body)
        blocks = section.blocks
        if opening and (not blocks or self._tokens - opening < max(ROOM, self._tokens // 2)):
            title = Line(section.start, section.body, text[section.start : section.body])
            joined = blocks[0].lines if blocks and blocks[0].kind == "prose" else ()
            blocks = (Block("prose", (title, *joined)), *blocks[bool(joined) :])
            opening = 0
        units: list[list[Piece]] = []
        for place, block in enumerate(blocks):
            pieces = self._block(text, block, self._tokens - (0 if place else opening))
            if pieces and opening and not place:
                pieces[0] = Piece(section.start, pieces[0].end, pieces[0].heading)
            units.append(pieces)
        return self._led(text, self._merged(text, units))

    def _block(self, text: str, block: Block, tokens: int) -> list[Piece]:
        own = text[block.start : block.end]
        if len(own) <= CHARACTERS_PER_TOKEN * tokens and self._counts.sum(sentences(own)) <= tokens:
            pieces = [Piece(block.start, block.end)]
        elif block.kind == "table":
            pieces = cut_table(block, self._counts, tokens=tokens)
        elif block.kind == "code":
            pieces = cut_code(block, self._counts, tokens=tokens)
        else:
            spans = self._prose.cut(own, tokens=tokens)
            pieces = [Piece(block.start + first, block.start + last) for first, last in spans]
        bare = (_stripped(text, piece) for piece in pieces)
        return [piece for piece in bare if piece.start < piece.end]

    def _merged(self, text: str, units: Sequence[Sequence[Piece]]) -> list[Piece]:
        """Join the first piece of a block to the last one of the block before, where both fit into one chunk."""
        pieces: list[Piece] = []
        for unit in units:
            for place, piece in enumerate(unit):
                before = pieces[-1] if pieces and not place else None
                if before is not None and before.heading == piece.heading:
                    joined = self._sum(text, before.start, before.end) + self._sum(
                        text, piece.start, piece.end
                    )
                    if joined <= self._tokens:
                        pieces[-1] = Piece(before.start, piece.end, piece.heading)
                        continue
                pieces.append(piece)
        return pieces

    def _led(self, text: str, pieces: list[Piece]) -> list[Piece]:
        """Repeat the line that leads to a list, table or code before it, if it ended the chunk before and there is room."""
        led = pieces[:1]
        for before, piece in pairwise(pieces):
            start = text.rfind("\n", before.start, before.end) + 1
            gap = before.end <= piece.start
            if gap and start > before.start and text.endswith(ENDS_OPEN, start, before.end):
                joined = self._sum(text, start, before.end) + self._sum(
                    text, piece.start, piece.end
                )
                if joined <= self._tokens:
                    start = _stripped(text, Piece(start, before.end)).start
                    piece = Piece(start, piece.end, piece.heading)  # noqa: PLW2901
            led.append(piece)
        return led

    def _sum(self, text: str, start: int, end: int) -> int:
        return self._counts.sum(sentences(text[start:end]))

    def _shortened(self, text: str, piece: Piece) -> Iterator[Piece]:
        """Yield a piece, or its parts where it is longer than the sum of its parts promised, or one row, line or word."""
        own = text[piece.start : piece.end]
        if len(own) == 1 or self._counts.fits(own, self._tokens):
            yield piece
            return
        spans = self._prose.cut(own, tokens=self._tokens)
        if len(spans) == 1:
            middle = len(own) // 2
            spans = [(0, middle), (middle, len(own))]
        for first, last in spans:
            part = _stripped(text, Piece(piece.start + first, piece.start + last, piece.heading))
            if part.start < part.end:
                yield from self._shortened(text, part)


def _grouped(pages: Sequence[Page]) -> Iterator[list[tuple[int, Section]]]:
    """Yield the sections of a document with their page's place, so many as are counted at once."""
    group: list[tuple[int, Section]] = []
    length = 0
    for part, page in enumerate(pages):
        for section in sections(page):
            group.append((part, section))
            length += section.end - section.start
            if length >= COUNTED_TOGETHER:
                yield group
                group, length = [], 0
    if group:
        yield group


def _by_length(
    pages: Sequence[Page], settings: ChunkSettings, counts: TokenCounts
) -> Iterator[tuple[int, Piece]]:
    for part, page in enumerate(pages):
        for start, end in cut_by_length(page.text, counts, tokens=settings.tokens):
            yield part, Piece(start, end)
        counts.forget()


def _headings(
    pages: Sequence[Page], pieces: Sequence[tuple[int, Piece]], counts: TokenCounts
) -> list[str]:
    """Return the heading path of each piece; of one that is too long, the end."""
    paths = [
        _joined(pages[part].heading, piece.heading)[-HEADING_LENGTH:] for part, piece in pieces
    ]
    short: dict[str, str] = {}
    counts.learn(paths)
    for path in paths:
        if path not in short:
            kept = path
            while kept and counts.size(kept) > HEADING_TOKENS:
                cut = kept[len(kept) - len(kept) * HEADING_TOKENS // counts.size(kept) :]
                kept = cut[cut.find(" ") + 1 :]
            short[path] = kept.strip()
    return [short[path] for path in paths]


def _joined(above: str, below: str) -> str:
    return " > ".join(filter(None, (above, below)))


def _stripped(text: str, piece: Piece) -> Piece:
    own = text[piece.start : piece.end]
    start = piece.start + len(own) - len(own.lstrip())
    return Piece(start, max(start, piece.start + len(own.rstrip())), piece.heading)
