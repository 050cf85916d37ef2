"""The training itself: losses, schedule, checkpoints, interrupts."""
