"""What one benchmark says: a figure of ours beside a peer's from the same run, or beside a limit."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One line of BENCHMARKS.md. `ratio` is ours over the peer's in the direction in which larger is better."""

    what: str
    ours: str
    peer: str
    ratio: float
    note: str = ""
