"""The scores of a SentencePiece model, found again in the list of merges that a tokenizer.json keeps of it.

llama.cpp merges by scores (`llm_tokenizer_spm` in its `src/llama-vocab.cpp`), `tokenizers` by the list; where both come to
the same is worked out here, and the rest is refused by `merge.export.gguf.tokenizer`.
"""

from collections.abc import Mapping, Set
from typing import Any


def merge_scores(model: Mapping[str, Any], *, apart: Set[str]) -> dict[str, float] | None:
    """Return how early each token is made, as SentencePiece scores: minus the rank of its first merge.

    llama.cpp merges whichever neighbours make the token of the highest score. That is what the list of merges says where it
    holds every pair of tokens that makes a token, and each token's pairs stand together, or between them only those of
    tokens that share no letter with it. Runs of one letter (Gemma's of spaces and line ends) may stand in any order in
    which a run grows from its left end before a second one begins. Otherwise None.

    Args:
        apart: tokens that are cut out of the text before anything is merged.
    """
    vocabulary: Mapping[str, int] = model["vocab"]
    pairs = [
        (merge.split(" ", 1)[0], merge.split(" ", 1)[1])
        if isinstance(merge, str)
        else (merge[0], merge[1])
        for merge in model["merges"]
    ]
    tokens = [left + right for left, right in pairs]
    first: dict[str, int] = {}
    runs: set[str] = set()
    for rank, token in enumerate(tokens):
        start = first.setdefault(token, rank)
        if start == rank or tokens[rank - 1] == token:
            continue
        rivals = [
            other for other in tokens[start:rank] if other != token and set(other) & set(token)
        ]
        if any(len(set(rival + token)) > 1 for rival in rivals):
            return None
        runs.update(token[0] for _ in rivals[:1])
    ranks = {pair: rank for rank, pair in enumerate(pairs)}
    whole = all(
        (token[:i], token[i:]) in ranks
        for token in vocabulary.keys() - apart
        for i in range(1, len(token))
        if token[:i] in vocabulary and token[i:] in vocabulary
    )
    if not whole or not all(_grows(letter, first, ranks) for letter in runs):
        return None
    return {token: -float(rank) for token, rank in first.items()}


def _grows(letter: str, first: Mapping[str, int], ranks: Mapping[tuple[str, str], int]) -> bool:
    """Return whether a run of a letter takes the next one before any two others become a run."""
    begins = ranks.get((letter, letter), -1)
    longer = [token for token in first if len(token) > 2 and token == letter * len(token)]
    return all(
        first[token] < begins and ranks.get((token[1:], letter), begins) < begins
        for token in longer
    )
