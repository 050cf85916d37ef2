"""The command line: a file per noun, each body parses, makes one call into `ui.actions`, and prints."""
