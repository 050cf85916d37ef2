"""What a training will do, derived from data, base and machine, and said before it is done."""
