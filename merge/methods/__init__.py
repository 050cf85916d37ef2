"""Merge methods: what each takes, and the arithmetic."""
