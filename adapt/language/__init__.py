"""What is read out of words alone: sentences, the language of a question, follow-up questions."""
