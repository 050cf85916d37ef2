"""How many entries of a task vector a method keeps, and which parameters go together; plain arithmetic, no arrays.

Imported by the checks of a recipe, so it imports nothing heavy.
"""


def kept(entries: int, density: float) -> int:
    """Return how many of a task vector's entries trimming keeps: ⌊density·n⌋, but at least one of n ≥ 1, as mergekit.

    Raises:
        ValueError: `density` is outside (0, 1].
    """
    _check(density)
    return min(entries, max(1, int(density * entries)))


def window(entries: int, density: float, gamma: float) -> tuple[int, int]:
    """Return (first, last) of the entries that breadcrumbs keeps, counted from the largest; `last` is not kept.

    ⌊gamma·n⌋ of the largest are left out and ⌊density·n⌋ of the next kept; where that is more than there are, fewer are left
    out. With density 1 all are kept, whatever gamma is. All of this is mergekit's.

    Raises:
        ValueError: `density` is outside (0, 1] or `gamma` outside [0, 1].
    """
    _check(density)
    if not 0 <= gamma <= 1:
        raise ValueError(f"gamma must be in [0, 1], got {gamma}")
    if density == 1:
        return 0, entries
    count = int(density * entries)
    first = min(int(gamma * entries), entries - count)
    return first, first + count


def della_fault(density: float, epsilon: float) -> str:
    """Return why DELLA cannot use these together, as the rest of a sentence; nothing where it can.

    Keep probabilities go from density - ε to density + ε, and all of them must lie in (0, 1). With density 1 nothing is
    dropped and ε has no effect.
    """
    if density == 1 or (epsilon < density and density + epsilon < 1):
        return ""
    return (
        f"density - epsilon and density + epsilon must lie in (0, 1) (got density {density:g} and epsilon {epsilon:g}); "
        f"take an epsilon below {min(density, 1 - density):g}"
    )


def _check(density: float) -> None:
    if not 0 < density <= 1:
        raise ValueError(f"density must be in (0, 1], got {density}")
