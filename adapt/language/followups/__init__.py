"""Follow-up questions completed from their conversation, before anything is searched by them."""
