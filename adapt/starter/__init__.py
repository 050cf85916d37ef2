"""The embedded base language model, which needs no network, and the recipe that made it."""
