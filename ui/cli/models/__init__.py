"""`adapt models`, `adapt bases` and what the starter is measured by."""
