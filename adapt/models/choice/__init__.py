"""Which sentence of the passages answers a question: what may be said, what speaks for each, and the weights of that."""
