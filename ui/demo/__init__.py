"""`adapt demo`: the whole way once, on small synthetic data that ships with the package."""
