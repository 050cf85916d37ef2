"""What makes two prompts the same one, for rows that are held out and for rows that prove what others were fitted to."""

from adapt.records import Example, PreferencePair, RatedAnswer


def prompt_key(row: Example | PreferencePair | RatedAnswer) -> str:
    """Return what tells one prompt from another; case and white space do not. Plain text is its own prompt."""
    messages = row.messages if isinstance(row, Example) and row.plain else row.prompt
    turns = (f"{m.role}\x1f{' '.join(m.content.split()).casefold()}" for m in messages)
    return "\x1e".join(turns)
