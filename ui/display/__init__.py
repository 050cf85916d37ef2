"""Text of documents and models made fit to be shown."""
