"""Retrieval: from a folder of documents to cited passages in the prompt."""
