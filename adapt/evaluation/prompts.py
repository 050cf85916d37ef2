"""When two prompts are the same, for held-out rows and for the rows that others were fitted to."""

from adapt.records import Example, PreferencePair, RatedAnswer


def prompt_key(row: Example | PreferencePair | RatedAnswer) -> str:
    """Return the key by which two prompts are the same; case and white space do not count. Plain text is its own prompt."""
    messages = row.messages if isinstance(row, Example) and row.plain else row.prompt
    turns = (f"{m.role}\x1f{' '.join(m.content.split()).casefold()}" for m in messages)
    return "\x1e".join(turns)
