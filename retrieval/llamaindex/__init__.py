"""Documents, chunks and collections as llama-index has them: its node parser, reader and retriever, by our own means."""
