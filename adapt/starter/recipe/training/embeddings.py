"""Token vectors from how often tokens occur near each other: positive pointwise mutual information, factorised.

Levy and Goldberg 2014, Neural Word Embedding as Implicit Matrix Factorization. Tokens of one word in another case, or
with and without the space before it, share a part, so that a question finds the word at the beginning of a sentence too.
"""

from collections.abc import Sequence

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

WINDOW = 4
COMPANY, SPELLING, OWN = 0.6, 0.7, 0.35  # parts of a vector, before it is brought to unit length


def token_vectors(
    documents: Sequence[Sequence[int]], texts: Sequence[str], *, width: int, seed: int
) -> Tensor:
    """Return unit vectors, [tokens, width], from tokenised documents and the tokens' texts."""
    generator = torch.Generator().manual_seed(seed)
    spelled: dict[str, Tensor] = {}
    for text in texts:
        spelled.setdefault(_plain(text), _unit(torch.randn(width, generator=generator)))
    spelling = torch.stack([spelled[_plain(text)] for text in texts])
    own = _unit(torch.randn(len(texts), width, generator=generator))
    company = _company(documents, len(texts), width=width, seed=seed)
    return _unit(COMPANY * company + SPELLING * spelling + OWN * own)


def _plain(text: str) -> str:
    return text.strip().casefold() or text


def _company(documents: Sequence[Sequence[int]], size: int, *, width: int, seed: int) -> Tensor:
    ids = np.concatenate([np.asarray(document, dtype=np.int32) for document in documents])
    counts = sparse.csr_matrix((size, size), dtype=np.float32)
    for distance in range(1, WINDOW + 1):
        weight = np.full(len(ids) - distance, 1 / distance, dtype=np.float32)
        counts += sparse.csr_matrix((weight, (ids[:-distance], ids[distance:])), shape=(size, size))
    counts = (counts + counts.T).tocoo()
    total = np.asarray(counts.sum(axis=0)).ravel() + 1e-9
    smoothed = total**0.75
    information = np.log(counts.data * smoothed.sum() / (total[counts.row] * smoothed[counts.col]))
    kept = information > 0
    matrix = sparse.csr_matrix(
        (information[kept], (counts.row[kept], counts.col[kept])), shape=(size, size)
    )
    rank = min(width, size - 2)
    left, values, _ = _low_rank(matrix, rank, seed=seed)
    vectors = torch.zeros(size, width)
    vectors[:, :rank] = torch.from_numpy(left * np.sqrt(values)).float()
    return _unit(vectors - vectors.mean(dim=0))


def _low_rank(
    matrix: sparse.csr_matrix, rank: int, *, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return a truncated singular value decomposition (Halko et al. 2011: random range, three power iterations)."""
    rng = np.random.default_rng(seed)
    basis = matrix @ rng.standard_normal((matrix.shape[1], rank + 10)).astype(np.float32)
    for _ in range(3):
        basis = np.linalg.qr(basis)[0]
        basis = matrix @ np.linalg.qr(matrix.T @ basis)[0]
    basis = np.linalg.qr(basis)[0]
    small_left, values, right = np.linalg.svd((matrix.T @ basis).T, full_matrices=False)
    return (basis @ small_left)[:, :rank], values[:rank], right[:rank]


def _unit(vectors: Tensor) -> Tensor:
    return torch.nn.functional.normalize(vectors, dim=-1)
