"""The texts that the starter reads: corpora, facts, passages, questions."""
