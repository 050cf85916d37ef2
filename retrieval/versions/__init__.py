"""Versions of a collection: segments, manifests, and one version held open."""
