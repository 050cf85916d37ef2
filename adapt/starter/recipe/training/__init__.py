"""From texts and exercises to weights: tokenizer, batches, optimiser, record."""
