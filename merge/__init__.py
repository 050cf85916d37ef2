"""Merging: from adapters to one deployable model, exact on their weight differences."""
