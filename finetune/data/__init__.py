"""Dataset files to rows, and rows to training and held-out parts."""
