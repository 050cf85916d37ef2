"""The words by which follow-up questions are recognised, a table for each language."""
