"""Runs: asked for, prepared, carried out, resumed; one domain or many."""
