"""Plain text, Markdown, code, notebooks, XML and delimited tables."""
