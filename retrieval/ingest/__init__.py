"""Files into a collection: what changed is read, cut, embedded and published in one step."""
