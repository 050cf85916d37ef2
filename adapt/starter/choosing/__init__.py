"""How the weights of `adapt.choice` are made: questions with their sentences, a learned match of tokens, and a fit."""
