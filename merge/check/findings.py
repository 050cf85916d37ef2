"""`Findings`: all that a check finds, each fault with the field it belongs to, so that they are reported together.

Not here: the checks themselves.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from adapt.errors import AdaptError, RecipeError
from merge.recipes.faults import all_faults, place
from merge.recipes.yaml_lines import Location


class Findings:
    """The faults and notes of one check; faults make a merge impossible, notes say what a person may not have meant."""

    def __init__(self, lines: Mapping[Location, int]) -> None:
        """Keep the lines of the recipe's fields; none where it came from flags, which are reported without fields."""
        self._lines = lines
        self._faults: list[AdaptError] = []
        self._notes: list[str] = []

    @property
    def notes(self) -> tuple[str, ...]:
        """Return the notes, each once."""
        return tuple(dict.fromkeys(self._notes))

    @property
    def is_clean(self) -> bool:
        """Return whether nothing is wrong so far."""
        return not self._faults

    def note(self, text: str) -> None:
        """Add what works and deserves notice."""
        self._notes.append(text)

    def add(self, at: Location, error: AdaptError) -> None:
        """Add a fault of a field; what is not written down has no line, and its sentence says what is missing."""
        if any(at[:n] in self._lines for n in range(1, len(at) + 1)):
            error.args = (place(at, str(error), self._lines),)
        self._faults.append(error)

    def add_recipe(self, at: Location, text: str) -> None:
        """Add a fault of the recipe itself, which names its field even where there are no lines."""
        self._faults.append(RecipeError(place(at, text, self._lines)))

    @contextmanager
    def at(self, location: Location) -> Iterator[None]:
        """Collect what goes wrong inside, so that the rest is checked as well."""
        try:
            yield
        except AdaptError as error:
            self.add(location, error)

    def error(self, name: str) -> AdaptError:
        """Return one fault as its own kind, several as one RecipeError that lists them."""
        sentences = list(dict.fromkeys(map(str, self._faults)))
        if len(sentences) == 1:
            return self._faults[0]
        return RecipeError(all_faults(name, sentences))
