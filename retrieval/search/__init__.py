"""A question to ranked passages: scores fused, near-duplicates left out, neighbours joined; and how good that is."""
