"""`adapt ingest`, `adapt search` and what is done with collections."""
