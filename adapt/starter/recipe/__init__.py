"""How the starter model was made: tokenizer, exercises, initialisation, training and evaluation."""
