"""The ways in: web app and command line, both over `ui.actions`."""
