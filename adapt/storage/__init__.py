"""The database with its migrations, and files that are there complete or not at all."""
