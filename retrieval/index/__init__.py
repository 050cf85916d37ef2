"""What a version of a collection is searched by: vectors, words, fields, filters."""
