"""What the words of a question say: its language, the kind of thing asked for, and whether two ask the same."""
