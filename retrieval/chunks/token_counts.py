"""How many tokens texts have by the embedder, asked for in batches: a call for each text costs more than its tokens."""

from collections.abc import Callable, Iterable, Sequence

CountAll = Callable[[Sequence[str]], list[int]]

# a word of over 100 characters is one unknown token to WordPiece: length counts as well
CHARACTERS_PER_TOKEN = 8


class TokenCounts:
    """Sizes of the texts of one document, remembered; white space around a text counts by its length only."""

    def __init__(self, count_all: CountAll) -> None:
        self._count_all = count_all
        self._known: dict[str, int] = {"": 0}

    def learn(self, texts: Iterable[str]) -> None:
        """Count those that are not known yet, in one call."""
        new = list({bare: None for text in texts if (bare := text.strip()) not in self._known})
        if new:
            self._known.update(zip(new, self._count_all(new), strict=True))

    def forget(self) -> None:
        """Let go of what was counted."""
        self._known = {"": 0}

    def size(self, text: str) -> int:
        """Return a text's tokens, or an eighth of its characters where that is more."""
        count = self.known(text)
        if count is None:
            self.learn([text])
            count = self.known(text) or 0
        return count

    def fits(self, text: str, tokens: int) -> bool:
        """Return whether a text has at most so many tokens; one that is much too long is not counted for that."""
        return len(text) <= CHARACTERS_PER_TOKEN * tokens and self.size(text) <= tokens

    def known(self, text: str) -> int | None:
        """Return the size of a text that was counted before, else None."""
        tokens = self._known.get(text.strip())
        return None if tokens is None else max(tokens, -(-len(text) // CHARACTERS_PER_TOKEN))

    def sum(self, pieces: Sequence[str]) -> int:
        """Return the sizes of pieces together: near the size of the text that they make, but not always equal."""
        self.learn(pieces)
        return sum(map(self.size, pieces))
