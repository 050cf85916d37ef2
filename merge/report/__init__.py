"""How a merge compares with its base and its parents, and what to do about it."""
