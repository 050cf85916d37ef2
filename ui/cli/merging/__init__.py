"""`adapt merge` and `adapt export`."""
