"""Text to chunks: cut by headings and sentences, tables and code kept whole."""
