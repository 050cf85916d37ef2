"""How many tokens texts have by the embedder, asked for in batches: a call for each text costs more than its tokens."""

from collections.abc import Callable, Iterable, Sequence

CountAll = Callable[[Sequence[str]], list[int]]

# a word of over 100 characters is one unknown token to WordPiece: length counts as well
CHARACTERS_PER_TOKEN = 8


class TokenCounts:
    """Sizes of the texts of one document, remembered."""

    def __init__(self, count_all: CountAll) -> None:
        self._count_all = count_all
        self._known: dict[str, int] = {}

    def learn(self, texts: Iterable[str]) -> None:
        """Count those that are not known yet, in one call."""
        new = list({text: None for text in texts if text not in self._known})
        if new:
            for text, tokens in zip(new, self._count_all(new), strict=True):
                self._known[text] = max(tokens, -(-len(text) // CHARACTERS_PER_TOKEN))

    def size(self, text: str) -> int:
        """Return a text's tokens, or an eighth of its characters where that is more."""
        self.learn([text])
        return self._known[text]

    def known(self, text: str) -> int | None:
        """Return the size of a text that was counted before, else None."""
        return self._known.get(text)

    def sum(self, pieces: Sequence[str]) -> int:
        """Return the sizes of pieces together: near the size of the text that they make, but not always equal."""
        self.learn(pieces)
        return sum(self._known[piece] for piece in pieces)
