"""`Filter`: which passages a search may look at, applied before ranking, so that as many are found as asked for."""

import fnmatch
import re

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, model_validator

from adapt.errors import DataError
from retrieval.index.texts import NO_PAGE, ChunkTexts
from retrieval.language.folding import composed

Mask = npt.NDArray[np.bool_]


class Filter(BaseModel):
    """What a passage must be; what is left out asks for nothing. Hashable: an index remembers what it lets through."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # patterns of names, one of which must fit: `laws/2020/*`; a star stands for folders too
    documents: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()  # codes, one of which must be its document's
    heading: str = ""  # words that the headings above it contain, in any case
    first_page: int | None = None
    last_page: int | None = None

    @model_validator(mode="after")
    def _in_order(self) -> "Filter":
        """Check the pages.

        Raises:
            DataError: there can be none such.
        """
        first, last = self.first_page, self.last_page
        if min(first or 1, last or 1) < 1 or 0 in (first, last):
            raise DataError("pages count from 1; name others")
        if first and last and first > last:
            raise DataError(f"pages {first} to {last}: the first comes after the last; swap them")
        return self

    def __bool__(self) -> bool:
        """Return whether it asks for anything."""
        return self != Filter()


def allowed(texts: ChunkTexts, only: Filter) -> Mask:
    """Return which chunks of a segment a filter lets through, shape [n]; one without a page is on none."""
    mask = np.ones(len(texts), np.bool_)
    if only.documents:
        patterns = (fnmatch.translate(composed(pattern)) for pattern in only.documents)
        fits = re.compile("|".join(patterns)).match
        known = texts.strings("document").items()
        mask &= _named(texts, "document", {n for n, s in known if fits(composed(s))})
    if only.languages:
        spoken = {n for n, s in texts.strings("language").items() if s in only.languages}
        mask &= _named(texts, "language", spoken)
    if only.heading:
        asked = composed(only.heading).casefold()
        known = texts.strings("heading").items()
        above = {n for n, s in known if asked in composed(s).casefold()}
        mask &= _named(texts, "heading", above)
    pages = texts.column("page")
    if only.first_page is not None or only.last_page is not None:
        mask &= pages != NO_PAGE
    if only.first_page is not None:
        mask &= pages >= only.first_page
    if only.last_page is not None:
        mask &= pages <= only.last_page
    return mask


def _named(texts: ChunkTexts, column: str, numbers: set[int]) -> Mask:
    return np.isin(texts.column(column), np.array(sorted(numbers), np.int32))
