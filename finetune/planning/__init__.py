"""What a training will do, derived from data, base and machine, and shown before it starts."""
