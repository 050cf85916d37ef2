"""Language models at work: loaded, rendered, restricted to passages, and the choice of what answers."""
