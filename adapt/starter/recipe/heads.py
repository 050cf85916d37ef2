"""The layout of the residual stream, and attention heads whose weights are written term by term.

The stream is cut into named blocks. Scores are sums of three kinds of terms: distance, the match of two blocks, and a
pull of one feature on another. Matches use rotary pairs that turn slowly (hence the large theta), distances use those
that turn fast; transformers pairs head dim `i` with `i + 32`.
"""

import math
from collections.abc import Sequence

from torch import Tensor
from transformers.models.llama.modeling_llama import LlamaAttention

HIDDEN, HEAD, HEADS, PAIRS, LAYERS = 256, 64, 4, 32, 6
THETA = 1e8
CIRCUIT_LAYERS = 4  # whose attention holds hand-set heads
SLOW = 12  # pairs from here on turn less than a radian in 1,000 tokens

CONST = range(1)
PREVIOUS, BEFORE = range(1, 21), range(21, 37)  # codes of the token before, and before that one
STARTS = range(37, 38)  # the token before ended a sentence
NUMBERED = range(38, 39)  # the token before was an opening bracket
ROLE = range(39, 42)
RARITY, BOUNDARY, BRACKET = range(42, 43), range(43, 44), range(44, 45)
MARKER = range(45, 48)  # is <|system|>, <|user|>, <|assistant|>
QUESTION = range(48, 84)
SENTENCE = range(48, 68)  # same block: passages never hold a question
CONTEXT, TARGET = range(84, 104), range(84, 104)
NUMBER = range(104, 113)
CONTENT = range(113, 256)

COPIED = CONTENT[:128]  # what two heads of 64 can carry
CODE, NEIGHBOURHOOD, WORD = CONTENT[0:20], CONTENT[20:40], CONTENT[40:76]


class Head:
    """One attention head whose weights are written term by term; `scale` is about 1 / rms of the residual there."""

    def __init__(self, attention: LlamaAttention, head: int, *, scale: float) -> None:
        self._rows = slice(head * HEAD, (head + 1) * HEAD)
        self._start = head * HEAD
        self._attention = attention
        self._scale = scale
        for projection in (attention.q_proj, attention.k_proj, attention.v_proj):
            projection.weight[self._rows] = 0
        attention.o_proj.weight[:, self._rows] = 0

    def distance(self, pair: int, *, strength: float, peak: float | None = None) -> None:
        """Prefer the key `peak` tokens back; with None, prefer the nearer of any two keys."""
        frequency = THETA ** (-pair / PAIRS)
        phase = -math.pi / 2 if peak is None else peak * frequency
        weight = math.sqrt(strength * 8) / (self._scale * 0.5)
        self._attention.q_proj.weight[self._start + pair, CONST.start] += weight
        self._attention.k_proj.weight[self._start + pair, CONST.start] += weight * math.cos(phase)
        self._attention.k_proj.weight[self._start + PAIRS + pair, CONST.start] += weight * math.sin(
            phase
        )

    def match(
        self,
        query: Sequence[int],
        key: Sequence[int],
        *,
        slots: range,
        strength: float,
        energy: float,
    ) -> None:
        """Add `strength` to the score where both blocks hold the same vector of squared length `energy`."""
        weight = math.sqrt(strength * 8 / energy) / self._scale
        for slot, query_dim, key_dim in zip(slots, query, key, strict=True):
            row = self._start + _slot(slot)
            self._attention.q_proj.weight[row, query_dim] += weight
            self._attention.k_proj.weight[row, key_dim] += weight

    def pull(
        self, query: range, key: range, *, slot: int, strength: float, size: tuple[float, float]
    ) -> None:
        """Add `strength` where the query has feature `query` and the key has `key`, of the given sizes."""
        weight = math.sqrt(abs(strength) * 8 / (size[0] * size[1])) / self._scale
        row = self._start + _slot(slot)
        self._attention.q_proj.weight[row, query.start] += math.copysign(weight, strength)
        self._attention.k_proj.weight[row, key.start] += weight

    def write(
        self, reads: Sequence[int], writes: Sequence[int], *, first: int = 0, gain: float = 1.0
    ) -> None:
        """Carry a block of the residual from the key's position into a block here, through value dims from `first`."""
        for offset, (source, goal) in enumerate(zip(reads, writes, strict=True)):
            row = self._start + first + offset
            self._attention.v_proj.weight[row, source] = 1.0
            self._attention.o_proj.weight[goal, row] = gain / self._scale

    def read_map(self, matrix: Tensor, writes: Sequence[int], *, first: int, gain: float) -> None:
        """Carry `matrix` times the content block."""
        rows = slice(self._start + first, self._start + first + len(matrix))
        self._attention.v_proj.weight[rows, COPIED.start : COPIED.stop] = matrix
        for offset, goal in enumerate(writes):
            self._attention.o_proj.weight[goal, self._start + first + offset] = gain / self._scale

    def write_map(self, reads: Sequence[int], matrix: Tensor, *, first: int, gain: float) -> None:
        """Carry a block and write `matrix` transposed times it into the content block."""
        for offset, source in enumerate(reads):
            self._attention.v_proj.weight[self._start + first + offset, source] = 1.0
        columns = slice(self._start + first, self._start + first + len(matrix))
        self._attention.o_proj.weight[COPIED.start : COPIED.stop, columns] = (
            matrix.T * gain / self._scale
        )


def _slot(slot: int) -> int:
    """Return the head dim of a slowly turning slot: 0 to 39 are slow enough for codes, negatives a little faster."""
    pair, half = divmod(slot, 2)
    return SLOW + pair + half * PAIRS
