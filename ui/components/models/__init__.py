"""Parts of the models and results pages."""
