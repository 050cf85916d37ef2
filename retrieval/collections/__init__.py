"""A collection as its users have it: opened, searched, shared, removed."""
