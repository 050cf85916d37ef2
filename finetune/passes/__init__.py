"""Forward passes: rows packed, adapters trained side by side on one base."""
