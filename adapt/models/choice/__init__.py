"""Which sentence of the passages answers a question: the candidates, the evidence for each, and its weights."""
