"""A recipe compared with what is here, before a weight is read."""
