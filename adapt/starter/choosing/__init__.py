"""How the weights of `adapt.choice` are made: questions with the sentence that answers them, a learned match of tokens, and a fit."""
