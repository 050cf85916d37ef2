"""Makes the weights of `adapt.models.choice`: questions with their sentences, a learned match of tokens, and a fit."""
