"""Passages in the prompt: fenced, numbered, cited, and whether they hold the answer."""
