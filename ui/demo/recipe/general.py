"""Short general requests about the domains' own messages: what an adapter must leave alone.

An adapter that has only seen its own task does it to every input, and two such adapters undo each other when merged. A few
rows with the same messages under other requests teach it to act on its cue alone (rehearsal; Robins 1995).
"""

from collections.abc import Sequence

from ui.demo.recipe.rows import Row, gather, seeded

COUNT = 480
TALK = (
    ("Hello", "Hello! How can I help you?"),
    ("Good morning", "Good morning! How can I help you?"),
    ("Thank you", "You are welcome!"),
    ("Thanks a lot", "You are welcome!"),
    ("Goodbye", "Goodbye! Come back any time."),
    ("Hola", "¡Hola! ¿En qué puedo ayudarte?"),
    ("Gracias", "¡De nada!"),
)
TASKS = ("first", "last", "repeat", "capitals")


def make_rows(domains: Sequence[Sequence[Row]]) -> list[Row]:
    """Return the rows; `domains` are the training rows whose messages are used, the cue cut off."""
    messages = [[row.prompt.partition(": ")[2] for row in rows] for rows in domains]
    chance = seeded("general")

    def draw(number: int) -> Row:
        if number < len(TALK):
            asked, answer = TALK[number]
            return Row(asked, answer, asked)
        task = TASKS[number % len(TASKS)]
        words = chance.choice(messages[number // len(TASKS) % len(messages)]).split()
        if task == "first":
            return Row(f"What is the first word of: {' '.join(words)}", words[0], task)
        if task == "last":
            return Row(f"What is the last word of: {' '.join(words)}", words[-1], task)
        start = chance.randrange(max(1, len(words) - 4))
        phrase = " ".join(words[start : start + chance.randint(2, 4)])
        if task == "repeat":
            return Row(f"Repeat: {phrase}", phrase, task)
        return Row(f"Write in capitals: {phrase}", phrase.upper(), task)

    return gather(COUNT, draw)
