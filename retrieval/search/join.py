"""Passages that stand side by side in a document become one, with as many of their neighbours as are asked for.

A chunk's number in its document is the end of its id: what follows on each other there follows on each other in the text.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from adapt.records import Chunk, Passage
from retrieval.chunks.ids import chunk_id


@dataclass
class _Run:
    """Chunks of one page that follow on each other, by number, and the passage that they are shown with."""

    place: int  # in the ranking
    passage: Passage
    chunks: dict[int, Chunk] = field(default_factory=dict)


def neighbours(passages: Iterable[Passage], distance: int) -> list[str]:
    """Return the ids of the chunks up to `distance` before and after each passage; there need not be any of that id."""
    ids: dict[str, None] = {}
    for passage in passages:
        key, number = _place(passage.chunk)
        for other in range(max(number - distance, 0), number + distance + 1):
            ids[chunk_id(key, other)] = None
    return list(ids)


def assemble(
    passages: Sequence[Passage], around: Mapping[str, Chunk], *, join: bool, expand: int
) -> list[Passage]:
    """Return passages with their neighbours, best first, each as one chunk whose id is that of the best found in it.

    Args:
        around: the neighbours that there are, by id.
        join: whether passages of one page that touch become one, where the better one stood, with its scores.
        expand: how many neighbours of each side are taken in, of the same page.
    """
    runs = [_expanded(place, passage, around, expand) for place, passage in enumerate(passages)]
    return [_whole(run) for run in sorted(_joined(runs) if join else runs, key=lambda r: r.place)]


def _expanded(place: int, passage: Passage, around: Mapping[str, Chunk], expand: int) -> _Run:
    key, number = _place(passage.chunk)
    run = _Run(place, passage, {number: passage.chunk})
    for step in (-1, 1):
        for distance in range(1, expand + 1):
            other = around.get(chunk_id(key, max(number + step * distance, 0)))
            if other is None or other.part != passage.chunk.part:
                break
            run.chunks[_place(other)[1]] = other
    return run


def _joined(runs: Iterable[_Run]) -> list[_Run]:
    """Return runs of which no two touch; what was ranked first gives the place."""
    joined: list[_Run] = []
    by_page = sorted(runs, key=lambda r: (*_page(r), min(r.chunks)))
    for run in by_page:
        last = joined[-1] if joined else None
        if last and _page(last) == _page(run) and min(run.chunks) <= max(last.chunks) + 1:
            best = min(last, run, key=lambda r: r.place)
            joined[-1] = _Run(best.place, best.passage, last.chunks | run.chunks)
        else:
            joined.append(run)
    return joined


def _whole(run: _Run) -> Passage:
    """Return the passage of a run: its text once, from the first chunk's start to the last one's end.

    Between chunks that do not overlap a page has white space only, which is not kept: one blank, or as many line ends.
    """
    chunks = [chunk for _, chunk in sorted(run.chunks.items())]
    if len(chunks) == 1:
        return run.passage
    text, end = chunks[0].text, chunks[0].end
    for chunk in chunks[1:]:
        gap = chunk.start - end
        between = " " if gap == 1 else "\n" * max(gap, 0)
        text += between + chunk.text[max(-gap, 0) :]
        end = max(end, chunk.end)
    first = chunks[0]
    spanned = replace(
        run.passage.chunk, text=text, start=first.start, end=end, heading=first.heading
    )
    return replace(run.passage, chunk=spanned)


def _page(run: _Run) -> tuple[str, int]:
    return _place(run.passage.chunk)[0], run.passage.chunk.part


def _place(chunk: Chunk) -> tuple[str, int]:
    key, _, number = chunk.chunk_id.partition("-")
    return key, int(number)
