"""Recipes that only mergekit can run: whole models, slices, mixtures of experts."""
