"""Follow-up questions made whole from their conversation, before anything is searched by them."""
