"""Files to text: a reader for each kind of content; nothing in a file is run or fetched."""
