"""Feedback: conversations, ratings and corrections of a user, and what of them matters now."""
