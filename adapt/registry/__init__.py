"""Artifacts: bases, adapters, merged models and collections as versions in folders, with cards and licences."""
