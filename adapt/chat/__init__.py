"""One turn of a conversation, from message to stored answer, and the prompt that it makes."""
