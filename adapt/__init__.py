"""The ground floor: what all rooms share (registry, models, prompt, chat, evaluation)."""
