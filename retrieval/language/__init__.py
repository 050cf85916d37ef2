"""Text to terms: stems, stop words, compounds, and expressions in one form."""
