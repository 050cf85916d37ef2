"""Where heads of attention are taught to look."""
