"""Rows to tokens with labels."""
