"""`adapt demo`: everything once, on small synthetic data that ships with the package."""
