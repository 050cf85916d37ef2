"""Held-out runs and what they prove: metrics, likelihoods, paired bootstrap."""
