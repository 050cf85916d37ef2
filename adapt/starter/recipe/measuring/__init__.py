"""What the trained starter can do, and its card."""
