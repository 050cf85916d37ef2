"""Recipes: read from YAML or flags, every fault reported with its field and line."""
