"""Readers run in child processes with limits, so that a hostile file harms nothing."""
