"""The search for the recipe that does best on held-out rows."""
