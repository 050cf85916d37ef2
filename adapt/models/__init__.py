"""Language models at work: loaded, rendered, held to passages, and the choice of what answers."""
