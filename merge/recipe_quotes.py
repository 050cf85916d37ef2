"""How a fault quotes what a person wrote: short, and at once even where YAML's aliases make it endless."""

import reprlib

_REPR = reprlib.Repr()
_REPR.maxlevel = 2  # the library's 6 levels of 6 entries are 46,656
_REPR.maxdict = _REPR.maxlist = _REPR.maxtuple = 4
_REPR.maxstring = _REPR.maxother = 60


def quoted(value: object) -> str:
    """Return a value as Python writes it, cut short."""
    return _REPR.repr(value)
