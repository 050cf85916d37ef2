"""ZIP archives: opened within limits, and read file by file."""
