"""The fields of a row, which remember what was read of them: whatever is left over is named, or refused."""

from collections.abc import Iterator, Mapping

# Fields that change what a row means: one that holds something and is not read makes the row an error.
TEXT_ONLY = (
    "only text is learned; take the row out, or name a format with --format to leave the field out"
)
THOUGHTS = "write thoughts into the content as the base writes them (<think>…</think>), or leave the field out"
WHOLE_ROW = (
    "what it asks for is not done here; take it out, or name a format with --format to leave it out"
)
CHANGES: dict[str, str] = {
    **dict.fromkeys(("image", "images", "video", "videos", "audio", "audios", "document", "documents"), TEXT_ONLY),
    **dict.fromkeys(("reasoning_content", "reasoning", "thinking", "thoughts"), THOUGHTS),
    **dict.fromkeys(
        ("weight", "weights", "train", "masked", "mask", "label", "labels", "kto_tag", "chosen", "rejected", "score",
         "context", "system_prompt", "history", "tools", "functions", "function_call", "tool_calls", "prefix"),
        WHOLE_ROW,
    ),
}  # fmt: skip


class Fields(Mapping[str, object]):
    """What a row or a turn holds under its names; `[]` and `get` mark a name as read."""

    def __init__(self, values: Mapping[str, object]) -> None:
        """Take the values; those that are null count as not there."""
        self._values = {str(name): value for name, value in values.items() if value is not None}
        self._read: set[str] = set()
        self.within: set[str] = set()  # what was not read of turns, as `messages[].name`

    def __getitem__(self, name: str) -> object:
        """Return the value of a field."""
        value = self._values[name]
        self._read.add(name)
        return value

    def __contains__(self, name: object) -> bool:
        """Return whether there is such a field; to ask is not to read."""
        return name in self._values

    def __iter__(self) -> Iterator[str]:
        """Yield the names."""
        return iter(self._values)

    def __len__(self) -> int:
        """Return how many fields there are."""
        return len(self._values)

    def read(self) -> set[str]:
        """Return the names of what was read."""
        return {name for name in self._read if _says(self._values[name])}

    def unread(self) -> set[str]:
        """Return the names of what holds something and was not read, of turns as well."""
        return {
            n for n, value in self._values.items() if n not in self._read and _says(value)
        } | self.within

    def changing(self) -> str:
        """Return the first field that changes the row's meaning and was not read, with what to do; else nothing."""
        for name in sorted(self.unread()):
            if reason := CHANGES.get(name.rpartition("[].")[2]):
                return f"'{name}' changes what the row means: {reason}"
        return ""


def _says(value: object) -> bool:
    """Return whether a value holds anything."""
    return value not in ("", [], {}, ())
