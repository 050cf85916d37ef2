"""What a training gained on held-out rows, and what it cost elsewhere."""
