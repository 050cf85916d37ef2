"""The words by which follow-up questions are told, a table for each language."""
