"""Recipes: read from YAML or flags, every fault told with its field and line."""
