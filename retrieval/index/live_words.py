"""The words of a segment whose chunks are live, and what BM25 scores of them come to for some chunks."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from retrieval.index.postings import Rows, Scores
from retrieval.index.word_index import LexicalSegment, Live

IN_TEXT = 0.25  # how far a text names what it holds, for 1 of a heading
LEAST_OF_NAME = 2  # words of a file's name that name it; one alone, "notes", may be meant otherwise


class LivePart:
    """A segment, and which of its chunks are live, shape [n]; what of them BM25 asks for."""

    def __init__(self, segment: LexicalSegment, keys: Mapping[str, str]) -> None:
        """Take the segment and the keys of the documents that are live in it."""
        self.segment = segment
        self.live = segment.live(keys)
        self.size = int(self.live.sum())
        self.lengths = segment.lengths.astype(np.float32)
        self.headings = segment.headings.astype(np.float32)
        self.titles = segment.titles.astype(np.float32)
        self.of_document = segment.keys
        whole = np.bincount(segment.keys, segment.lengths, minlength=segment.documents)
        self.document_lengths = whole.astype(np.float32)
        self.live_documents = np.zeros(segment.documents, np.bool_)
        self.live_documents[segment.keys[self.live]] = True
        self.mask = None if self.size == len(self.live) else self.live
        self._document_mask = None if self.live_documents.all() else self.live_documents

    def holding(self, rows: Rows) -> int:
        """Return how many of these chunks are live."""
        return len(rows) if self.mask is None else int(self.mask.take(rows).sum())

    def holding_documents(self, rows: Rows) -> int:
        """Return how many of these documents are live."""
        mask = self._document_mask
        return len(rows) if mask is None else int(mask.take(rows).sum())


@dataclass(frozen=True)
class QuestionWord:
    """A word of a question: its weight (idf), and for each segment the chunks that hold it, ascending."""

    weight: float
    rows: tuple[Rows, ...]
    fielded: tuple[Rows, ...]  # those that hold it in a heading or the file's name
    titled: tuple[Rows, ...]  # those that hold it in the file's name
    named: float = 0.0  # how far it distinguishes chunks, where the question names it


@dataclass(frozen=True)
class Scored:
    """For each segment the live chunks that share a word with the question, ascending, and their scores; and the words."""

    rows: list[Rows]
    scores: list[Scores]
    words: list[QuestionWord]
    titles: list[Rows]  # how many words the name of each chunk's file has

    def of(self, part: int, rows: Rows) -> Scores:
        """Return the scores of some chunks, 0 for those that share no word, shape [n]."""
        places, inside = within(self.rows[part], rows)
        scores = np.zeros(len(rows), np.float32)
        scores[inside] = self.scores[part][places[inside]]
        return scores

    def coverage(self, part: int, rows: Rows) -> Scores:
        """Return which share of the question some chunks hold, its words weighted by rarity; 0 to 1, shape [n]."""
        whole = sum(word.weight for word in self.words)
        weights = np.zeros(len(rows), np.float32)
        for word in self.words:
            weights += np.float32(word.weight) * within(word.rows[part], rows)[1]
        return weights / np.float32(whole) if whole else weights

    def named(self, part: int, rows: Rows) -> Scores:
        """Return how far the question names some chunks, in [0, 1]: 1 where it says the whole name of one's file.

        Else the mean over what it names: 1 where a heading or the file's name holds it, `IN_TEXT` where the text does.
        """
        every = [word for word in self.words if word.named]
        named = np.zeros(len(rows), np.float32)
        for word in every:
            inside = within(word.rows[part], rows)[1]
            fielded = within(word.fielded[part], rows)[1]
            named += np.where(fielded, 1.0, IN_TEXT * inside) * word.named / len(every)
        matched = np.zeros(len(rows), np.int32)
        for word in self.words:
            if not word.named and len(word.titled[part]):
                matched += within(word.titled[part], rows)[1]
        of_name: Rows = self.titles[part].take(rows)
        named[(of_name >= LEAST_OF_NAME) & (matched >= of_name)] = 1.0
        return named


def within(ascending: Rows, rows: Rows) -> tuple[npt.NDArray[np.intp], Live]:
    """Return where rows stand among ascending ones, and which of them do."""
    places = ascending.searchsorted(rows)
    if not len(ascending):
        return places, np.zeros(len(rows), np.bool_)
    # one after the last is compared with the last, which it is not
    return places, ascending.take(places, mode="clip") == rows
