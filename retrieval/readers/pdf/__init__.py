"""PDF: words, lines, columns, paragraphs, tables, scanned pages."""
