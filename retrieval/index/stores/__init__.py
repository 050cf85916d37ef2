"""Where the nearest vectors of a collection are looked for: among all of them, or in the index of Chroma."""
