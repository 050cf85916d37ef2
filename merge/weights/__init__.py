"""Weights in files: checkpoints, adapters, and task vectors read block by block."""
