"""Parts of the documents page."""
