"""One row as it stands in a file, before anybody knows what it means."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One row; `fault` says why it could not be read, empty where it could; `source` is its text, for setting it aside."""

    place: str
    value: object = None
    fault: str = ""
    source: str = ""

    @property
    def readable(self) -> object:
        """Return the value.

        Raises:
            RowError: the row could not be read.
        """
        if self.fault:
            raise RowError(self.fault)
        return self.value


class RowError(Exception):
    """Why a row is no example; its text is the clause that follows the row's place."""
