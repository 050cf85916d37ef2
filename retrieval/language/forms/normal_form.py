"""`Form`: an expression of a text that may be written in several ways, and the terms by which all of them meet.

A term with a colon is of a form alone, `d:2028-04-07`; one without may also stand in a text as a word, `1250000`.
"""

from typing import NamedTuple

SIGN = ":"  # in no word


class Form(NamedTuple):
    """Where it stands; its terms, any of which a question's form may share with a text's; and what only a text is found by.

    `leads` says that it stands where a heading does: at the start of a line that it names. `named` is false of what is
    only another way to write a word.
    `whole` is false of an amount with its currency: the number
    within it is asked for too.
    """

    start: int
    end: int
    terms: frozenset[str]
    also: frozenset[str] = frozenset()
    leads: bool = False
    named: bool = True
    whole: bool = True
