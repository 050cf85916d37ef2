"""`adapt finetune` and its runs."""
