"""The one folder in which everything lies, and its settings."""
