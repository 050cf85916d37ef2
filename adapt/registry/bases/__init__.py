"""Base models: which one a name means, the hub, fetching, and whether a folder is whole."""
