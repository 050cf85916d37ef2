"""The evidence that passages hold the answer to a question: a few numbers that a person can check.

Not here: what follows from them (`retrieval.prompt.relevance`).
"""

from collections.abc import Sequence

import numpy as np

from adapt.language.sentences import sentence_spans
from adapt.protocols import TextEmbedder
from adapt.records import Passage
from retrieval.index.fields import indexed_text
from retrieval.language.folding import fold
from retrieval.language.terms import STOP_WORDS, WORD

NAMELESS = frozenset().union(*STOP_WORDS.values())


def nearest_sentence(question: str, passages: Sequence[Passage], encoder: TextEmbedder) -> float:
    """Return the cosine of the question and the sentence nearest to it."""
    sentences = [sentence for passage in passages for sentence in _sentences(passage.chunk.text)]
    vectors = encoder.embed_array([question, *sentences])
    return float((vectors[1:] @ vectors[0]).max())


def shared_sense(question: str, passages: Sequence[Passage], encoder: TextEmbedder) -> float:
    """Return how far the passage that does so best holds the sense of the question's words, in any language.

    That is the mean, over the question's words, of the largest cosine with a word of the passage, each word embedded by
    itself: a coverage that knows synonyms and translations. 0 for a question without a word that names something.
    """
    asked = _words(question)
    in_passages = [_words(indexed_text(passage.chunk)) for passage in passages]
    if not asked or not any(in_passages):
        return 0.0
    known = list(dict.fromkeys([*asked, *(word for words in in_passages for word in words)]))
    place = {word: i for i, word in enumerate(known)}
    vectors = encoder.embed_array(known)
    wanted = vectors[[place[word] for word in asked]]
    nearest = [
        (wanted @ vectors[[place[word] for word in words]].T).max(axis=1)
        for words in in_passages
        if words
    ]
    return float(np.mean(nearest, axis=1).max())


def _sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in sentence_spans(text)] or [text]


def _words(text: str) -> list[str]:
    """Return the words of a text that name something, each once; accents stay, an embedder knows them."""
    words = dict.fromkeys(WORD.findall(text.casefold()))
    return [word for word in words if fold(word) not in NAMELESS]
